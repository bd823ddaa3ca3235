// Package routing is what a publisher does between a message and its
// receivers: it reads the shards' snapshots of the topic index, works out who
// gets the message on which terms, and posts one [message.Deliver] per distinct
// set of receivers.
//
// It is a library for actors that publish (sessions, the embedding program,
// $SYS, bridges) and not an actor: publishing must not cost a hop through a
// router. The shards that write the snapshots are in actors/router.
package routing

import (
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/cespare/xxhash/v2"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
	"github.com/troupemq/troupe/protocol/topic"
)

// Tables of one instance: where the shards publish their snapshots, and the
// PIDs of shards and retained actors. The PIDs are set once, before the first
// publisher starts.
type Tables struct {
	Shards   []*actor.PID // literal shards, then the wildcard shard
	Retained []*actor.PID

	// Refusing says that queues at their bound refuse the publisher, so that
	// it is worth looking for such before each message.
	Refusing bool
	// Crowded says that as much waits in the sessions of the instance together as
	// may: then those whose Clients are away take no more. Sessions set it.
	Crowded atomic.Bool

	// Journal is who commits to the store, nil if there is none. Waits says that
	// acknowledgements wait for that. Both are set once, before the first publisher
	// starts.
	Journal *actor.PID
	Waits   bool
	// Behind says that acknowledgements wait all the same, since as much is not
	// written as may be lost. The instance sets it.
	Behind atomic.Bool
	// ReadOnly says that nothing can be written any more, so that what would have
	// to be is refused. The journal sets it.
	ReadOnly atomic.Bool

	root      *actor.RootContext
	snapshots []atomic.Pointer[snapshot]
	plain     [3][2]*session.Terms // by QoS and Retain As Published
	retained  [3]*session.Terms    // by QoS
	delivers  sync.Pool            // of *message.Deliver that had one receiver
	aheads    sync.Pool            // of *ahead
}

// snapshot is an index as a shard published it. Routes remember the version and
// not the index, or each idle publisher would keep an old one alive.
type snapshot struct {
	*message.Index
	version uint64
}

// New makes tables for a number of literal shards; the wildcard shard comes on
// top.
func New(root *actor.RootContext, literal, retained int) *Tables {
	t := &Tables{
		Shards:    make([]*actor.PID, literal+1),
		Retained:  make([]*actor.PID, retained),
		root:      root,
		snapshots: make([]atomic.Pointer[snapshot], literal+1),
	}
	empty := topic.NewIndex[message.Subscription]()
	for i := range t.snapshots {
		t.snapshots[i].Store(&snapshot{Index: empty})
	}
	for qos := range t.plain {
		t.plain[qos][0] = &session.Terms{QoS: packet.QoS(qos)}
		t.retained[qos] = &session.Terms{QoS: packet.QoS(qos), Retained: true}
		t.plain[qos][1] = &session.Terms{QoS: packet.QoS(qos), RetainAsPublished: true}
	}
	return t
}

// Snapshot returns what a shard last published.
func (t *Tables) Snapshot(shard int) *message.Index { return t.snapshots[shard].Load().Index }

// Publish makes an index visible to publishers. Only the shard's actor calls it.
func (t *Tables) Publish(shard int, index *message.Index) {
	t.snapshots[shard].Store(&snapshot{index, t.snapshots[shard].Load().version + 1})
}

// current returns the snapshots that hold whatever matches a Topic Name.
func (t *Tables) current(name []byte) (literal, wildcard *snapshot) {
	last := len(t.Shards) - 1
	return t.snapshots[topic.NameShard(name, last)].Load(), t.snapshots[last].Load()
}

// ahead returns a place to look up topics ahead of their turn; looked takes it back.
func (t *Tables) ahead() *ahead {
	if a, ok := t.aheads.Get().(*ahead); ok {
		return a
	}
	return new(ahead)
}

func (t *Tables) looked(a *ahead) {
	a.forget()
	a.from, a.to = 0, 0
	t.aheads.Put(a)
}

