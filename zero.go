package troupe

import "fmt"

// errNone is the error of a Broker that is nil, or was not made by New: a program
// that went on after the error of New has one.
var errNone = fmt.Errorf("%w: it was not made by New", ErrNotRunning)

// none tells whether New did not make the Broker. Nothing of it can be used then,
// and all that it is asked is answered as after Shutdown.
func (b *Broker) none() bool { return b == nil || b.done == nil }

// errNoSubscription is the error of a Subscription that is nil, or was not made by a
// Broker: a program that went on after the error of Subscribe has one.
var errNoSubscription = fmt.Errorf("%w: the subscription was not made by a broker", ErrNotRunning)

// none tells whether no Broker made the Subscription. It has ended then.
func (s *Subscription) none() bool { return s == nil || s.done == nil }

// ended is a channel that is closed.
func ended() <-chan struct{} {
	done := make(chan struct{})
	close(done)
	return done
}
