package troupetest_test

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/eclipse/paho.golang/paho"
	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/persistence/memory"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/troupetest"
)

func TestStart(t *testing.T) {
	b := troupetest.Start(t)
	host, port, err := net.SplitHostPort(b.Addr())
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1", host)
	require.NotEqual(t, "1883", port)
	require.Equal(t, "mqtt://"+b.Addr(), b.URL())
	require.Empty(t, b.Broker().Config().DataDir)
	require.Empty(t, b.Messages("#"))
	require.Empty(t, b.Clients())

	other := troupetest.Start(t)
	require.NotEqual(t, b.Addr(), other.Addr())
	other.Publish(t, troupe.Message{Topic: "t"})
	require.Len(t, other.Wait(t, "t", 1), 1)
	require.Empty(t, b.Messages("#"), "two brokers are strangers")
}

// All that Start began ends with the test, whatever state it is in.
func TestCleanup(t *testing.T) {
	for name, last := range map[string]func(t *testing.T, b *troupetest.Broker){
		"running": func(*testing.T, *troupetest.Broker) {},
		"stopped": func(t *testing.T, b *troupetest.Broker) { b.Stop(t) },
		"killed":  func(t *testing.T, b *troupetest.Broker) { b.Kill(t) },
		"frozen":  func(_ *testing.T, b *troupetest.Broker) { b.Freeze() },
	} {
		t.Run(name, func(t *testing.T) {
			var addr string
			t.Run("test", func(t *testing.T) {
				b := troupetest.Start(t)
				addr = b.Addr()
				conn, err := net.Dial("tcp", addr)
				require.NoError(t, err)
				t.Cleanup(func() { _ = conn.Close() })
				last(t, b)
				_, err = conn.Write([]byte{0x10, 2})
				_ = err // the connection may be gone
			})
			_, err := net.Dial("tcp", addr)
			require.Error(t, err, "the port is open after the test")
		})
	}
}

func TestStartFails(t *testing.T) {
	f := new(failing)
	c := troupetest.Config()
	c.Limits.ReceiveMaximum = 0
	troupetest.Start(f, troupe.WithConfig(c))
	require.Contains(t, f.failure, "limits.receive_maximum")
	for _, end := range f.cleanups {
		end()
	}
}

// The configuration of a program is used without its directory and its ports.
func TestConfigOfTheProgram(t *testing.T) {
	t.Chdir(t.TempDir())
	c := configs.Defaults()
	c.Session.Queue.MaxMessages = 7
	b := troupetest.Start(t, troupe.WithConfig(c), troupe.WithName("mine"))
	require.Equal(t, 7, b.Broker().Config().Session.Queue.MaxMessages)
	require.Equal(t, "mine", b.Broker().Config().Name)
	require.Empty(t, b.Broker().Config().Listeners)
	require.NoDirExists(t, c.DataDir)
	paho3(t, b, "c")
}

func TestCredentials(t *testing.T) {
	secret := troupe.AuthenticatorFunc(func(_ context.Context, c troupe.Client) error {
		if c.Username == "ada" && string(c.Password) == "secret" {
			return nil
		}
		return &troupe.Refusal{Code: packet.BadUserNameOrPassword, Reason: "wrong"}
	})
	b := troupetest.Start(t, troupe.WithAuthenticator(secret))

	enter := func(username, password string) error {
		o := mqtt.NewClientOptions().AddBroker("tcp://" + b.Addr()).SetClientID("c").SetUsername(username).SetPassword(password)
		client := mqtt.NewClient(o)
		defer client.Disconnect(250)
		token := client.Connect()
		require.True(t, token.WaitTimeout(patience))
		return token.Error()
	}
	require.NoError(t, enter("ada", "secret"))
	require.ErrorContains(t, enter("ada", "wrong"), "bad user name or password")
	require.Error(t, enter("", ""))
}

