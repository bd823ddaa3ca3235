package upstream

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/configs"
)

// web serves WebSockets at /mqtt and /other, and what is none elsewhere. TLS if c is not nil.
func web(t *testing.T, c *tls.Config, each func(net.Conn)) (uri string) {
	t.Helper()
	accept := func(protocols ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: protocols})
			if err == nil {
				each(websocket.NetConn(context.Background(), ws, websocket.MessageBinary))
			}
		}
	}
	mux := http.NewServeMux()
	mux.Handle("/mqtt", accept("mqtt"))
	mux.Handle("/other", accept("mqtt"))
	mux.Handle("/chat", accept("chat"))
	mux.Handle("/moved", http.RedirectHandler("/mqtt", http.StatusFound))
	mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	server := httptest.NewUnstartedServer(mux)
	scheme := "ws"
	if server.TLS = c; c == nil {
		server.Start()
	} else {
		scheme = "wss"
		server.StartTLS()
	}
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "http", scheme, 1)[:len(scheme)] + "://" + server.Listener.Addr().String()
}

func TestWebSocket(t *testing.T) {
	a := newAuthority(t)
	certificate, key := a.issue(t, "bridge", false, time.Now().Add(-time.Hour))
	trust := configs.TLSClient{CAFile: a.file, CertFile: certificate, KeyFile: key}
	for _, uri := range []string{web(t, nil, echo), web(t, a.server(t), echo)} {
		for _, path := range []string{"", "/other"} {
			conn, err := dial(t, configs.Upstream{URI: uri + path, TLS: trust})
			require.NoError(t, err)
			requireEcho(t, conn)
			require.Equal(t, uri[strings.Index(uri, "//")+2:], conn.RemoteAddr().String())
			require.NotEmpty(t, conn.LocalAddr().String())
			require.NoError(t, conn.Close())
		}
	}
}

func TestWebSocketRefused(t *testing.T) {
	uri := web(t, nil, echo)
	garbage := serve(t, listen(t), func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1024))
		_, _ = c.Write([]byte{0x20, 2, 0, 0})
	})
	for path, want := range map[string]string{
		uri + "/nowhere":                  "WebSocket at /nowhere: the upstream answers with status 404 Not Found",
		uri + "/page":                     "WebSocket at /page: the upstream answers with status 200 OK",
		uri + "/moved":                    "WebSocket at /moved: the upstream answers with status 302 Found",
		uri + "/chat":                     `WebSocket at /chat: the upstream does not take the sub-protocol "mqtt"`,
		"ws://" + garbage.Addr().String(): "WebSocket at /mqtt: ",
	} {
		_, err := dial(t, configs.Upstream{URI: path})
		require.ErrorContains(t, err, want)
	}
}

// TestWebSocketLastWord closes while a Read is under way and much is still being written: all of it comes, before the end.
func TestWebSocketLastWord(t *testing.T) {
	type read struct {
		text []byte
		err  error
	}
	got := make(chan read, 1)
	conn, err := dial(t, configs.Upstream{URI: web(t, nil, func(c net.Conn) {
		text, err := io.ReadAll(c)
		got <- read{text, err}
		_ = c.Close()
	})})
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() {
		_, err := conn.Read(make([]byte, 1))
		ended <- err
	}()
	much := bytes.Repeat([]byte("much "), 1<<20)
	_, err = conn.Write(much)
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Unix(1, 0)))
	require.NoError(t, conn.Close())
	err = <-ended // of which end it hears first is open
	require.True(t, errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed), err)
	r := <-got
	require.NoError(t, r.err)
	require.True(t, bytes.Equal(much, r.text), "%d bytes of %d", len(r.text), len(much))
}

// TestWebSocketCloseWaitsNotForEver closes a WebSocket whose other end has gone silent.
func TestWebSocketCloseWaitsNotForEver(t *testing.T) {
	gone := make(chan struct{})
	conn, err := dial(t, configs.Upstream{URI: web(t, nil, func(net.Conn) { <-gone })})
	require.NoError(t, err)
	start := time.Now()
	_ = conn.Close()
	require.Less(t, time.Since(start), 8*time.Second)
	close(gone)
}
