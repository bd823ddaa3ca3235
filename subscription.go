package troupe

import (
	"context"
	"errors"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/local"
	"github.com/troupemq/troupe/actors/message"
)

// ErrActorEnded is why a subscription of [Broker.SubscribePID] has ended when
// its actor has.
var ErrActorEnded = errors.New("troupe: the actor of the subscription has ended")

// ErrChannelClosed is why a subscription of [Broker.SubscribeChan] has ended when
// the program has closed its channel.
var ErrChannelClosed = errors.New("troupe: the channel of the subscription was closed")

// Subscription is one that the program made. Its methods are safe for concurrent
// use, also by what the subscription calls.
//
// It ends with Close, with the Broker, and with its actor or channel if it has one. What
// waits at that time is dropped; Shutdown of the Broker hands it over before, for
// at most the grace period.
type Subscription struct {
	broker *Broker
	tree   *tree
	queue  *local.Queue
	done   chan struct{}

	mu    sync.Mutex
	pid   *actor.PID // nil: not yet
	ended bool
	cause error
}

// Close ends the subscription. When it has returned, no call of its function
// begins, nothing is put into its channel and its actor is sent nothing. A call
// that was under way goes on, so that a function may close its own subscription;
// Done tells when it has returned. Closing again does nothing. The error is
// [ErrNotRunning] if the Broker has ended before.
func (s *Subscription) Close() error {
	if s.none() {
		return errNoSubscription
	}
	if !s.end(nil) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if errors.Is(s.cause, ErrNotRunning) {
			return ErrNotRunning
		}
	}
	return nil
}

// Done is closed when the subscription has ended and the last call of its
// function has returned.
func (s *Subscription) Done() <-chan struct{} {
	if s.none() {
		return ended()
	}
	return s.done
}

// Err is nil until Done is closed, and after Close; then it says why the
// subscription has ended: [ErrNotRunning], [ErrActorEnded] or [ErrChannelClosed].
func (s *Subscription) Err() error {
	if s.none() {
		return errNoSubscription
	}
	select {
	case <-s.done:
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.cause
	default:
		return nil
	}
}

// Dropped is how many messages were dropped because as many waited as may, see
// [WithQueue].
func (s *Subscription) Dropped() int64 {
	if s.none() {
		return 0
	}
	return s.queue.Dropped()
}

// Waiting is how many messages wait.
func (s *Subscription) Waiting() int {
	if s.none() {
		return 0
	}
	return s.queue.Len()
}

// end ends the subscription, if it has not.
func (s *Subscription) end(cause error) (first bool) {
	select {
	case <-s.broker.done:
		cause = ErrNotRunning
	default:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	s.ended, s.cause = true, cause
	_ = s.queue.Close() // what waits is not wanted any more
	s.stop()
	return !errors.Is(cause, ErrNotRunning)
}

// stop ends the actor of a subscription that has ended. mu is held.
func (s *Subscription) stop() {
	if s.ended && s.pid != nil && s.cause != ErrNotRunning {
		s.tree.system.Root().Stop(s.pid)
	}
}

// spawned says which actor the subscription has.
func (s *Subscription) spawned(pid *actor.PID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pid = pid
	s.stop()
}

// work hands messages over on a number of goroutines until the subscription
// ends, and calls last then.
func (s *Subscription) work(goroutines int, hand func(*Message), last func()) {
	s.tree.subscriptions.enter(s)
	var all sync.WaitGroup
	var run func()
	run = func() {
		ended := false
		defer func() {
			if !ended { // the function has ended its goroutine, as FailNow of a test does
				all.Go(run)
			}
		}()
		for {
			p, more := s.queue.Take()
			if !more {
				ended = true
				return
			}
			hand(newMessage(p))
		}
	}
	for range goroutines {
		all.Go(run)
	}
	go func() {
		all.Wait()
		s.tree.subscriptions.leave(s)
		last()
		s.end(ErrNotRunning) // nobody else has: its actor ended with the Broker
		close(s.done)
	}()
}

// contained keeps a panic of the program's function from ending the process with
// all its brokers: it is logged, and costs one message. So does the end of its
// goroutine.
func (b *Broker) contained(filter string, function func(*Message)) func(*Message) {
	return func(m *Message) {
		returned := false
		defer func() {
			if reason := failure(recover(), returned); reason != nil {
				b.log.Error("a function of the program failed",
					zap.String("filter", filter), zap.Any("reason", reason), zap.ByteString("stack", debug.Stack()))
			}
		}()
		function(m)
		returned = true
	}
}

// failure is why a function of the program failed, from what it panicked with; nil:
// it did not.
func failure(reason any, returned bool) any {
	if reason == nil && !returned {
		return "it ended its goroutine (runtime.Goexit, or FailNow of a test)"
	}
	return reason
}

// subscriptions are those of the program that have not ended.
type subscriptions struct {
	mu  sync.Mutex
	all map[*Subscription]struct{}
}

func (u *subscriptions) enter(s *Subscription) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.all == nil {
		u.all = make(map[*Subscription]struct{})
	}
	u.all[s] = struct{}{}
}

func (u *subscriptions) leave(s *Subscription) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.all, s)
}

// drainProgram hands the program what waits for it, for at most a while.
func (t *tree) drainProgram(ctx context.Context, most time.Duration) {
	if most <= 0 {
		return
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	t.subscriptions.mu.Lock()
	all := slices.Collect(maps.Keys(t.subscriptions.all))
	t.subscriptions.mu.Unlock()
	empty := make([]chan struct{}, len(all))
	for i, s := range all {
		empty[i] = make(chan struct{}, 1)
		s.mu.Lock()
		if s.pid != nil { // behind all that was published
			t.system.Send(s.pid, &message.Quiesce{Done: empty[i]})
		} else {
			empty[i] <- struct{}{}
		}
		s.mu.Unlock()
	}
	for i, s := range all {
		select {
		case <-empty[i]:
		case <-s.queue.Ended():
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		case <-t.broker.done:
			return
		}
	}
}
