// Package retained holds the actors that keep retained messages, each those of
// its share of the Topic Names.
//
// A message that came with RETAIN replaces the one before it on its topic; an
// empty payload removes it [MQTT-3.3.1-5], [MQTT-3.3.1-6]. Replays for new
// subscriptions are cut into slices that travel with a cursor over an
// immutable tree, so that a `#` over a million messages holds up no publisher
// and costs the actor no state.
//
// With a journal the messages are durable: [Load] reads them at start-up, and
// the actor writes each topic that changed once per group, see journal.go. Topics
// stay in memory, while frames beyond a bound are left on disk alone and read
// again for a replay, see paging.go and replay.go.
package retained

import (
	"bytes"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/internal/eventloop"
	"github.com/troupemq/troupe/internal/telemetry"
	"github.com/troupemq/troupe/protocol/topic"
)

// Limits bounds what an instance retains; 0 means no bound.
type Limits struct {
	Messages int64
	Bytes    int64 // of whole PUBLISH frames
	Memory   int64 // of those frames that are in memory; what is beyond is on disk alone
}

// Disk is where an actor's messages are durable. Its zero value is nowhere.
type Disk struct {
	Journal *actor.PID // whom to tell of changes; nil: nothing is written
	// Wrote is told how many messages were taken that have to be written, and says
	// whether they are so many by now that a group is due; nil: never.
	Wrote func(messages int) (due bool)
	// Read gets the records of topics from the store and gives them to reply,
	// from any goroutine and once: in the order of topics, nil for one that is
	// not there or could not be read, with the first error of the latter. It
	// must not block. Without it all frames stay in memory. See [Reader].
	Read func(topics []string, reply func(records [][]byte, err error))
}

// Retained is the actor of one share of the retained messages.
type Retained struct {
	store    *Store
	loop     eventloop.Loop
	limits   Limits
	disk     Disk
	counters *telemetry.Counters
	log      *zap.Logger

	edit  *topic.TreeEditor[kept] // nil: nothing changed since the last commit
	timer *eventloop.Timer

	full     bool // a message was refused and none accepted since
	blind    bool // a message could not be read and none has been since
	evicting bool // an evict is on its way
}

type sweep struct{}

// New makes the actor that keeps store. It runs on loop.
func New(store *Store, loop eventloop.Loop, limits Limits, disk Disk, counters *telemetry.Counters, log *zap.Logger) *Retained {
	return &Retained{store: store, loop: loop, limits: limits, disk: disk, counters: counters, log: log}
}

// Receive implements actor.Actor.
func (r *Retained) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		self, root := ctx.Self(), ctx.ActorSystem().Root
		r.timer = eventloop.NewTimer(func() { root.Send(self, sweep{}) })
		r.arm()
		r.tell(ctx) // of what was noted at start-up, or before a failure
	case *actor.Stopping, *actor.Restarting:
		r.loop.Stop(r.timer)
		r.commit() // what was taken before a failure was acknowledged
	case *message.Retain:
		r.retain(ctx, m)
	case *message.Replay:
		r.commit()
		r.replay(ctx, m)
	case *slice:
		r.turn(ctx, m)
	case *message.Collect:
		r.collect(ctx, m)
	case *message.Committed:
		r.committed(ctx, m.Group)
	case evict:
		r.evict(ctx)
	case sweep:
		r.sweep(ctx, r.loop.Now())
	case system.Drained:
		r.commit()
	}
}

func (r *Retained) commit() {
	if r.edit != nil {
		r.store.tree = r.edit.Commit()
		r.edit = nil
	}
}

// retain takes a message. Its ticket is let go in any case, and last: the
// journal must hear of the change before it hears that all have noted theirs.
func (r *Retained) retain(ctx actor.Context, m *message.Retain) {
	defer m.Ticket.Release()
	name, urgent := m.Run.Topic, m.Ticket != nil
	changed := false
	if m.Run.PayloadSize() == 0 {
		changed = r.remove(name)
	} else {
		changed = r.put(m)
	}
	// Without a change the ticket may still wait for one before: that the topic
	// has no message is true once its removal is written.
	if changed || urgent && r.store.dirty.has(name) {
		r.note(ctx, name, urgent)
	}
}

// put keeps a message and tells whether it did.
func (r *Retained) put(m *message.Retain) bool {
	name := m.Run.Topic
	before, replaces := r.get(name)
	grown := int64(len(m.Run.Frames)) - int64(before.size)
	if !own(name) && r.refuse(replaces, grown, name) {
		return false
	}
	r.store.changes++
	k := keep(m.Run, r.store.changes)
	r.change(func(e *topic.TreeEditor[kept]) { e.Put(k.name(), k) })
	more := int64(1)
	if replaces {
		more = 0
	}
	r.count(name, more, grown)
	r.counters.RetainedResident.Add(k.inMemory() - before.inMemory())
	if at := k.deadline(); at != 0 {
		r.remember(at, string(name))
	}
	return true
}

// refuse tells whether the message would pass a bound of the instance. The
// topic then keeps the message that it had. The counters are shared with the
// other retained actors, so the bounds may be passed by a message or two when
// several fill up at once.
func (r *Retained) refuse(replaces bool, grown int64, name []byte) bool {
	over := r.limits.Messages > 0 && !replaces && r.counters.RetainedForClients() >= r.limits.Messages ||
		r.limits.Bytes > 0 && grown > 0 && r.counters.RetainedBytesForClients()+grown > r.limits.Bytes
	if over {
		r.counters.DroppedRetained.Add(1)
		if !r.full {
			r.log.Warn("retained messages at their bound, new ones are not kept",
				zap.ByteString("topic", name),
				zap.Int64("max_messages", r.limits.Messages), zap.Int64("max_bytes", r.limits.Bytes))
		}
	}
	r.full = over
	return over
}

// own tells whether a topic is one of the broker itself, where Clients may not
// publish: what it says there takes nothing of their bound.
func own(name []byte) bool { return bytes.HasPrefix(name, []byte(unwritten)) }

// count counts messages that came or went.
func (r *Retained) count(name []byte, messages, bytes int64) {
	r.counters.RetainedMessages.Add(messages)
	r.counters.RetainedBytes.Add(bytes)
	if own(name) {
		r.counters.RetainedOwn.Add(messages)
		r.counters.RetainedOwnBytes.Add(bytes)
	}
}

func (r *Retained) get(name []byte) (kept, bool) {
	if r.edit != nil {
		return r.edit.Get(name)
	}
	return r.store.tree.Get(name)
}

// change does one change. Should it fail in the middle, the edit is not to be
// committed.
func (r *Retained) change(do func(*topic.TreeEditor[kept])) {
	edit := r.edit
	if edit == nil {
		edit = r.store.tree.Edit()
	}
	r.edit = nil
	do(edit)
	r.edit = edit
}

// remove tells whether there was a message.
func (r *Retained) remove(name []byte) bool {
	before, ok := r.get(name)
	if !ok {
		return false
	}
	r.change(func(e *topic.TreeEditor[kept]) { e.Delete(name) })
	r.count(name, -1, -int64(before.size))
	r.counters.RetainedResident.Add(-before.inMemory())
	return true
}
