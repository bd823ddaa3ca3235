package troupe

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
)

// host is the actor system of a program, which is not silent about what goes
// wrong in it.
func host(t testing.TB) *actor.ActorSystem {
	return actor.NewActorSystem(actor.WithMetricProviders(nil), actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
		return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	}))
}

// consumerActor is an actor of the program. It notes the payloads that it
// receives, waits when told to, and fails over "fail".
type consumerActor struct {
	got     chan string
	goOn    chan struct{} // closed: it does not wait
	answers bool
	touched *atomic.Int64
}

func newConsumerActor() *consumerActor {
	a := &consumerActor{got: make(chan string, 1024), goOn: make(chan struct{}), touched: new(atomic.Int64)}
	close(a.goOn)
	return a
}

func (a *consumerActor) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *Message:
		a.got <- string(m.Payload)
		<-a.goOn
		if string(m.Payload) == "fail" {
			panic("on purpose")
		}
		if a.answers {
			ctx.Respond(nil) // anything is an answer
		}
	case *actor.Touch:
		a.touched.Add(1)
	}
}

// spawn starts the actor in a system, and stops it at the end.
func (a *consumerActor) spawn(t testing.TB, in *actor.ActorSystem, options ...actor.PropsOption) *actor.PID {
	pid := in.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return a }, options...))
	t.Cleanup(func() { _ = in.Root.StopFuture(pid).Wait() })
	return pid
}

func (a *consumerActor) gets(t testing.TB, payloads ...string) {
	t.Helper()
	for _, payload := range payloads {
		require.Equal(t, payload, wait(t, a.got, "a message is missing"))
	}
}

func TestActorOfTheHost(t *testing.T) {
	system := host(t)
	b, other := start(t, WithActorSystem(system)), start(t, WithActorSystem(system))
	require.Same(t, system, b.ActorSystem())
	a := newConsumerActor()
	pid := a.spawn(t, system)
	for _, broker := range []*Broker{b, other} {
		_, err := broker.SubscribePID(within(t), "a", AtLeastOnce, pid)
		require.NoError(t, err)
	}
	var want []string
	for i := range 200 { // more than three windows
		publish(t, b, "a", fmt.Sprint(i))
		want = append(want, fmt.Sprint(i))
	}
	a.gets(t, want...)
	publish(t, other, "a", "of the other")
	a.gets(t, "of the other")
	require.NoError(t, other.Shutdown(within(t)))
	publish(t, b, "a", "still there")
	a.gets(t, "still there")
}

func TestActorInTheBrokersOwnSystem(t *testing.T) {
	b := start(t)
	a := newConsumerActor()
	s, err := b.SubscribePID(within(t), "a", AtLeastOnce, a.spawn(t, b.ActorSystem()))
	require.NoError(t, err)
	publish(t, b, "a", "x")
	a.gets(t, "x")
	require.NoError(t, s.Close())
	wait(t, s.Done(), "the subscription does not end")
	publish(t, b, "a", "nobody")
	s2, err := b.SubscribePID(within(t), "a", AtLeastOnce, a.spawn(t, b.ActorSystem()))
	require.NoError(t, err)
	publish(t, b, "a", "y")
	a.gets(t, "y")
	require.NoError(t, s2.Close())
}

func TestActorsThatCannotSubscribe(t *testing.T) {
	system := host(t)
	b := start(t)
	ctx := within(t)
	elsewhere := newConsumerActor().spawn(t, system)
	_, err := b.SubscribePID(ctx, "a", 0, elsewhere)
	require.ErrorContains(t, err, "the broker's actor system has no actor "+elsewhere.Id)
	_, err = b.SubscribePID(ctx, "a", 0, actor.NewPID("10.0.0.1:8080", "x"))
	require.ErrorContains(t, err, "the actor x is elsewhere, at 10.0.0.1:8080")
	_, err = b.SubscribePID(ctx, "a", 0, b.tree.publisher)
	require.ErrorContains(t, err, "is elsewhere")
	ended := b.ActorSystem().Root.Spawn(actor.PropsFromFunc(func(actor.Context) {}))
	require.NoError(t, b.ActorSystem().Root.StopFuture(ended).Wait())
	_, err = b.SubscribePID(ctx, "a", 0, ended)
	require.ErrorContains(t, err, "it has ended")
	require.EqualValues(t, 0, b.tree.counters.Subscriptions.Load())
	_, err = New(WithActorSystem(nil))
	require.ErrorContains(t, err, "the actor system is nil")
}

