package upstream

import (
	"context"
	"fmt"
	"net"
	"net/http"

	"github.com/coder/websocket"

	"github.com/troupemq/troupe/internal/webconn"
)

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
		Subprotocols: []string{webconn.Subprotocol},
	})
	switch {
	case err == nil && ws.Subprotocol() == webconn.Subprotocol:
		return webconn.New(ws, conn), nil
	case err == nil:
		err = fmt.Errorf("the upstream does not take the sub-protocol %q; is that the path of a broker?", webconn.Subprotocol)
	case answer != nil && answer.StatusCode != http.StatusSwitchingProtocols:
		err = fmt.Errorf("the upstream answers with status %s", answer.Status)
	}
	_ = conn.Close()
	return nil, failure(ctx, "WebSocket at "+where.Path, err)
}
