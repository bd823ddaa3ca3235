package troupe

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/internal/testca"
	"github.com/troupemq/troupe/protocol/packet"
)

// socketPair is a TCP connection.
func socketPair(t testing.TB) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	client, err = net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	server, err = l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	return client, server
}

// closed waits until the other end has closed a connection.
func closed(t testing.TB, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	_, err := io.Copy(io.Discard, c)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
}

// Connections that are handed in are as any: over TCP, in memory, in TLS.
func TestServe(t *testing.T) {
	asked := make(chan Client, 3)
	b := start(t, WithAuthenticator(AuthenticatorFunc(func(_ context.Context, c Client) error {
		asked <- c
		return nil
	})))
	a := testca.New(t)
	pair, err := tls.LoadX509KeyPair(a.Issue(t, "broker"))
	require.NoError(t, err)
	meter, err := tls.LoadX509KeyPair(a.Issue(t, "meter"))
	require.NoError(t, err)
	ourTCP, theirTCP := socketPair(t)
	ourPipe, theirPipe := net.Pipe()
	rawTLS, theirTLS := socketPair(t)
	ourTLS := tls.Client(rawTLS, &tls.Config{RootCAs: a.Pool, ServerName: "127.0.0.1", Certificates: []tls.Certificate{meter}})
	server := tls.Server(theirTLS, &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: a.Pool, ClientAuth: tls.RequireAndVerifyClientCert})
	t.Cleanup(func() { _ = ourPipe.Close() })
	all := make([]*client, 3)
	for i, c := range []struct{ ours, theirs net.Conn }{{ourTCP, theirTCP}, {ourPipe, theirPipe}, {ourTLS, server}} {
		require.NoError(t, b.Serve(c.theirs, ServeOptions{Name: []string{"", "pipe", "tls"}[i]}))
		connect := durable(fmt.Sprint("c", i))
		connect.Username = []byte("somebody")
		all[i] = connectWith(t, c.ours, connect)
		who := wait(t, asked, "nobody was asked")
		require.Equal(t, []string{"program", "pipe", "tls"}[i], who.Listener)
		require.Equal(t, i == 2, who.Certificate != nil)
		all[i].subscribe(packet.QoS2, "#")
	}
	all[0].publish(packet.QoS2, "a", "hello")
	for _, c := range all {
		require.Equal(t, "hello", string(c.receive().Payload))
	}
	down := make(chan error, 1)
	go func() { down <- b.Shutdown(context.Background()) }()
	for _, c := range all {
		require.Equal(t, packet.ServerShuttingDown, c.gone().Code)
	}
	require.NoError(t, wait(t, down, "Shutdown does not return"))
}

// Without an Authenticator ServeOptions decide about Clients without credentials.
func TestServeAnonymous(t *testing.T) {
	b := start(t)
	for anonymous, want := range map[bool]packet.ReasonCode{true: packet.Success, false: packet.NotAuthorized} {
		ours, theirs := socketPair(t)
		require.NoError(t, b.Serve(theirs, ServeOptions{Anonymous: anonymous}))
		require.Equal(t, want, newClient(t, ours).enter(durable("c")).Code)
	}
}

// What cannot be taken is closed, with an error that says why.
func TestServeRefuses(t *testing.T) {
	b, err := New(WithDataDir(""), WithoutListeners())
	require.NoError(t, err)
	refused := func(want error) {
		t.Helper()
		ours, theirs := socketPair(t)
		require.ErrorIs(t, b.Serve(theirs, ServeOptions{}), want)
		closed(t, ours)
		_, err := b.Dial(within(t))
		require.ErrorIs(t, err, want)
	}
	refused(ErrNotRunning)
	require.NoError(t, b.Start(within(t)))
	require.ErrorContains(t, b.Serve(nil, ServeOptions{}), "the connection is nil")
	done, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = b.Dial(done)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, b.Shutdown(within(t)))
	refused(ErrNotRunning)
}

func TestServeCountsForMaxConnections(t *testing.T) {
	b := startWith(t, func(c *configs.Config) { c.Limits.MaxConnections = 2 })
	connect(t, b, "tcp")
	inside, err := b.Dial(within(t))
	require.NoError(t, err)
	c := connectWith(t, inside, durable("inside"))
	ours, theirs := socketPair(t)
	require.ErrorIs(t, b.Serve(theirs, ServeOptions{}), ErrFull)
	closed(t, ours)
	_, err = b.Dial(within(t))
	require.ErrorIs(t, err, ErrFull)
	c.leave()
	require.Eventually(t, func() bool {
		conn, err := b.Dial(within(t))
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, patience, time.Millisecond)
}

// Who hands in while the Broker shuts down is answered, and nothing stays open.
func TestServeWhileShuttingDown(t *testing.T) {
	before := goleak.IgnoreCurrent()
	for range 20 {
		b, err := New(WithDataDir(""), WithoutListeners())
		require.NoError(t, err)
		require.NoError(t, b.Start(within(t)))
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for {
					conn, err := b.Dial(context.Background())
					if err != nil {
						require.ErrorIs(t, err, ErrNotRunning)
						return
					}
					_, _ = conn.Write(durable("c").Append(nil))
					closed(t, conn)
					_ = conn.Close()
				}
			})
		}
		require.NoError(t, b.Shutdown(within(t)))
		all.Wait()
	}
	goleak.VerifyNone(t, before)
}

