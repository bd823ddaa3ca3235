package troupe

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/troupemq/troupe/internal/testca"
	"github.com/troupemq/troupe/protocol/packet"
)

// mounted is an HTTP server with the handler of a Broker at /mqtt.
func mounted(t testing.TB, b *Broker, as ServeOptions) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/mqtt", b.WebSocketHandler(as))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// webSocket opens one; more are headers.
func webSocket(t testing.TB, url string, more ...string) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	o := &websocket.DialOptions{Subprotocols: []string{"mqtt"}, HTTPHeader: make(http.Header)}
	for i := 0; i < len(more); i += 2 {
		o.HTTPHeader.Set(more[i], more[i+1])
	}
	ws, r, err := websocket.Dial(within(t), url, o)
	if err == nil {
		t.Cleanup(func() { _ = ws.CloseNow() })
	}
	return ws, r, err
}

func overWebSocket(t testing.TB, server *httptest.Server) net.Conn {
	t.Helper()
	ws, _, err := webSocket(t, server.URL+"/mqtt")
	require.NoError(t, err)
	require.Equal(t, "mqtt", ws.Subprotocol())
	return websocket.NetConn(context.Background(), ws, websocket.MessageBinary)
}

func TestWebSocketWithPaho(t *testing.T) {
	b := start(t)
	server := mounted(t, b, ServeOptions{Anonymous: true})
	got := make(chan string, 16)
	conn := overWebSocket(t, server)
	five := paho.NewClient(paho.ClientConfig{ClientID: "five", Conn: packets.NewThreadSafeConn(conn), OnPublishReceived: []func(paho.PublishReceived) (bool, error){
		func(p paho.PublishReceived) (bool, error) { got <- string(p.Packet.Payload); return true, nil },
	}})
	_, err := five.Connect(within(t), &paho.Connect{ClientID: "five", CleanStart: true})
	require.NoError(t, err)
	_, err = five.Subscribe(within(t), &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "a", QoS: 2}}})
	require.NoError(t, err)
	three := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(strings.Replace(server.URL, "http", "ws", 1) + "/mqtt").SetClientID("three").SetAutoReconnect(false))
	await := func(token mqtt.Token) {
		t.Helper()
		require.True(t, token.WaitTimeout(patience))
		require.NoError(t, token.Error())
	}
	await(three.Connect())
	for qos := range byte(3) {
		large := fmt.Sprint(qos) + string(make([]byte, 500<<10))
		await(three.Publish("a", qos, false, large))
		require.Equal(t, large, wait(t, got, "no message"))
	}
	three.Disconnect(0)
	_ = five.Disconnect(&paho.Disconnect{}) // the broker may have closed before it returns
	_ = conn.Close()
}

// Packets may begin and end anywhere in messages [MQTT-6.0.0-2].
func TestWebSocketMessagesHaveNoMeaning(t *testing.T) {
	b := start(t)
	ws, _, err := webSocket(t, mounted(t, b, ServeOptions{Anonymous: true}).URL+"/mqtt")
	require.NoError(t, err)
	sent := append(durable("c").Append(nil), 0xC0, 0)
	for _, part := range [][]byte{sent[:1], sent[1:7], nil, sent[7:]} {
		require.NoError(t, ws.Write(within(t), websocket.MessageBinary, part))
	}
	conn := websocket.NetConn(context.Background(), ws, websocket.MessageBinary)
	c := newClient(t, conn)
	require.Equal(t, packet.Success, c.entered().Code)
	c.leave()
}

