package troupe

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/local"
	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/protocol/topic"
)

// windowUsual is how many messages an actor has at a time.
const windowUsual = 64

// Subscribe calls handle for each message that matches filter, one at a time and
// in order, on a goroutine of the subscription. Retained messages come at the
// start. New ones may come in between, but no retained message comes behind the
// one that replaced it. Messages come at the QoS they were published with, at most qos; nothing
// needs to be acknowledged. It returns when the subscription is in place: what
// is published from then on is received. ctx is for Subscribe alone; to end the
// subscription with a context, have context.AfterFunc close it.
//
// handle may block, and then nobody waits for it: messages wait, and beyond a
// bound the oldest are dropped. [WithQueue] changes that. It may call all methods
// of the Broker and of the Subscription. A panic of handle is logged and costs
// the one message. The Message is handle's own; its byte slices are shared with
// other receivers: they may be kept, and must not be changed.
//
// Order: what one goroutine or Client publishes comes in that order, across
// topics; [WithConcurrency] gives that up. A shared subscription is
// "$share/name/filter".
//
// Errors: [ErrNotRunning], that of ctx, a filter that is no Topic Filter, a handle
// that is nil, and an option that cannot be.
func (b *Broker) Subscribe(ctx context.Context, filter string, qos QoS, handle func(*Message), options ...SubscribeOption) (*Subscription, error) {
	if handle == nil {
		return nil, refusedFilter(filter, errors.New("the function is nil"))
	}
	return b.subscribe(ctx, filter, qos, options, func(_ *Subscription, w *wish) consumer {
		return consumer{goroutines: w.concurrency, hand: b.contained(filter, handle)}
	})
}

// SubscribeChan puts each message that matches filter into a channel of the
// program, as [Broker.Subscribe] calls a function. Who reads too slowly, or not
// at all, makes messages wait; what then gives way [WithQueue] says. Several
// subscriptions may share a channel, see [WithSubscriptionID]. The channel is not
// closed when a subscription ends: wait for Done too. A program that closes it ends
// the subscription with the next message ([ErrChannelClosed]), which is lost.
func (b *Broker) SubscribeChan(ctx context.Context, filter string, qos QoS, to chan<- *Message, options ...SubscribeOption) (*Subscription, error) {
	if to == nil {
		return nil, refusedFilter(filter, errors.New("the channel is nil"))
	}
	return b.subscribe(ctx, filter, qos, options, func(s *Subscription, _ *wish) consumer {
		return consumer{goroutines: 1, hand: func(m *Message) {
			defer func() {
				if recover() != nil { // nothing else here can panic
					s.end(ErrChannelClosed)
				}
			}()
			select {
			case to <- m:
			case <-s.queue.Ended():
			}
		}}
	})
}

// SubscribePID sends each message that matches filter to an actor, which
// receives a *Message. It is one of the program's actors in the Broker's actor
// system, that is in [Broker.ActorSystem].
//
// The actor has at most as many messages at a time as [WithWindow] says, by
// default 64: a message counts until the actor has received it. To know that,
// the actor is sent an actor.Touch behind every half of a window, which
// protoactor answers by itself; Receive sees it and may ignore it. With
// [WithAnswers] a message counts until the actor answers it, and there is no
// Touch. What is not with the actor waits, and [WithQueue] says what gives way. So
// its mailbox is bounded, and the actor is sent to from a goroutine that may
// wait, whatever its mailbox and dispatcher are.
//
// When the actor ends, so does the subscription ([ErrActorEnded]). When it is
// restarted the subscription goes on: the message that it failed over is gone.
// The sender of the messages is not to be sent anything but answers.
//
// Errors: as Subscribe, and an actor that is nil, has ended, or is of another
// actor system or process. An actor of another system cannot be told from one of
// this system that has the same name.
func (b *Broker) SubscribePID(ctx context.Context, filter string, qos QoS, pid *actor.PID, options ...SubscribeOption) (*Subscription, error) {
	if b.none() {
		return nil, errNone
	}
	if err := b.knows(pid); err != nil {
		return nil, refusedFilter(filter, err)
	}
	return b.subscribe(ctx, filter, qos, options, func(s *Subscription, w *wish) consumer {
		to := local.NewRecipient(b.actors(), s.tree.system.Root(), pid, w.window, w.answers, func() { s.end(ErrActorEnded) })
		return consumer{goroutines: 1, hand: func(m *Message) { to.Deliver(m, s.queue.Ended()) }, last: to.Close}
	})
}

