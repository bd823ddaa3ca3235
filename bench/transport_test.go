package bench

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
)

// certified gives the TLS configurations of a server and of a client that trusts it.
func certified(t *testing.T) (server, client *tls.Config) {
	s := httptest.NewTLSServer(nil)
	t.Cleanup(s.Close)
	return s.TLS, s.Client().Transport.(*http.Transport).TLSClientConfig
}

func TestTLS(t *testing.T) {
	server, trusting := certified(t)
	b := newFakeBroker(t)
	b.listener = tls.NewListener(b.listener, server)
	enough := b.after(300)
	target := b.start().target()
	target.URI = strings.Replace(target.URI, "mqtt:", "mqtts:", 1)
	_, err := Run(t.Context(), workload(pairs(packet.QoS1)), target)
	require.ErrorContains(t, err, "certificate")
	target.TLS = trusting
	result, err := Run(t.Context(), workload(pairs(packet.QoS1)), target, endAfter(enough))
	require.NoError(t, err)
	require.GreaterOrEqual(t, result.Delivery.Delivered, int64(300))
	require.Zero(t, result.Delivery.Lost)
}

func TestWebSocket(t *testing.T) {
	server, trusting := certified(t)
	for _, scheme := range []string{"ws", "wss"} {
		b := newFakeBroker(t)
		enough := b.after(300)
		web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/mqtt" {
				http.NotFound(w, r)
				return
			}
			c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"mqtt"}})
			if err != nil {
				return
			}
			c.SetReadLimit(-1)
			b.handle(websocket.NetConn(context.Background(), c, websocket.MessageBinary))
		}))
		if web.TLS = server; scheme == "wss" {
			web.StartTLS()
		} else {
			web.Start()
		}
		target := Target{URI: scheme + "://" + web.Listener.Addr().String() + "/elsewhere", TLS: trusting}
		_, err := Run(t.Context(), workload(pairs(packet.QoS2)), target)
		require.ErrorContains(t, err, "404")
		target.URI = scheme + "://" + web.Listener.Addr().String()
		result, err := Run(t.Context(), workload(pairs(packet.QoS2)), target, endAfter(enough))
		require.NoError(t, err)
		require.GreaterOrEqual(t, result.Delivery.Delivered, int64(300))
		require.Zero(t, result.Delivery.Lost+result.Delivery.Unacknowledged)
		web.Close()
	}
}

func TestPassword(t *testing.T) {
	b := newFakeBroker(t)
	b.password = "open sesame"
	enough := b.after(300)
	target := b.start().target()
	_, err := Run(t.Context(), workload(pairs(packet.QoS0)), target)
	require.ErrorContains(t, err, "refused: bad User Name or Password")
	target.Username, target.Password = "ali", b.password
	result, err := Run(t.Context(), workload(pairs(packet.QoS0)), target, endAfter(enough))
	require.NoError(t, err)
	require.Zero(t, result.Delivery.Lost)
}

func TestUnreachable(t *testing.T) {
	b := newFakeBroker(t)
	target := b.target()
	b.stop()
	result, err := Run(t.Context(), workload(pairs(packet.QoS0)), target)
	require.ErrorContains(t, err, target.URI)
	require.ErrorContains(t, err, "does the broker run, and listen there?")
	require.Nil(t, result.Delivery)
}

func TestTargetErrors(t *testing.T) {
	for uri, want := range map[string]string{
		"localhost:1883":         "not mqtt://host:port",
		"http://localhost":       "not mqtt://host:port",
		"mqtt://":                "not mqtt://host:port",
		"mqtt://:1883":           "no host",
		"mqtt://localhost/topic": "a path is for ws:// and wss:// alone",
		"mqtt://ali:x@localhost": "have places of their own",
	} {
		_, err := Run(t.Context(), workload(pairs(packet.QoS0)), Target{URI: uri})
		require.ErrorContains(t, err, want)
	}
}