func TestWindowOfAnActor(t *testing.T) {
	for _, answers := range []bool{false, true} {
		b := start(t)
		a := newConsumerActor()
		a.answers, a.goOn = answers, make(chan struct{})
		options := []SubscribeOption{WithWindow(4), WithQueue(10, DropOldest)}
		if answers {
			options = append(options, WithAnswers())
		}
		var s *Subscription
		mailbox := newDepth()
		s, err := b.SubscribePID(within(t), "a", AtLeastOnce, a.spawn(t, b.ActorSystem(), actor.WithMailbox(actor.Unbounded(mailbox))), options...)
		require.NoError(t, err)
		for i := range 5 { // the last one waits for the window
			publish(t, b, "a", fmt.Sprint(i))
		}
		require.Eventually(t, func() bool { return s.Waiting() == 0 && mailbox.posted.Load() >= 4 }, patience, time.Millisecond)
		for i := range 12 {
			publish(t, b, "a", fmt.Sprint(i+5))
		}
		s.published(t)
		require.EqualValues(t, 4, mailbox.posted.Load(), "more than a window is with the actor")
		require.Equal(t, 10, s.Waiting())
		require.EqualValues(t, 2, s.Dropped())
		close(a.goOn)
		a.gets(t, "0", "1", "2", "3", "4", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16")
		require.Equal(t, answers, a.touched.Load() == 0)
		require.NoError(t, s.Close())
	}
}

// depth counts what a mailbox gets for its actor.
type depth struct{ posted atomic.Int64 }

func newDepth() *depth { return new(depth) }

func (d *depth) MailboxStarted()     {}
func (d *depth) MailboxEmpty()       {}
func (d *depth) MessageReceived(any) {}
func (d *depth) MessagePosted(m any) {
	if _, ok := actor.UnwrapEnvelopeMessage(m).(*Message); ok {
		d.posted.Add(1)
	}
}

// An actor that never answers gets its window, and no more.
func TestActorThatDoesNotAnswer(t *testing.T) {
	b := start(t)
	a := newConsumerActor()
	s, err := b.SubscribePID(within(t), "a", AtLeastOnce, a.spawn(t, b.ActorSystem()), WithWindow(2), WithAnswers())
	require.NoError(t, err)
	for i := range 5 {
		publish(t, b, "a", fmt.Sprint(i))
	}
	a.gets(t, "0", "1")
	s.published(t)
	require.Eventually(t, func() bool { return s.Waiting() == 2 }, patience, time.Millisecond)
	require.Empty(t, a.got)
	require.NoError(t, s.Close())
	wait(t, s.Done(), "it waits for an answer for ever")
}

// An answer may come later, and from somebody else.
func TestAnswerOfSomebodyElse(t *testing.T) {
	b := start(t)
	root := b.ActorSystem().Root
	a := newConsumerActor()
	a.answers = true
	worker := a.spawn(t, b.ActorSystem())
	dispatcher := root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if _, ok := ctx.Message().(*Message); ok {
			ctx.Forward(worker)
		}
	}))
	s, err := b.SubscribePID(within(t), "a", AtLeastOnce, dispatcher, WithWindow(1), WithAnswers())
	require.NoError(t, err)
	for i := range 20 {
		publish(t, b, "a", fmt.Sprint(i))
	}
	for i := range 20 {
		a.gets(t, fmt.Sprint(i))
	}
	require.NoError(t, root.StopFuture(dispatcher).Wait())
	wait(t, s.Done(), "it outlives its actor")
	require.ErrorIs(t, s.Err(), ErrActorEnded)
	settle(t, b, b.tree.tables.Shards[b.tree.tables.Shard("a")])
	require.NoError(t, s.Close())
}

func TestRestartOfAnActor(t *testing.T) {
	for _, answers := range []bool{false, true} {
		b := start(t)
		a := newConsumerActor()
		a.answers = answers
		options := []SubscribeOption{WithWindow(2)}
		if answers {
			options = append(options, WithAnswers())
		}
		patient := actor.NewOneForOneStrategy(1000, time.Hour, actor.DefaultDecider)
		pid := a.spawn(t, b.ActorSystem(), actor.WithGuardian(patient))
		s, err := b.SubscribePID(within(t), "a", AtLeastOnce, pid, options...)
		require.NoError(t, err)
		for range 10 { // far more than a window
			publish(t, b, "a", "fail")
			publish(t, b, "a", "good")
		}
		for range 10 {
			a.gets(t, "fail", "good")
		}
		require.NoError(t, s.Err())
		require.NoError(t, s.Close())
	}
}