// knows tells whether an actor is there and can be sent messages.
func (b *Broker) knows(pid *actor.PID) error {
	switch actors := b.actors(); {
	case pid == nil:
		return errors.New("the PID is nil")
	case pid.Address != actors.Address() && pid.Address != localAddress:
		return fmt.Errorf("the actor %s is elsewhere, at %s", pid.Id, pid.Address)
	default:
		if _, there := actors.ProcessRegistry.GetLocal(pid.Id); !there {
			return fmt.Errorf("the broker's actor system has no actor %s: it has ended, or is of another system (see WithActorSystem)", pid.Id)
		}
		return nil
	}
}

// localAddress is what PIDs have that were made before a protoactor remote.
const localAddress = "nonhost"

// consumer is who gets the messages of a subscription.
type consumer struct {
	goroutines int
	hand       func(*Message)
	last       func() // called at the end; may be nil
}

func refusedFilter(filter string, err error) error {
	return fmt.Errorf("troupe: subscribe to %s: %w", quoted(filter), err)
}

// quotedMost is how many bytes of what a program has handed in an error repeats.
const quotedMost = 128

// quoted is a text in quotes for an error, cut where it is longer than anybody reads.
func quoted(text string) string {
	if len(text) <= quotedMost {
		return strconv.Quote(text)
	}
	return fmt.Sprintf("%q… (%d bytes)", text[:quotedMost], len(text))
}

// subscribe makes a subscription for a consumer.
func (b *Broker) subscribe(ctx context.Context, filter string, qos QoS, options []SubscribeOption, consume func(*Subscription, *wish) consumer) (*Subscription, error) {
	t, err := b.running()
	if err != nil {
		return nil, err
	}
	w := &wish{queue: b.Config().Session.Queue.MaxMessages, concurrency: 1, window: windowUsual, retained: true}
	for i, option := range options {
		if option == nil {
			w.refuse("option %d of %d is nil", i+1, len(options))
			continue
		}
		option(w)
	}
	wanted, err := w.filter(filter, qos)
	if err != nil {
		return nil, refusedFilter(filter, err)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := &Subscription{
		broker: b, tree: t, done: make(chan struct{}),
		queue: local.NewQueue(w.queue, local.Overflow(w.overflow), func() int64 { return time.Now().UnixMilli() }, &t.counters.DroppedExpired),
	}
	ready := make(chan struct{}, 1)
	t.subscribe(s, local.Subscription{
		Receiver: &message.Receiver{ID: t.numbers.Add(1), Program: true},
		Filter:   *wanted, Queue: s.queue, Ready: ready, Log: b.log.With(zap.String("filter", filter)),
	})
	c := consume(s, w)
	if c.last == nil {
		c.last = func() {}
	}
	s.work(c.goroutines, c.hand, c.last)
	select {
	case <-ready:
		return s, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-s.queue.Ended():
		if err = s.why(); err == nil {
			err = ErrNotRunning
		}
	case <-b.done:
		err = ErrNotRunning
	}
	s.end(err)
	return nil, err
}

// filter is what a shard is asked for.
func (w *wish) filter(name string, qos QoS) (*message.Filter, error) {
	if err := topic.ValidateFilter(name); err != nil {
		return nil, err
	}
	if qos > ExactlyOnce {
		return nil, fmt.Errorf("QoS %d, allowed are 0, 1 and 2", qos)
	}
	share, _, err := topic.ParseFilter(name)
	if err != nil {
		return nil, err
	}
	if share != "" && w.options.NoLocal { // [MQTT-3.8.3-4]
		return nil, errors.New("a shared subscription cannot leave out what the program publishes")
	}
	w.options.QoS = qos
	return &message.Filter{Name: name, ID: w.id, Options: w.options, Replay: share == "" && w.retained}, w.refused
}

// subscribe spawns the actor of a subscription.
func (t *tree) subscribe(s *Subscription, what local.Subscription) {
	subscriber := local.NewSubscriber(t.tables, what, t.counters)
	kind := t.system.Kind("subscriber", stop)
	t.system.Send(t.program, adopt(func(ctx actor.Context) {
		s.spawned(kind.SpawnChild(ctx, t.loops[0], "", func(m *system.Mailbox) actor.Actor {
			if what.Receiver.Mailbox == nil { // publishers have it: it is the same after a restart
				what.Receiver.Mailbox = m
			}
			return subscriber
		}))
	}))
}

// why is the reason why a subscription has ended.
func (s *Subscription) why() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cause
}
