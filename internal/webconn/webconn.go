// Package webconn makes a net.Conn of a WebSocket that carries MQTT (section 6 of
// MQTT 5.0): in binary messages, whose borders mean nothing [MQTT-6.0.0-1]
// [MQTT-6.0.0-2]. It neither asks for a WebSocket nor accepts one.
package webconn

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/coder/websocket"
)

// Subprotocol has to be offered, and taken [MQTT-6.0.0-3] [MQTT-6.0.0-4].
const Subprotocol = "mqtt"

// parting is how long a WebSocket that is closed waits for the peer to close it
// too.
const parting = 2 * time.Second

// conn is a WebSocket as a net.Conn.
type conn struct {
	net.Conn
	ws  *websocket.Conn
	raw net.Conn
}

// New takes over a WebSocket and the connection that it is spoken on. A text
// message ends it.
func New(ws *websocket.Conn, raw net.Conn) net.Conn {
	return &conn{websocket.NetConn(context.Background(), ws, websocket.MessageBinary), ws, raw}
}

func (c *conn) LocalAddr() net.Addr  { return c.raw.LocalAddr() }
func (c *conn) RemoteAddr() net.Addr { return c.raw.RemoteAddr() }

// ConnectionState is that of TLS below the WebSocket; zero: there is none.
func (c *conn) ConnectionState() tls.ConnectionState {
	if secure, ok := c.raw.(interface{ ConnectionState() tls.ConnectionState }); ok {
		return secure.ConnectionState()
	}
	return tls.ConnectionState{}
}

// SetReadDeadline has no effect: with the library a Read that takes too long would
// be the end of the connection in both directions, and what was just written would
// be lost. Close ends a Read.
func (c *conn) SetReadDeadline(time.Time) error { return nil }

// SetDeadline is SetWriteDeadline.
func (c *conn) SetDeadline(t time.Time) error { return c.SetWriteDeadline(t) }

// Close lets the peer read all that was written before, and waits for its answer
// to that for a time.
func (c *conn) Close() error {
	_ = c.raw.SetDeadline(time.Now().Add(parting))
	err := c.ws.Close(websocket.StatusNormalClosure, "")
	_ = c.Conn.Close() // releases what is left of the deadlines
	return err
}
