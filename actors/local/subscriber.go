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

// handedOver is the number of messages that wait for the program's function
// outside of the actor.
const handedOver = 64

// Handler is the program's function. It gets one message at a time, in order,
// on a goroutine of its subscription, and may block. The packet and all it
// points to are shared with other receivers: to be read only.
type Handler func(p *packet.Publish)

// Subscriber is the actor of one subscription of the program.
type Subscriber struct {
	tables   *routing.Tables
	receiver *message.Receiver
	filter   message.Filter
	bound    int // messages that may wait
	ready    chan<- struct{}
	counters *telemetry.Counters
	log      *zap.Logger

	queue    []*packet.Publish
	feed     chan *packet.Publish
	placed   bool // the index has the subscription
	dropping bool
}

// NewSubscriber makes the actor. The same value serves after a failure of it,
// with what waits. ready, which has room for one value, gets it when the
// subscription is in place; feed, see [Feed], leads to the goroutine of the
// subscription and is closed at the end. bound is the number of messages that
// may wait for handle; beyond it the oldest are dropped and counted.
func NewSubscriber(tables *routing.Tables, receiver *message.Receiver, filter message.Filter, bound int,
	feed chan *packet.Publish, ready chan<- struct{}, counters *telemetry.Counters, log *zap.Logger,
) *Subscriber {
	return &Subscriber{
		tables: tables, receiver: receiver, filter: filter, bound: bound,
		feed: feed, ready: ready, counters: counters, log: log,
	}
}

// Run calls handle for each message until the subscription ends. It is the
// body of the subscription's goroutine.
func Run(root *actor.RootContext, subscriber *actor.PID, feed <-chan *packet.Publish, handle Handler) {
	for p := range feed {
		handle(p)
		if len(feed) == 0 {
			root.Send(subscriber, room{})
		}
	}
}

// Feed makes the channel between the actor and its goroutine.
func Feed() chan *packet.Publish { return make(chan *packet.Publish, handedOver) }

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
			ctx.Send(m.Next.Retained, m.Next)
		}
	case room:
		s.hand()
	case *message.Barrier:
		ctx.Send(m.Publisher, &message.Credit{Receiver: m.Receiver})
	case *message.Subscribed:
		s.placed = true
		select {
		case s.ready <- struct{}{}:
		default: // said before
		}
	case *message.Resubscribe:
		s.subscribe(ctx)
	case *actor.Started:
		s.subscribe(ctx)
	case *actor.Stopping:
		s.receiver.Online.Store(false)
		ctx.Send(s.tables.Shards[s.tables.Shard(s.filter.Name)],
			&message.Subscribe{Receiver: s.receiver, Subscriber: ctx.Self(), Remove: true, Filters: []message.Filter{s.filter}})
		close(s.feed)
	}
}

// subscribe asks for the subscription, also when it may have been lost.
func (s *Subscriber) subscribe(ctx actor.Context) {
	if s.placed {
		return
	}
	s.receiver.Online.Store(true)
	ctx.Send(s.tables.Shards[s.tables.Shard(s.filter.Name)],
		&message.Subscribe{Receiver: s.receiver, Subscriber: ctx.Self(), Filters: []message.Filter{s.filter}})
}

func (s *Subscriber) take(runs []*packet.Run, terms *session.Terms) {
	for _, run := range runs {
		for one := range run.Owned().Each() {
			p := new(packet.Publish)
			if err := p.Decode(one.Frames, one.Version); err != nil {
				continue // a run holds valid frames only
			}
			p.QoS, p.Retain = min(p.QoS, terms.QoS), terms.Retained
			s.queue = append(s.queue, p)
		}
	}
	s.hand()
	over := len(s.queue) - s.bound
	if over <= 0 {
		s.dropping = s.dropping && len(s.queue) > 0
		return
	}
	s.counters.DroppedQueueFull.Add(int64(over))
	if !s.dropping {
		s.dropping = true
		s.log.Warn("subscription of the program is behind, oldest messages are dropped",
			zap.String("filter", s.filter.Name), zap.Int("queued", len(s.queue)))
	}
	s.queue = append(s.queue[:0:0], s.queue[over:]...)
}

// hand moves as much as fits to the subscription's goroutine.
func (s *Subscriber) hand() {
	for i, p := range s.queue {
		select {
		case s.feed <- p:
			s.queue[i] = nil
		default:
			s.queue = s.queue[i:]
			return
		}
	}
	s.queue = nil
}