// What is no WebSocket of MQTT is told why.
func TestWebSocketRefuses(t *testing.T) {
	b := start(t)
	server := mounted(t, b, ServeOptions{Anonymous: true, Origins: []string{"*.example.com"}})
	status := func(r *http.Response, err error) int {
		t.Helper()
		require.Error(t, err)
		return r.StatusCode
	}
	plain, err := http.Get(server.URL + "/mqtt")
	require.NoError(t, err)
	_ = plain.Body.Close()
	require.Equal(t, http.StatusUpgradeRequired, plain.StatusCode)

	_, r, err := websocket.Dial(within(t), server.URL+"/mqtt", &websocket.DialOptions{Subprotocols: []string{"chat"}})
	require.Equal(t, http.StatusBadRequest, status(r, err)) // [MQTT-6.0.0-3]
	_, r, err = webSocket(t, server.URL+"/mqtt", "Origin", "https://evil.test")
	require.Equal(t, http.StatusForbidden, status(r, err))
	for _, origin := range []string{"https://app.example.com", server.URL} {
		_, _, err = webSocket(t, server.URL+"/mqtt", "Origin", origin)
		require.NoError(t, err, origin)
	}

	// [MQTT-6.0.0-1]
	ws, _, err := webSocket(t, server.URL+"/mqtt")
	require.NoError(t, err)
	require.NoError(t, ws.Write(within(t), websocket.MessageText, durable("c").Append(nil)))
	_, _, err = ws.Read(within(t))
	require.Equal(t, websocket.StatusUnsupportedData, websocket.CloseStatus(err))

	strict := mounted(t, b, ServeOptions{})
	require.Equal(t, packet.NotAuthorized, newClient(t, overWebSocket(t, strict)).enter(durable("c")).Code)

	require.NoError(t, b.Shutdown(within(t)))
	_, r, err = webSocket(t, server.URL+"/mqtt")
	require.Equal(t, http.StatusServiceUnavailable, status(r, err))
}

// A certificate that the HTTP server has verified is known to authenticators.
func TestWebSocketCertificate(t *testing.T) {
	asked := make(chan Client, 1)
	b := start(t, WithAuthenticator(AuthenticatorFunc(func(_ context.Context, c Client) error {
		asked <- c
		return nil
	})))
	a := testca.New(t)
	pair, err := tls.LoadX509KeyPair(a.Issue(t, "server"))
	require.NoError(t, err)
	meter, err := tls.LoadX509KeyPair(a.Issue(t, "meter"))
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(b.WebSocketHandler(ServeOptions{}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: a.Pool, ClientAuth: tls.RequireAndVerifyClientCert}
	server.StartTLS()
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: a.Pool, Certificates: []tls.Certificate{meter}}}}
	ws, _, err := websocket.Dial(within(t), server.URL, &websocket.DialOptions{Subprotocols: []string{"mqtt"}, HTTPClient: client})
	require.NoError(t, err)
	defer client.CloseIdleConnections()
	c := connectWith(t, websocket.NetConn(context.Background(), ws, websocket.MessageBinary), durable("c"))
	who := wait(t, asked, "nobody was asked")
	require.Equal(t, "meter", who.Certificate.Subject.CommonName)
	require.Equal(t, "websocket", who.Listener)
	c.leave()
}

// Whichever of the HTTP server and the Broker ends first, neither waits for the
// other, Clients hear good-bye, and nothing is left.
func TestWebSocketShutdown(t *testing.T) {
	for _, serverFirst := range []bool{true, false} {
		before := goleak.IgnoreCurrent()
		b, err := New(WithDataDir(""), WithoutListeners())
		require.NoError(t, err)
		require.NoError(t, b.Start(within(t)))
		server := httptest.NewServer(b.WebSocketHandler(ServeOptions{Anonymous: true}))
		ws, _, err := webSocket(t, server.URL)
		require.NoError(t, err)
		c := connectWith(t, websocket.NetConn(context.Background(), ws, websocket.MessageBinary), durable("c"))
		idle, _, err := webSocket(t, server.URL) // which never says CONNECT
		require.NoError(t, err)
		if serverFirst {
			require.NoError(t, server.Config.Shutdown(within(t)))
			c.subscribe(packet.QoS1, "a")
			require.Equal(t, packet.Success, c.publish(packet.QoS1, "a", "still here"))
			c.gets("still here")
		}
		down := make(chan error, 1)
		go func() { down <- b.Shutdown(context.Background()) }()
		require.Equal(t, packet.ServerShuttingDown, c.gone().Code)
		_, _, err = idle.Read(within(t))
		require.Error(t, err)
		require.NoError(t, wait(t, down, "Shutdown does not return"))
		server.Close()
		http.DefaultClient.CloseIdleConnections()
		_ = ws.CloseNow()
		goleak.VerifyNone(t, before)
	}
}
