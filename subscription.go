package troupe

import (
	"errors"
	"runtime/debug"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/local"
)

// ErrActorEnded is why a subscription of [Broker.SubscribePID] has ended when
// its actor has.
var ErrActorEnded = errors.New("troupe: the actor of the subscription has ended")

// Subscription is one that the program made. Its methods are safe for concurrent
// use, also by what the subscription calls.
//
// It ends with Close, with the Broker, and with its actor if it has one. What
// waits at that time is dropped.
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
func (s *Subscription) Done() <-chan struct{} { return s.done }

// Err is nil until Done is closed, and after Close; then it says why the
// subscription has ended: [ErrNotRunning] or [ErrActorEnded].
func (s *Subscription) Err() error {
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
func (s *Subscription) Dropped() int64 { return s.queue.Dropped() }

// Waiting is how many messages wait.
func (s *Subscription) Waiting() int { return s.queue.Len() }

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
	s.queue.Close()
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
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			for {
				p, more := s.queue.Take()
				if !more {
					return
				}
				hand(newMessage(p))
			}
		})
	}
	go func() {
		all.Wait()
		last()
		s.end(ErrNotRunning) // nobody else has: its actor ended with the Broker
		close(s.done)
	}()
}

// contained keeps a panic of the program's function from ending the process with
// all its brokers: it is logged, and costs one message.
func (b *Broker) contained(filter string, function func(*Message)) func(*Message) {
	return func(m *Message) {
		defer func() {
			if reason := recover(); reason != nil {
				b.log.Error("a function of the program failed",
					zap.String("filter", filter), zap.Any("reason", reason), zap.ByteString("stack", debug.Stack()))
			}
		}()
		function(m)
	}
}
