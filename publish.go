package troupe

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/local"
	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/topic"
)

// RefusedError says that the instance did not take a message.
type RefusedError struct {
	Topic string
	Code  ReasonCode // QuotaExceeded: a receiver's queue is full and its policy is to refuse
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("troupe: publish to %s refused: %s", e.Topic, e.Code)
}

// Publish hands m to everybody who subscribes to its topic, and keeps it if
// Retain is set. When it returns without an error, m is on its way to each
// receiver and kept for those that are away. It returns later when a receiver
// is far behind: that is back-pressure, bounded by ctx. Order is kept for the
// calls of one goroutine. m may be reused.
//
// Errors: ErrNotRunning, that of ctx (m may or may not be published), a topic
// that is no Topic Name, and *RefusedError.
func (b *Broker) Publish(ctx context.Context, m Message) error {
	t, err := b.running()
	if err != nil {
		return err
	}
	if err := topic.ValidateName(m.Topic); err != nil {
		return fmt.Errorf("troupe: publish to %q: %w", m.Topic, err)
	}
	if m.QoS > ExactlyOnce {
		return fmt.Errorf("troupe: publish to %q: QoS %d, allowed are 0, 1 and 2", m.Topic, m.QoS)
	}
	reply := make(chan packet.ReasonCode, 1)
	t.system.Send(t.publisher, &message.Publish{Run: packet.NewRun(m.packet(), packet.V5), Reply: reply})
	select {
	case code := <-reply:
		if code.IsError() {
			return &RefusedError{m.Topic, code}
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-b.done:
		return ErrNotRunning
	}
}

// Subscription is one that the program made with [Broker.Subscribe].
type Subscription struct {
	broker *Broker
	tree   *tree
	pid    *actor.PID
}

// Subscribe calls handle for each message that matches filter, retained ones
// first, one at a time and in order, on a goroutine of the subscription.
// Messages come at the QoS they were published with, at most qos; nothing
// needs to be acknowledged. It returns when the subscription is in place: what
// is published from then on is received.
//
// handle may block, and then nobody waits for it: up to session.queue
// messages wait, beyond that the oldest are dropped, counted and logged. A
// shared subscription is "$share/name/filter". A panic of handle is logged and
// costs the one message.
//
// Errors: ErrNotRunning, that of ctx, and a filter that is no Topic Filter.
func (b *Broker) Subscribe(ctx context.Context, filter string, qos QoS, handle func(*Message)) (*Subscription, error) {
	t, err := b.running()
	if err != nil {
		return nil, err
	}
	if err := topic.ValidateFilter(filter); err != nil {
		return nil, fmt.Errorf("troupe: subscribe to %q: %w", filter, err)
	}
	if qos > ExactlyOnce {
		return nil, fmt.Errorf("troupe: subscribe to %q: QoS %d, allowed are 0, 1 and 2", filter, qos)
	}
	share, _, err := topic.ParseFilter(filter)
	if err != nil {
		return nil, fmt.Errorf("troupe: subscribe to %q: %w", filter, err)
	}
	ready := make(chan struct{}, 1)
	spawned := make(chan *actor.PID, 1)
	feed := local.Feed()
	receiver := &message.Receiver{ID: t.numbers.Add(1)}
	wanted := message.Filter{Name: filter, Options: packet.SubscriptionOptions{QoS: qos}, Replay: share == ""}
	subscriber := local.NewSubscriber(t.tables, receiver, wanted, b.config.Session.Queue.MaxMessages, feed, ready, t.counters,
		b.log.With(zap.String("filter", filter)))
	kind := t.system.Kind("subscriber", stop)
	t.system.Send(t.program, adopt(func(ctx actor.Context) {
		pid := kind.SpawnChild(ctx, t.loops[0], "", func(m *system.Mailbox) actor.Actor {
			if receiver.Mailbox == nil { // publishers have it: it is the same after a restart
				receiver.Mailbox = m
			}
			return subscriber
		})
		go local.Run(t.system.Root(), pid, feed, func(p *packet.Publish) {
			defer b.contain(filter)
			handle(newMessage(p))
		})
		spawned <- pid
	}))
	s := &Subscription{broker: b, tree: t}
	select {
	case s.pid = <-spawned:
	case <-b.done:
		return nil, ErrNotRunning
	}
	select {
	case <-ready:
		return s, nil
	case <-ctx.Done():
		s.Close()
		return nil, ctx.Err()
	case <-b.done:
		return nil, ErrNotRunning
	}
}

// contain keeps a panic of the program's function from ending the process with
// all its brokers.
func (b *Broker) contain(filter string) {
	if reason := recover(); reason != nil {
		b.log.Error("a function of the program failed",
			zap.String("filter", filter), zap.Any("reason", reason), zap.ByteString("stack", debug.Stack()))
	}
}

// Close ends the subscription. The function may still be called for messages
// that were handed over before.
func (s *Subscription) Close() { s.tree.system.Root().Stop(s.pid) }