func TestRestart(t *testing.T) {
	b := troupetest.Start(t)
	got := make(chan string, 10)
	c := auto(t, b, "c", func(p *paho.Publish) { got <- string(p.Payload) })
	b.WaitSubscribed(t, "c", "to/c")
	first := b.Broker()
	addr := b.Addr()
	b.Publish(t, troupe.Message{Topic: "kept", Payload: []byte("1"), Retain: true})

	b.Stop(t)
	require.Nil(t, b.Broker())
	require.ErrorIs(t, first.Publish(within(t), troupe.Message{Topic: "t"}), troupe.ErrNotRunning)
	b.WaitDisconnected(t, "c")
	b.Stop(t) // again

	b.Restart(t)
	require.Equal(t, addr, b.Addr())
	require.NotSame(t, first, b.Broker())
	b.WaitSubscribed(t, "c", "to/c")
	b.Publish(t, troupe.Message{Topic: "to/c", Payload: []byte("2"), QoS: troupe.AtLeastOnce})
	require.Equal(t, "2", receive(t, got))
	retained := make(chan *troupe.Message, 1)
	_, err := b.Broker().Subscribe(within(t), "kept", troupe.AtMostOnce, func(m *troupe.Message) { retained <- m })
	require.NoError(t, err)
	require.Equal(t, "1", string(receive(t, retained).Payload))
	_ = c
	require.Len(t, b.Messages("#"), 2, "messages are remembered over a restart, and once")

	b.Restart(t) // of one that runs
	b.WaitConnected(t, "c")
}

// What was acknowledged is there after a Kill, and nobody was told good-bye.
func TestKill(t *testing.T) {
	b := troupetest.Start(t)
	lost := make(chan error, 10)
	c := paho3(t, b, "c", func(o *mqtt.ClientOptions) {
		o.SetAutoReconnect(false)
		o.SetConnectionLostHandler(func(_ mqtt.Client, err error) { lost <- err })
	})
	done(t, c.Subscribe("in", 1, nil))
	b.WaitSubscribed(t, "c", "in")
	b.Cut("c")
	receive(t, lost)
	b.Publish(t, troupe.Message{Topic: "in", Payload: []byte("waits"), QoS: troupe.AtLeastOnce})
	b.Kill(t)
	require.Nil(t, b.Broker())
	b.Kill(t) // again
	b.Restart(t)

	got := make(chan string, 1)
	again := paho3(t, b, "c", func(o *mqtt.ClientOptions) {
		o.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { got <- string(m.Payload()) })
	})
	require.True(t, again.IsConnected())
	require.Equal(t, "waits", receive(t, got))
	require.Equal(t, []string{"in"}, b.WaitConnected(t, "c").Filters)
}

// A store of the test's own is there after the broker.
func TestStoreOfTheTest(t *testing.T) {
	store := memory.New()
	t.Cleanup(func() { _ = store.Close() })
	for round := range 2 {
		t.Run("", func(t *testing.T) {
			b := troupetest.Start(t, troupe.WithStore(store))
			if round == 0 {
				b.Publish(t, troupe.Message{Topic: "kept", Payload: []byte("1"), QoS: troupe.AtLeastOnce, Retain: true})
				return
			}
			got := make(chan string, 1)
			c := paho3(t, b, "c")
			done(t, c.Subscribe("kept", 1, func(_ mqtt.Client, m mqtt.Message) { got <- string(m.Payload()) }))
			require.Equal(t, "1", receive(t, got))
		})
	}
}

func TestPublishFails(t *testing.T) {
	b := troupetest.Start(t)
	f := new(failing)
	b.Publish(f, troupe.Message{Topic: "a/#"})
	require.Contains(t, f.failure, "publish to a/#")
	require.Empty(t, b.Messages("#"))
	b.Stop(t)
	f = new(failing)
	b.Publish(f, troupe.Message{Topic: "a"})
	require.Contains(t, f.failure, "the broker is stopped")
}

func receive[T any](t testing.TB, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-within(t).Done():
		require.FailNow(t, errors.New("nothing came").Error())
	}
	return v
}
