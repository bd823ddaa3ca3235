package local

import (
	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/routing"
	"github.com/troupemq/troupe/internal/telemetry"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// Subscription is what the actor of one subscription of the program works for.
type Subscription struct {
	Receiver *message.Receiver
	Filter   message.Filter
	Queue    *Queue          // leads to the goroutines of the subscription, and is closed at the end
	Ready    chan<- struct{} // has room for one value, and gets it when the subscription is in place
	Log      *zap.Logger
}

// Subscriber is the actor of one subscription of the program.
type Subscriber struct {
	Subscription
	tables   *routing.Tables
	counters *telemetry.Counters

	placed   bool // the index has the subscription
	dropping bool
	owed     []*message.Barrier // of publishers that are slowed down
	replays  []*message.Replay  // slices that are not asked for yet

	replaying int                 // retained actors that have more to come
	newer     map[string]struct{} // Topic Names of which came a newer message meanwhile
}

// newerMost bounds the Topic Names that are remembered during a replay.
const newerMost = 4096

// NewSubscriber makes the actor. The same value serves after a failure of it.
func NewSubscriber(tables *routing.Tables, s Subscription, counters *telemetry.Counters) *Subscriber {
	u := &Subscriber{Subscription: s, tables: tables, counters: counters}
	if s.Filter.Replay {
		u.replaying = len(tables.RetainedFor(s.Filter.Name))
	}
	return u
}

// room comes when little waits in the queue.
type room struct{}

// Receive implements actor.Actor.
func (s *Subscriber) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *message.Deliver:
		defer m.Ticket.Release()
		s.take(m.Runs, m.Terms)
	case *message.Retained:
		s.take(m.Runs, m.Terms)
		if m.Next != nil {
			s.replays = append(s.replays, m.Next)
		} else if s.replaying--; s.replaying <= 0 {
			s.newer = nil
		}
		s.replay(ctx)
	case room:
		s.credit(ctx)
		s.replay(ctx)
	case *message.Barrier:
		s.owed = append(s.owed, m)
		s.credit(ctx)
	case *message.Quiesce:
		done := m.Done
		s.Queue.whenEmpty(func() { done <- struct{}{} })
	case *message.Subscribed:
		s.placed = true
		select {
		case s.Ready <- struct{}{}:
		default: // said before
		}
	case *message.Resubscribe:
		s.subscribe(ctx)
	case *actor.Started:
		self, root := ctx.Self(), ctx.ActorSystem().Root
		s.Queue.attend(func() { root.Send(self, room{}) })
		s.subscribe(ctx)
	case *actor.Stopping:
		s.Receiver.Online.Store(false)
		ctx.Send(s.tables.Shards[s.tables.Shard(s.Filter.Name)],
			&message.Subscribe{Receiver: s.Receiver, Subscriber: ctx.Self(), Remove: true, Filters: []message.Filter{s.Filter}})
		if lost := s.Queue.Close(); lost > 0 {
			s.Log.Warn("a subscription of the program ends with the broker, and what waited is lost", zap.Int("messages", lost))
		}
		s.credit(ctx)
	}
}

// subscribe asks for the subscription, also when it may have been lost.
func (s *Subscriber) subscribe(ctx actor.Context) {
	if s.placed {
		return
	}
	s.Receiver.Online.Store(true)
	ctx.Send(s.tables.Shards[s.tables.Shard(s.Filter.Name)],
		&message.Subscribe{Receiver: s.Receiver, Subscriber: ctx.Self(), Filters: []message.Filter{s.Filter}})
}

func (s *Subscriber) take(runs []*packet.Run, terms *session.Terms) {
	var taken []waiting
	for _, run := range runs {
		if s.replaying > 0 && s.superseded(run, terms) {
			continue
		}
		for one := range run.Owned().Each() {
			p := new(packet.Publish)
			if err := p.Decode(one.Frames, one.Version); err != nil {
				continue // a run holds valid frames only
			}
			p.Retain = terms.Retained || terms.RetainAsPublished && p.Retain
			p.QoS, p.SubscriptionIDs = min(p.QoS, terms.QoS), terms.IDs
			taken = append(taken, waiting{p, one.Deadline})
		}
	}
	behind, dropped := s.Queue.put(taken, terms.Retained)
	s.Receiver.Full.Store(s.Queue.strained())
	s.dropping = s.dropping && behind
	if dropped == 0 {
		return
	}
	s.counters.DroppedQueueFull.Add(int64(dropped))
	if !s.dropping {
		s.dropping = true
		s.Log.Warn("subscription of the program is behind, "+s.Queue.overflow.victims()+" are dropped",
			zap.String("filter", s.Filter.Name), zap.Int("queued", s.Queue.Len()))
	}
}

// superseded notes a live message that replaces the Retained Message of its
// topic, and says of a Retained Message whether such a one came before.
func (s *Subscriber) superseded(run *packet.Run, terms *session.Terms) bool {
	switch {
	case terms.Retained:
		_, newer := s.newer[string(run.Topic)]
		return newer
	case run.Retain && len(s.newer) < newerMost:
		if s.newer == nil {
			s.newer = make(map[string]struct{})
		}
		s.newer[string(run.Topic)] = struct{}{}
	}
	return false
}

// credit answers the publishers that wait, unless they are to.
func (s *Subscriber) credit(ctx actor.Context) {
	strained := s.Queue.strained()
	s.Receiver.Full.Store(strained)
	if strained {
		return
	}
	for _, b := range s.owed {
		ctx.Send(b.Publisher, &message.Credit{Receiver: b.Receiver})
	}
	s.owed = nil
}

// replay asks for more retained messages if there is room for them.
func (s *Subscriber) replay(ctx actor.Context) {
	if len(s.replays) == 0 || s.Queue.crowded() {
		return
	}
	for _, next := range s.replays {
		ctx.Send(next.Retained, next)
	}
	s.replays = nil
}

// victims names what gives way, for the log.
func (o Overflow) victims() string {
	switch o {
	case DropNewest:
		return "newest messages"
	case Slow:
		return "messages with QoS 0"
	default:
		return "oldest messages"
	}
}
