package actortest

import "net"

// Listener is a net.Listener for simulated connections. Whoever accepts from it
// may do so on a goroutine: [Listener.Dial] waits until that has handed the
// connection on and accepts again, so that the simulation stays in step.
type Listener struct {
	scheduler *Scheduler
	accepts   chan struct{} // somebody is in Accept
	incoming  chan *Socket
	accepting bool
	closed    bool
	dialled   int64
}

var _ net.Listener = (*Listener)(nil)

// Listen makes a listener.
func (s *Scheduler) Listen() *Listener {
	return &Listener{scheduler: s, accepts: make(chan struct{}, 1), incoming: make(chan *Socket)}
}

// Dial opens a connection that takes room bytes towards the Client, at least 1,
// before the Client has to read. nil: nobody listens any more.
func (l *Listener) Dial(room int) *Peer {
	if l.closed {
		return nil
	}
	if !l.accepting {
		<-l.accepts
		l.accepting = true
	}
	s := l.scheduler
	l.dialled++
	w := &wire{scheduler: s, number: l.dialled, room: room}
	s.wires = append(s.wires, w)
	s.options.Recorder.Note("dial", w.number, int64(room))
	s.outside = true
	l.incoming <- &Socket{wire: w}
	<-l.accepts
	s.outside = false
	return &Peer{w}
}

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	l.accepts <- struct{}{}
	if s, ok := <-l.incoming; ok {
		return s, nil
	}
	return nil, net.ErrClosed
}

// Close implements net.Listener. It is called by an actor, on the goroutine of
// the simulation.
func (l *Listener) Close() error {
	if l.closed {
		return net.ErrClosed
	}
	l.closed = true
	close(l.incoming)
	return nil
}

// Addr implements net.Listener.
func (l *Listener) Addr() net.Addr { return address{} }
