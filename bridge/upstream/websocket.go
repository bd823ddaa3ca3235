package upstream

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

// subprotocol has to be offered, and taken [MQTT-6.0.0-3] [MQTT-6.0.0-4].
const subprotocol = "mqtt"

// parting is how long a WebSocket that is closed waits for the upstream to close it too.
const parting = 2 * time.Second

// upgrade makes a WebSocket of conn, which it closes after an error.
func (u *Upstream) upgrade(ctx context.Context, conn net.Conn) (net.Conn, error) {
	where := u.address.request()
	// The connection is there, with TLS if that is wanted: the HTTP client is handed it for a request without. It follows no redirection, for
	// which it would want another one.
	handed := func(context.Context, string, string) (net.Conn, error) { return conn, nil }
	ws, answer, err := websocket.Dial(ctx, where.String(), &websocket.DialOptions{
		HTTPClient: &http.Client{
			Transport:     &http.Transport{DialContext: handed, DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		Subprotocols: []string{subprotocol},
	})
	switch {
	case err == nil && ws.Subprotocol() == subprotocol:
		return &webConn{websocket.NetConn(context.Background(), ws, websocket.MessageBinary), ws, conn}, nil
	case err == nil:
		err = fmt.Errorf("the upstream does not take the sub-protocol %q; is that the path of a broker?", subprotocol)
	case answer != nil && answer.StatusCode != http.StatusSwitchingProtocols:
		err = fmt.Errorf("the upstream answers with status %s", answer.Status)
	}
	_ = conn.Close()
	return nil, failure(ctx, "WebSocket at "+where.Path, err)
}

// webConn is a WebSocket as a net.Conn.
type webConn struct {
	net.Conn
	ws  *websocket.Conn
	raw net.Conn
}

func (c *webConn) LocalAddr() net.Addr  { return c.raw.LocalAddr() }
func (c *webConn) RemoteAddr() net.Addr { return c.raw.RemoteAddr() }

// SetReadDeadline has no effect: with the library a Read that takes too long would be the end of the connection in both directions, and what was
// just written would be lost. Close ends a Read.
func (c *webConn) SetReadDeadline(time.Time) error { return nil }

// SetDeadline is SetWriteDeadline.
func (c *webConn) SetDeadline(t time.Time) error { return c.SetWriteDeadline(t) }

// Close lets the upstream read all that was written before, and waits for its answer to that for a time.
func (c *webConn) Close() error {
	_ = c.raw.SetDeadline(time.Now().Add(parting))
	err := c.ws.Close(websocket.StatusNormalClosure, "")
	_ = c.Conn.Close() // releases what is left of the deadlines
	return err
}