// Both Pahos talk over connections inside of the process.
func TestDialWithPaho(t *testing.T) {
	b := start(t)
	conn, err := b.Dial(within(t))
	require.NoError(t, err)
	require.Equal(t, "instance://troupe", conn.RemoteAddr().String())
	got := make(chan string, 16)
	five := paho.NewClient(paho.ClientConfig{ClientID: "five", Conn: packets.NewThreadSafeConn(conn), OnPublishReceived: []func(paho.PublishReceived) (bool, error){
		func(p paho.PublishReceived) (bool, error) { got <- string(p.Packet.Payload); return true, nil },
	}})
	_, err = five.Connect(within(t), &paho.Connect{ClientID: "five", CleanStart: true, KeepAlive: 30})
	require.NoError(t, err)
	_, err = five.Subscribe(within(t), &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "to/five", QoS: 2}}})
	require.NoError(t, err)

	three := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://in-process").SetClientID("three").SetAutoReconnect(false).
		SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) { return b.Dial(within(t)) }))
	await := func(token mqtt.Token) {
		t.Helper()
		require.True(t, token.WaitTimeout(patience))
		require.NoError(t, token.Error())
	}
	await(three.Connect())
	large := string(make([]byte, 500<<10))
	for qos := range byte(3) {
		await(three.Publish("to/five", qos, false, large))
		require.Equal(t, large, wait(t, got, "no message"))
	}
	three.Disconnect(0)
	require.NoError(t, five.Disconnect(&paho.Disconnect{}))
	_ = conn.Close()
}

// With auth nobody is let in without credentials, from inside neither.
func TestDialIsJudged(t *testing.T) {
	rules := filepath.Join(t.TempDir(), "acl.yaml")
	require.NoError(t, os.WriteFile(rules, []byte("rules: []\n"), 0o600))
	b := startWith(t, func(c *configs.Config) {
		c.Auth.ACLFile = rules
		anonymous := true
		c.Listeners[0].AllowAnonymous = &anonymous
	})
	conn, err := b.Dial(within(t))
	require.NoError(t, err)
	defer conn.Close()
	require.Equal(t, packet.NotAuthorized, newClient(t, conn).enter(durable("c")).Code)
}

// Who was let in, reads nothing and is still there does not keep the end from
// coming: in memory nobody waits for it.
func TestDialAndForget(t *testing.T) {
	b := start(t)
	var all []net.Conn
	for i := range 20 {
		conn, err := b.Dial(within(t))
		require.NoError(t, err)
		all = append(all, conn) // or it would be collected
		if i%2 == 0 {
			_, err = conn.Write(durable(fmt.Sprint("c", i)).Append(nil))
			require.NoError(t, err)
		}
	}
	begun := time.Now()
	require.NoError(t, b.Shutdown(within(t)))
	require.Less(t, time.Since(begun), goodbyeMost)
	for _, conn := range all {
		closed(t, conn)
	}
}

// A connection that fails in every way is one lost connection.
func TestServeBrokenConnection(t *testing.T) {
	b := start(t)
	c := connect(t, b, "other")
	for range 10 {
		ours, theirs := net.Pipe()
		_ = ours.Close()
		_ = theirs.Close()
		require.NoError(t, b.Serve(theirs, ServeOptions{Anonymous: true}))
	}
	require.NoError(t, b.Serve(silent{}, ServeOptions{Anonymous: true}))
	require.Eventually(t, func() bool { return b.Status().Connections == 1 }, patience, time.Millisecond)
	c.ping()
}

// silent is a connection that knows nothing, not even where it comes from.
type silent struct{ net.Conn }

func (silent) Read([]byte) (int, error)         { return 0, io.ErrUnexpectedEOF }
func (silent) Write([]byte) (int, error)        { return 0, io.ErrUnexpectedEOF }
func (silent) Close() error                     { return io.ErrUnexpectedEOF }
func (silent) RemoteAddr() net.Addr             { return nil }
func (silent) SetReadDeadline(time.Time) error  { return io.ErrUnexpectedEOF }
func (silent) SetWriteDeadline(time.Time) error { return io.ErrUnexpectedEOF }
