// Package retained holds the actors that keep retained messages, each those of
// its share of the Topic Names.
//
// A message that came with RETAIN replaces the one before it on its topic; an
// empty payload removes it [MQTT-3.3.1-5], [MQTT-3.3.1-6]. Replays for new
// subscriptions are cut into slices that travel with a cursor over an
// immutable tree, so that a `#` over a million messages holds up no publisher
// and costs the actor no state.
package retained

import (
	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/internal/eventloop"
	"github.com/troupemq/troupe/internal/telemetry"
	"github.com/troupemq/troupe/protocol/topic"
)

// What bounds one slice of a replay.
const (
	sliceMessages = 64
	sliceBytes    = 64 << 10
	sliceSteps    = 1024 // through the tree, whether they match or not
)

// Limits bounds what an instance retains; 0 means no bound.
type Limits struct {
	Messages int64
	Bytes    int64 // of whole PUBLISH frames
}

// Store is what one retained actor holds. It is made apart from the actor, so
// that it outlives a failure of it: the tree is immutable and each change is
// taken over whole or not at all.
type Store struct {
	tree  *topic.Tree[kept]
	times expiries
}

// NewStore makes an empty store.
func NewStore() *Store { return &Store{tree: topic.NewTree[kept]()} }

// Retained is the actor of one share of the retained messages.
type Retained struct {
	store    *Store
	loop     eventloop.Loop
	limits   Limits
	counters *telemetry.Counters
	log      *zap.Logger

	edit  *topic.TreeEditor[kept] // nil: nothing changed since the last commit
	timer *eventloop.Timer
	full  bool // a message was refused and none accepted since
}

type sweep struct{}

// New makes the actor that keeps store. It runs on loop.
func New(store *Store, loop eventloop.Loop, limits Limits, counters *telemetry.Counters, log *zap.Logger) *Retained {
	return &Retained{store: store, loop: loop, limits: limits, counters: counters, log: log}
}

// Receive implements actor.Actor.
func (r *Retained) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		self, root := ctx.Self(), ctx.ActorSystem().Root
		r.timer = eventloop.NewTimer(func() { root.Send(self, sweep{}) })
		r.arm()
	case *actor.Stopping, *actor.Restarting:
		r.loop.Stop(r.timer)
		r.commit() // what was taken before a failure was acknowledged
	case *message.Retain:
		r.retain(m)
	case *message.Replay:
		r.commit()
		r.replay(ctx, m)
	case sweep:
		r.sweep(r.loop.Now())
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

func (r *Retained) retain(m *message.Retain) {
	name := m.Run.Topic
	if m.Run.PayloadSize() == 0 {
		r.remove(name)
		return
	}
	before, replaces := r.get(name)
	grown := int64(len(m.Run.Frames) - len(before.frame))
	if r.refuse(replaces, grown, name) {
		return
	}
	k := keep(m.Run)
	r.change(func(e *topic.TreeEditor[kept]) { e.Put(k.name(), k) })
	r.counters.RetainedBytes.Add(grown)
	if !replaces {
		r.counters.RetainedMessages.Add(1)
	}
	if at := k.deadline(); at != 0 {
		r.remember(at, string(name))
	}
}

// refuse tells whether the message would pass a bound of the instance. The
// topic then keeps the message that it had. The counters are shared with the
// other retained actors, so the bounds may be passed by a message or two when
// several fill up at once.
func (r *Retained) refuse(replaces bool, grown int64, name []byte) bool {
	over := r.limits.Messages > 0 && !replaces && r.counters.RetainedMessages.Load() >= r.limits.Messages ||
		r.limits.Bytes > 0 && grown > 0 && r.counters.RetainedBytes.Load()+grown > r.limits.Bytes
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

func (r *Retained) remove(name []byte) {
	before, ok := r.get(name)
	if !ok {
		return
	}
	r.change(func(e *topic.TreeEditor[kept]) { e.Delete(name) })
	r.counters.RetainedMessages.Add(-1)
	r.counters.RetainedBytes.Add(-int64(len(before.frame)))
}

func (r *Retained) replay(ctx actor.Context, m *message.Replay) {
	cursor, ok := m.Position.(*topic.Cursor[kept])
	if !ok {
		cursor = r.store.tree.Find(m.Filter)
	}
	now, size := r.loop.Now(), 0
	var found runs
	done := cursor.Walk(sliceSteps, func(_ string, k kept) bool {
		if !k.expired(now) {
			found.add(k, sliceMessages)
			size += len(k.frame)
		}
		return len(found.all) < sliceMessages && size < sliceBytes
	})
	answer := &message.Retained{Runs: found.all, Terms: m.Terms}
	if done {
		ctx.Send(m.Subscriber, answer)
		return
	}
	m.Position = cursor
	answer.Next = m
	ctx.Send(m.Subscriber, answer)
}
