package actortest

import (
	"io"
	"net"
	"slices"
	"time"

	"github.com/troupemq/troupe/internal/eventloop"
)

// Socket is the server's end of a connection: what a listener accepts, and once
// it is attached the stream on a loop.
type Socket struct {
	wire    *wire
	loop    *loop
	handler eventloop.Handler
	wanted  eventloop.Events
	watched bool
}

var (
	_ net.Conn         = (*Socket)(nil)
	_ eventloop.Stream = (*Socket)(nil)
)

// Attach binds an accepted connection to a loop, as eventloop.Group.Attach does.
func (s *Scheduler) Attach(c eventloop.Conn, l eventloop.Loop, h eventloop.Handler) (eventloop.Stream, error) {
	socket := c.(*Socket)
	socket.loop, socket.handler = l.(*loop), h
	socket.loop.sockets = append(socket.loop.sockets, socket)
	return socket, nil
}

// Read implements eventloop.Stream.
func (s *Socket) Read(p []byte) (int, error) {
	s.own("Read")
	w, rng := s.wire, s.wire.scheduler.rng
	switch {
	case w.closed:
		return 0, eventloop.ErrClosed
	case w.up.arrived > 0 && rng.IntN(16) == 0 && !w.reset:
		return 0, eventloop.ErrAgain
	case w.up.arrived > 0:
		n := copy(p, w.up.take(1+rng.IntN(min(len(p), w.up.arrived))))
		w.scheduler.options.Recorder.Note("read", w.number, int64(n))
		return n, nil
	case w.reset:
		return 0, errReset
	case w.ended && len(w.up.bytes) == 0:
		return 0, io.EOF
	default:
		return 0, eventloop.ErrAgain
	}
}

// Write implements eventloop.Stream.
func (s *Socket) Write(p []byte) (int, error) {
	s.own("Write")
	w, rng := s.wire, s.wire.scheduler.rng
	switch {
	case w.closed:
		return 0, eventloop.ErrClosed
	case w.reset:
		return 0, errReset
	}
	n := min(len(p), w.room-len(w.down.bytes))
	if n > 0 && rng.IntN(8) == 0 {
		n = rng.IntN(n)
	}
	w.down.bytes = append(w.down.bytes, p[:n]...)
	w.scheduler.options.Recorder.Bytes("write", w.number, p[:n])
	if n < len(p) {
		return n, eventloop.ErrAgain
	}
	return n, nil
}

// Interest implements eventloop.Stream.
func (s *Socket) Interest(read, write bool) {
	s.own("Interest")
	s.wanted = 0
	if read {
		s.wanted |= eventloop.Readable
	}
	if write {
		s.wanted |= eventloop.Writable
	}
	s.watch()
}

func (s *Socket) watch() {
	if s.wanted != 0 {
		s.watched = true
	}
}

// Move implements eventloop.Stream. Events come once the other loop has taken note.
func (s *Socket) Move(to eventloop.Loop) {
	s.own("Move")
	next := to.(*loop)
	if s.wire.closed || next == s.loop {
		return
	}
	s.leave()
	s.watched = false
	s.loop = next
	next.sockets = append(next.sockets, s)
	next.Schedule(moved{s})
}

type moved struct{ socket *Socket }

func (m moved) Run() { m.socket.watch() }

// Close implements eventloop.Stream.
func (s *Socket) Close() error {
	w := s.wire
	if w.closed {
		return nil
	}
	if s.loop != nil {
		s.own("Close")
		s.leave()
	}
	w.closed, w.closedAt = true, w.scheduler.now
	w.scheduler.options.Recorder.Note("close", w.number)
	return nil
}

// Finish implements eventloop.Stream. No simulated connection is ever reset by
// its end.
func (s *Socket) Finish() error { return s.Close() }

func (s *Socket) leave() {
	s.loop.sockets = slices.DeleteFunc(s.loop.sockets, func(other *Socket) bool { return other == s })
}

func (s *Socket) own(call string) {
	if !s.wire.scheduler.on(s.loop) {
		s.wire.scheduler.breach("%s of a stream was called away from its loop", call)
	}
}

// events is what the loop would tell the handler now.
func (s *Socket) events() eventloop.Events {
	w := s.wire
	if !s.watched || w.closed {
		return 0
	}
	if w.reset {
		return eventloop.Hangup | s.wanted
	}
	var e eventloop.Events
	if w.up.arrived > 0 || w.ended && len(w.up.bytes) == 0 {
		e |= eventloop.Readable
	}
	if len(w.down.bytes) < w.room {
		e |= eventloop.Writable
	}
	return e & s.wanted
}

func (s *Socket) dispatch() {
	e := s.events()
	if e == eventloop.Hangup {
		s.watched = false // it would be reported for ever
	}
	if e != 0 {
		s.handler.Ready(e)
	}
}

// RemoteAddr implements net.Conn and eventloop.Stream.
func (s *Socket) RemoteAddr() net.Addr { return address{s.wire.number} }

// LocalAddr implements net.Conn and eventloop.Stream.
func (s *Socket) LocalAddr() net.Addr { return address{} }

// SetDeadline implements net.Conn. Nothing here waits.
func (s *Socket) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.Conn.
func (s *Socket) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.Conn.
func (s *Socket) SetWriteDeadline(time.Time) error { return nil }