func TestActorThatEndsWhileMessagesWait(t *testing.T) {
	b := start(t)
	a := newConsumerActor()
	a.goOn = make(chan struct{})
	pid := a.spawn(t, b.ActorSystem())
	s, err := b.SubscribePID(within(t), "a", AtLeastOnce, pid, WithWindow(1))
	require.NoError(t, err)
	for range 10 {
		publish(t, b, "a", "x")
	}
	a.gets(t, "x")
	b.ActorSystem().Root.Stop(pid)
	close(a.goOn)
	wait(t, s.Done(), "it outlives its actor")
	require.ErrorIs(t, s.Err(), ErrActorEnded)
	require.Zero(t, s.Waiting())
}

// The event loops wait for no actor of the program, whatever its mailbox and its dispatcher.
func TestActorThatBlocksWhoSends(t *testing.T) {
	for name, option := range map[string]actor.PropsOption{
		"bounded mailbox":        actor.WithMailbox(actor.Bounded(4)),
		"synchronous dispatcher": actor.WithDispatcher(actor.NewSynchronizedDispatcher(1)),
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t)
			a := newConsumerActor()
			a.goOn = make(chan struct{})
			s, err := b.SubscribePID(within(t), "a", AtLeastOnce, a.spawn(t, b.ActorSystem(), option), WithWindow(8))
			require.NoError(t, err)
			c := connect(t, b, "c")
			for range 8 {
				publish(t, b, "a", "x")
				c.ping()
			}
			a.gets(t, "x")
			close(a.goOn)
			for range 7 {
				a.gets(t, "x")
			}
			require.NoError(t, s.Close())
			wait(t, s.Done(), "the subscription does not end")
		})
	}
}

func TestSystemOfTheHostIsLeftAsItWas(t *testing.T) {
	system := host(t)
	names := func() (n int) {
		for _, bucket := range system.ProcessRegistry.LocalPIDs.LocalPIDs {
			n += bucket.Count()
		}
		return n
	}
	before, events := names(), system.EventStream.Length()
	a := newConsumerActor()
	a.answers = true
	pid := a.spawn(t, system)
	for range 10 {
		b := start(t, WithActorSystem(system))
		_, err := b.SubscribePID(within(t), "a", AtLeastOnce, pid, WithAnswers())
		require.NoError(t, err)
		_, err = b.SubscribePID(within(t), "a", AtLeastOnce, pid)
		require.NoError(t, err)
		publish(t, b, "a", "x")
		a.gets(t, "x", "x")
		require.NoError(t, b.Shutdown(context.Background()))
	}
	require.Eventually(t, func() bool { return names() == before+2 }, patience, time.Millisecond, "an actor and the one entry of all brokers")
	require.Equal(t, events, system.EventStream.Length())
	require.Len(t, system.ProcessRegistry.RemoteHandlers, 1)
	require.False(t, system.IsStopped())
}

// Somebody before the actor may take away the question how far it is; it is asked again.
func TestQuestionThatDoesNotComeToTheActor(t *testing.T) {
	b := start(t)
	a := newConsumerActor()
	var asked atomic.Int64
	lossy := func(next actor.ReceiverFunc) actor.ReceiverFunc {
		return func(ctx actor.ReceiverContext, e *actor.MessageEnvelope) {
			if _, question := e.Message.(*actor.Touch); !question || asked.Add(1) > 1 {
				next(ctx, e)
			}
		}
	}
	_, err := b.SubscribePID(within(t), "a", AtLeastOnce, a.spawn(t, b.ActorSystem(), actor.WithReceiverMiddleware(lossy)), WithWindow(1))
	require.NoError(t, err)
	for i := range 3 {
		publish(t, b, "a", fmt.Sprint(i))
	}
	a.gets(t, "0", "1", "2")
	require.Eventually(t, func() bool { return asked.Load() == 4 }, patience, time.Millisecond)
}
