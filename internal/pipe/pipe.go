// Package pipe is a network connection that stays inside of the process: two ends,
// each a net.Conn, and between them a bounded buffer for each direction.
//
// As with a socket, what was written before an end was closed can still be read at
// the other. While nothing is under way a pipe holds no buffer and no goroutine.
package pipe

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// most is how many bytes a direction holds; who writes more waits for the reader.
const most = 64 << 10

// New makes a pipe. Each end has an address, for whoever asks.
func New(addressA, addressB string) (a, b net.Conn) {
	there, back := newStream(), newStream()
	return &end{in: back, out: there, local: address(addressA), remote: address(addressB)},
		&end{in: there, out: back, local: address(addressB), remote: address(addressA)}
}

type address string

// Network implements net.Addr.
func (address) Network() string { return "pipe" }

func (a address) String() string { return string(a) }

// end is one of the two.
type end struct {
	in, out       *stream
	local, remote address
}

func (e *end) Read(p []byte) (int, error)         { return e.in.take(p) }
func (e *end) Write(p []byte) (int, error)        { return e.out.put(p) }
func (e *end) LocalAddr() net.Addr                { return e.local }
func (e *end) RemoteAddr() net.Addr               { return e.remote }
func (e *end) SetReadDeadline(t time.Time) error  { return e.in.limit(&e.in.reading, t) }
func (e *end) SetWriteDeadline(t time.Time) error { return e.out.limit(&e.out.writing, t) }

func (e *end) SetDeadline(t time.Time) error {
	_ = e.SetReadDeadline(t)
	return e.SetWriteDeadline(t)
}

// CloseWrite tells the other end that nothing more comes.
func (e *end) CloseWrite() error {
	e.out.close(&e.out.writing)
	return nil
}

func (e *end) Close() error {
	e.in.close(&e.in.reading)
	return e.CloseWrite()
}

// stream is one direction.
type stream struct {
	mu               sync.Mutex
	changed          sync.Cond // of mu
	bytes            []byte    // written and not read
	reading, writing side
}

// side is who reads, or who writes.
type side struct {
	closed  bool
	expired bool // the deadline
	timer   *time.Timer
}

func newStream() *stream {
	s := new(stream)
	s.changed.L = &s.mu
	return s
}

func (s *stream) take(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.reading.closed:
			return 0, net.ErrClosed
		case s.reading.expired:
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		case len(s.bytes) > 0:
			n := copy(p, s.bytes)
			if s.bytes = s.bytes[n:]; len(s.bytes) == 0 {
				s.bytes = nil
			}
			s.changed.Broadcast()
			return n, nil
		case s.writing.closed:
			return 0, io.EOF
		}
		s.changed.Wait()
	}
}

func (s *stream) put(p []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.writing.closed:
			return n, net.ErrClosed
		case s.reading.closed:
			return n, io.ErrClosedPipe
		case s.writing.expired:
			return n, os.ErrDeadlineExceeded
		}
		if room := min(len(p), most-len(s.bytes)); room > 0 {
			s.bytes = append(s.bytes, p[:room]...)
			p, n = p[room:], n+room
			s.changed.Broadcast()
		}
		if len(p) == 0 {
			return n, nil
		}
		s.changed.Wait()
	}
}

// limit sets the deadline of a side; the zero Time: none.
func (s *stream) limit(who *side, t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if who.closed {
		return net.ErrClosed
	}
	who.stop()
	who.expired = false
	if left := time.Until(t); !t.IsZero() && left <= 0 {
		who.expired = true
	} else if !t.IsZero() {
		var own *time.Timer
		own = time.AfterFunc(left, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if who.timer == own { // or there is another deadline by now
				who.expired = true
				s.changed.Broadcast()
			}
		})
		who.timer = own
	}
	s.changed.Broadcast()
	return nil
}

func (s *stream) close(who *side) {
	s.mu.Lock()
	defer s.mu.Unlock()
	who.closed = true
	who.stop()
	if s.reading.closed {
		s.bytes = nil
	}
	s.changed.Broadcast()
}

func (w *side) stop() {
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
}
