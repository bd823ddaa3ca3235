package main

import (
	"errors"
	"net"
	"slices"
	"sync/atomic"

	"github.com/troupemq/troupe/protocol/packet"
)

// wire is a Network Connection that tells its client of each packet as it
// passes: of what is sent before it is, of what comes before the library has it.
type wire struct {
	net.Conn
	c       *client
	left    atomic.Bool // we ended it, or are about to
	failed  bool        // a write has
	in, out splitter
}

func newWire(conn net.Conn, c *client) *wire { return &wire{Conn: conn, c: c} }

var errCut = errors.New("the connection is cut")

// cut ends the connection as a broken network does.
func (w *wire) cut() {
	w.left.Store(true)
	if tcp, ok := w.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = w.Conn.Close()
}

// Close is for the library.
func (w *wire) Close() error {
	w.left.Store(true)
	return w.Conn.Close()
}

func (w *wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if n > 0 {
		if wrong := w.in.feed(b[:n], w.c.hear); wrong != nil {
			w.c.ledger.violate(broken, "%s got what is no packet: %v", w.c.id, wrong)
		}
	}
	switch {
	case err == nil:
	case w.left.Load():
		err = errCut // which no library takes for its own doing
	case !w.c.ledger.isDown():
		w.c.ledger.violate(cut, "%s was cut off: %v", w.c.id, err)
	}
	return n, err
}

// Write is called by one goroutine at a time. After an error a library may go on
// with another packet, behind half of one: that is not looked at any more.
func (w *wire) Write(b []byte) (int, error) {
	if !w.failed {
		if err := w.out.feed(b, w.c.speak); err != nil {
			w.c.ledger.violate(broken, "%s sends what is no packet: %v", w.c.id, err)
		}
	}
	n, err := w.Conn.Write(b)
	w.failed = w.failed || err != nil
	return n, err
}

// splitter finds the frames in a stream of bytes.
type splitter struct{ rest []byte }

// feed takes bytes and hands out each frame that is whole; it is valid during
// the call alone.
func (s *splitter) feed(b []byte, take func(frame []byte)) error {
	s.rest = append(s.rest, b...)
	at := 0
	for at < len(s.rest) {
		h, ok, err := packet.ReadHeader(s.rest[at:], 0)
		if err != nil {
			s.rest = nil
			return err
		}
		if !ok || len(s.rest)-at < h.FrameSize() {
			break
		}
		take(s.rest[at : at+h.FrameSize()])
		at += h.FrameSize()
	}
	s.rest = slices.Delete(s.rest, 0, at)
	return nil
}
