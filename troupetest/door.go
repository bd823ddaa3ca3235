package troupetest

import (
	"net"
	"sync"
)

// door is the listener of one broker: it hands over connections that came to the
// port of the test, which outlives the broker.
type door struct {
	addr   net.Addr
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newDoor(addr net.Addr) *door {
	return &door{addr: addr, conns: make(chan net.Conn), closed: make(chan struct{})}
}

// enter hands conn to the broker; false: it does not listen any more.
func (d *door) enter(conn net.Conn) bool {
	select {
	case d.conns <- conn:
		return true
	case <-d.closed:
		return false
	}
}

// Accept implements net.Listener.
func (d *door) Accept() (net.Conn, error) {
	select {
	case conn := <-d.conns:
		return conn, nil
	case <-d.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (d *door) Close() error {
	d.once.Do(func() { close(d.closed) })
	return nil
}

// Addr implements net.Listener.
func (d *door) Addr() net.Addr { return d.addr }

// end is the broker's end of a connection, under the addresses of the Client's.
type end struct {
	net.Conn
	client net.Conn
}

func (e end) LocalAddr() net.Addr  { return e.client.LocalAddr() }
func (e end) RemoteAddr() net.Addr { return e.client.RemoteAddr() }
