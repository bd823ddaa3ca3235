package troupe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/protocol/packet"
)

// pipes is a listener for connections inside of the process.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) dial(t testing.TB) net.Conn {
	t.Helper()
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
	case <-time.After(patience):
		require.FailNow(t, "nobody accepts")
	}
	t.Cleanup(func() { _ = ours.Close() })
	return ours
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "pipe"} }

func TestHandedListener(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b := startWith(t, func(c *configs.Config) { c.Listeners = nil }, WithListener("mine", l, true))
	require.Equal(t, l.Addr(), b.Addr("mine"))
	require.Nil(t, b.Addr("tcp"))
	conn, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	connectWith(t, conn, durable("c")).ping()
}

func TestHandedListenerOfPipes(t *testing.T) {
	l := newPipes()
	b := start(t, WithListener("pipes", l, true))
	const clients = 8
	var all [clients]*client
	for i := range all {
		all[i] = connectWith(t, l.dial(t), durable(fmt.Sprint("pipe", i)))
		all[i].subscribe(packet.QoS2, "to/all", fmt.Sprint("to/", i))
	}
	tcp := connect(t, b, "tcp")
	tcp.subscribe(packet.QoS1, "#")
	require.Equal(t, packet.Success, all[0].publish(packet.QoS2, "to/all", "hello"))
	tcp.gets("hello")
	for _, c := range all {
		require.Equal(t, "hello", string(c.receive().Payload))
	}
	// A large message is taken in parts on either side.
	large := string(make([]byte, 900<<10))
	sent := make(chan packet.ReasonCode, 1)
	go func() { sent <- tcp.publish(packet.QoS1, "to/3", large) }()
	require.Equal(t, large, string(all[3].receive().Payload))
	require.Equal(t, packet.Success, wait(t, sent, "no PUBACK"))

	all[5].leave()
	again := connectWith(t, l.dial(t), durable("pipe5"))
	require.True(t, again.present)
	down := make(chan error, 1)
	go func() { down <- b.Shutdown(context.Background()) }()
	all[5] = again
	for _, c := range append(all[:], tcp) {
		bye := c.gone()
		require.NotNil(t, bye)
		require.Equal(t, packet.ServerShuttingDown, bye.Code)
	}
	require.NoError(t, wait(t, down, "Shutdown does not return"))
}

// Whose a listener is: the Broker's from Start on, and the program's after an error of New.
func TestWhoClosesAHandedListener(t *testing.T) {
	opened := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = l.Close() })
		return l
	}
	closed := func(l net.Listener) {
		t.Helper()
		require.ErrorIs(t, l.Close(), net.ErrClosed)
	}
	handed := func(l net.Listener, options ...Option) (*Broker, error) {
		return New(append(options, WithoutListeners(), WithDataDir(""), WithListener("mine", l, true))...)
	}
	l := opened()
	for name, options := range map[string][]Option{
		"an option": {nil}, "a value": {WithName("no name")}, "a name": {WithListener("mine", l, true)},
	} {
		_, err := handed(l, options...)
		require.Error(t, err, name)
	}
	require.NoError(t, l.Close(), "New fails")

	l = opened()
	b, err := handed(l)
	require.NoError(t, err)
	require.NoError(t, b.Shutdown(within(t)))
	closed(l)

	over, cancel := context.WithCancel(within(t))
	cancel()
	rules := filepath.Join(t.TempDir(), "rules")
	for name, option := range map[string]Option{
		"context": WithoutListeners(),
		"file":    WithSettings(func(c *configs.Config) { c.Auth.ACLFile = rules }),
		"port":    WithAddress(opened().Addr().String()),
	} {
		l = opened()
		require.NoError(t, os.WriteFile(rules, []byte("rules: []\n"), 0o600))
		b, err = New(WithDataDir(""), WithListener("mine", l, true), WithoutListeners(), option)
		require.NoError(t, err, name)
		require.NoError(t, os.Remove(rules))
		ctx := over
		if name != "context" {
			ctx = within(t)
		}
		err = b.Start(ctx)
		require.Error(t, err, name)
		require.NotErrorIs(t, err, ErrStarted, name)
		closed(l)
		require.ErrorIs(t, b.Start(within(t)), ErrStarted, name)
		require.NoError(t, b.Shutdown(within(t)), name)
	}
}

func TestTransportOfAHandedListener(t *testing.T) {
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	secret, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	secret = tls.NewListener(secret, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, errors.New("none") }})
	b := start(t, WithoutListeners(), WithListener("plain", plain, true), WithListener("secret", secret, true), WithListener("pipes", newPipes(), true))
	transports := make(map[string]string)
	for _, l := range b.Status().Listeners {
		transports[l.Name] = l.Transport
	}
	require.Equal(t, map[string]string{"plain": "tcp", "secret": "tls", "pipes": "pipe"}, transports)
}
