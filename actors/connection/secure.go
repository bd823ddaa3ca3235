package connection

import (
	"errors"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/troupemq/troupe/internal/auth"
	"github.com/troupemq/troupe/internal/tlsserver"
	"github.com/troupemq/troupe/protocol/packet"
)

// quietMillis is how long a listener says nothing of handshakes that fail after
// it has said something of one: a port that the world can reach is tried by
// whoever scans it.
const quietMillis = 60_000

// episode bounds what is logged of the handshakes at a listener. The connections
// of all loops share it.
type episode struct {
	quietUntil atomic.Int64 // Unix ms
	quiet      atomic.Int64 // handshakes that were not logged
}

// tell is called for each failure, and answers whether it is to be logged and how
// many were not since the last that was.
func (e *episode) tell(now int64) (loud bool, quiet int64) {
	until := e.quietUntil.Load()
	if now < until || !e.quietUntil.CompareAndSwap(until, now+quietMillis) {
		e.quiet.Add(1)
		return false, 0
	}
	return true, e.quiet.Swap(0)
}

// unsecured tells whether a connection ends with an alert of TLS, which the Client
// is to read.
func unsecured(cause error) bool {
	failure := (*tlsserver.HandshakeError)(nil)
	return errors.As(cause, &failure) && !failure.Silent()
}

// unopened logs why a connection ended before CONNECT. A handshake of TLS that
// failed is counted with the Clients that were refused.
func (c *Connection) unopened(cause error) {
	o := c.opening
	fields := []zap.Field{zap.String("address", o.address), zap.String("listener", o.listener.Name), zap.Error(cause)}
	if !unsecured(cause) {
		c.env.Log.Debug("connection closed before CONNECT", fields...)
		return
	}
	c.env.Counters.ConnectionsRefused.Add(1)
	if loud, quiet := o.listener.handshakes.tell(c.on().Now()); loud {
		if quiet > 0 {
			fields = append(fields, zap.Int64("not_logged_before", quiet))
		}
		c.env.Log.Info("client refused", fields...)
		return
	}
	c.env.Log.Debug("client refused", fields...)
}

// certified adds to what is known of a Client the certificate that it has shown,
// and the user name in it if the listener takes names from there. CONNECT's counts
// for nothing then.
func (o *opening) certified(c auth.Client) (auth.Client, error) {
	c.Certificate = tlsserver.Certificate(o.peer)
	if c.Certificate == nil || o.listener.Username == nil {
		return c, nil
	}
	name, from := o.listener.Username(c.Certificate)
	switch {
	case !from:
	case name == "":
		return c, &auth.Refusal{Code: packet.NotAuthorized, Reason: "the certificate of the client has no name that could be its user name: " + c.Certificate.Subject.String()}
	default:
		c.Username, c.Password, c.Certified = name, nil, true
	}
	return c, nil
}
