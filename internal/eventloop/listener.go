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

// Listener accepts connections on a goroutine of its own.
type Listener struct {
	listener net.Listener
	accept   func(net.Conn)
	log      *zap.Logger
	once     sync.Once // for closing
	closing  chan struct{}
	done     chan struct{}
}

// Listen takes over an open net.Listener and calls accept with each connection, one after the other, on one goroutine. accept must not
// wait for that goroutine. An Accept that fails, as for want of file descriptors, is tried again with growing pauses and logged once.
func Listen(listener net.Listener, log *zap.Logger, accept func(net.Conn)) *Listener {
	l := &Listener{listener: listener, accept: accept, log: log, closing: make(chan struct{}), done: make(chan struct{})}
	go l.run()
	return l
}

// Addr is where it listens.
func (l *Listener) Addr() net.Addr { return l.listener.Addr() }

// Close stops listening and waits until the call of accept that is under way has returned.
// A second Close does nothing but wait.
func (l *Listener) Close() (err error) {
	l.once.Do(func() {
		close(l.closing)
		err = l.listener.Close()
	})
	<-l.done
	return err
}

func (l *Listener) run() {
	defer close(l.done)
	failures := 0
	pause := backoffLow
	for {
		c, err := l.listener.Accept()
		switch {
		case err == nil:
			if failures > 0 {
				l.log.Info("accepting connections again", zap.Stringer("address", l.Addr()), zap.Int("failures", failures))
				failures, pause = 0, backoffLow
			}
			l.accept(c)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			if failures++; failures == 1 {
				l.log.Warn("cannot accept connections, trying again", zap.Stringer("address", l.Addr()), zap.Error(err))
			}
			if !l.rest(pause) {
				return
			}
			pause = min(2*pause, backoffHigh)
		}
	}
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