// deliver makes the message for a number of receivers.
func (t *Tables) deliver(runs []*packet.Run, terms *session.Terms, receivers int, ticket *message.Ticket) *message.Deliver {
	ticket.Hold(receivers)
	lent := lentTo(runs)
	lent.Hold(receivers)
	if receivers == 1 {
		if d, ok := t.delivers.Get().(*message.Deliver); ok {
			d.Runs, d.Terms, d.Lent, d.Ticket = runs, terms, lent, ticket
			return d
		}
	}
	return &message.Deliver{Runs: runs, Terms: terms, Lent: lent, Only: receivers == 1, Ticket: ticket}
}

// Delivered is for a receiver that has handled a message and reads none of it
// any more, but for runs that were kept: the message and the bytes are used
// again when no other receiver has them. What it has to write because of it, it
// has said.
func (t *Tables) Delivered(d *message.Deliver) {
	d.Lent.Release()
	d.Ticket.Release()
	if d.Only {
		d.Runs, d.Terms, d.Lent, d.Ticket = nil, nil, nil, nil
		t.delivers.Put(d)
	}
}

// lentTo is the slab of runs that came in one read, nil if it is not used again.
func lentTo(runs []*packet.Run) *packet.Slab {
	for _, r := range runs {
		if r.Lent != nil { // others may have been rewritten, and have memory of their own
			return r.Lent
		}
	}
	return nil
}

// keep lets runs be read for longer than their receivers take.
func keep(runs []*packet.Run) {
	lentTo(runs).Keep()
}

// Shard returns the number of the shard that holds a Topic Filter.
func (t *Tables) Shard(filter string) int {
	return topic.FilterShard(filter, len(t.Shards)-1)
}

// RetainedShard returns the retained actor that keeps a Topic Name.
func (t *Tables) RetainedShard(name []byte) *actor.PID {
	return t.Retained[xxhash.Sum64(name)%uint64(len(t.Retained))]
}

// RetainedFor returns the retained actors that may hold matches of a filter:
// one for a Topic Filter without wildcards, else all.
func (t *Tables) RetainedFor(filter string) []*actor.PID {
	if topic.HasWildcard(filter) {
		return t.Retained
	}
	i := xxhash.Sum64String(filter) % uint64(len(t.Retained))
	return t.Retained[i : i+1]
}

// Subscription makes the entry of the index for a receiver's Topic Filter.
func (t *Tables) Subscription(receiver *message.Receiver, f *message.Filter) message.Subscription {
	share, _, _ := topic.ParseFilter(f.Name)
	s := message.Subscription{Receiver: receiver, ID: f.ID, Options: f.Options}
	if share == "" && f.ID == 0 && f.Raise == packet.QoS0 {
		s.Terms = t.terms(f.Options.QoS, f.Options.RetainAsPublished)
		return s
	}
	s.Terms = &session.Terms{QoS: f.Options.QoS, RetainAsPublished: f.Options.RetainAsPublished, Raise: f.Raise}
	if share != "" {
		s.Terms.Shared = f.Name
	}
	if f.ID != 0 {
		s.Terms.IDs = []uint32{f.ID}
	}
	return s
}

// ReplayTerms are those of the retained messages that a new subscription asked for.
func (t *Tables) ReplayTerms(f *message.Filter) *session.Terms {
	if f.ID == 0 && f.Raise == packet.QoS0 {
		return t.retained[f.Options.QoS]
	}
	terms := &session.Terms{QoS: f.Options.QoS, Retained: true, Raise: f.Raise}
	if f.ID != 0 {
		terms.IDs = []uint32{f.ID}
	}
	return terms
}

// terms are the shared ones of receivers without Subscription Identifiers.
func (t *Tables) terms(qos packet.QoS, retainAsPublished bool) *session.Terms {
	if retainAsPublished {
		return t.plain[qos][1]
	}
	return t.plain[qos][0]
}
