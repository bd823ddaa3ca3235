package troupe

import "fmt"

// errNone is the error of a Broker that is nil, or was not made by New: a program
// that went on after the error of New has one.
var errNone = fmt.Errorf("%w: it was not made by New", ErrNotRunning)

// none tells whether New did not make the Broker. Nothing of it can be used then,
// and all that it is asked is answered as after Shutdown.
func (b *Broker) none() bool { return b == nil || b.done == nil }

// ended is a channel that is closed.
func ended() <-chan struct{} {
	done := make(chan struct{})
	close(done)
	return done
}
