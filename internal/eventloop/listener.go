package eventloop

import (
	"errors"
	"net"
	"sync"
	"time"

	"go.uber.org/zap"
)

// How long a listener that cannot accept waits before it tries again: doubled from the first to the second.
const (
	backoffLow  = 5 * time.Millisecond
	backoffHigh = time.Second
)

// Conn is a connection as it was accepted, before it is bound to a loop: a net.Conn, or what a loop accepted itself.
type Conn interface {
	RemoteAddr() net.Addr
	Close() error
}

// Listener accepts connections: on a loop where that can be, else on a goroutine of its own.
type Listener struct {
	listener net.Listener
	accept   func(Conn)
	log      *zap.Logger
	failures int // in a row
	pause    time.Duration

	acceptor *acceptor // nil: there is a goroutine
	once     sync.Once // for closing
	closing  chan struct{}
	done     chan struct{}
}

// Listen takes over an open net.Listener and calls accept with each connection, one after the other. On Linux a TCP socket is accepted from
// on the turns of the loop on: then this is one of them, and so is each call of accept; any other listener gets a goroutine. accept must not
// wait for either. An Accept that fails, as for want of file descriptors, is tried again with growing pauses and logged once.
func Listen(on Loop, listener net.Listener, log *zap.Logger, accept func(Conn)) *Listener {
	l := &Listener{listener: listener, accept: accept, log: log, pause: backoffLow}
	if l.acceptor = newAcceptor(on, l); l.acceptor == nil {
		l.closing, l.done = make(chan struct{}), make(chan struct{})
		go l.run()
	}
	return l
}

// Addr is where it listens.
func (l *Listener) Addr() net.Addr { return l.listener.Addr() }

// Close stops listening, on the turn of the loop that it was given. When it returns, no call of accept is under way, and none will come.
// A second Close does nothing but wait.
func (l *Listener) Close() (err error) {
	if l.acceptor != nil {
		return l.acceptor.close()
	}
	l.once.Do(func() {
		close(l.closing)
		err = l.listener.Close()
	})
	<-l.done
	return err
}

func (l *Listener) run() {
	defer close(l.done)
	for {
		c, err := l.listener.Accept()
		switch {
		case err == nil:
			l.again()
			l.accept(c)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			if !l.rest(l.failed(err)) {
				return
			}
		}
	}
}

// again notes that accepting works.
func (l *Listener) again() {
	if l.failures > 0 {
		l.log.Info("accepting connections again", zap.Stringer("address", l.Addr()), zap.Int("failures", l.failures))
		l.failures, l.pause = 0, backoffLow
	}
}

// failed notes that it does not, and says how long to rest.
func (l *Listener) failed(err error) (pause time.Duration) {
	if l.failures++; l.failures == 1 {
		l.log.Warn("cannot accept connections, trying again", zap.Stringer("address", l.Addr()), zap.Error(err))
	}
	pause = l.pause
	l.pause = min(2*pause, backoffHigh)
	return pause
}

// rest waits; false when the listener is being closed.
func (l *Listener) rest(pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.closing:
		return false
	}
}
