package instances

import (
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/configs"
)

// supervisor is a Supervisor of Brokers.
func supervisor(t *testing.T, o Options) *Supervisor {
	t.Helper()
	s, err := New(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Shutdown(within(t))) })
	return s
}

func listening(name, address, dir string) configs.Instance {
	i := named(name, configs.OnFailureAuto)
	i.Config.DataDir = dir
	i.Config.Shutdown.GracePeriod = 0
	if address != "" {
		i.Config.Listeners = []configs.Listener{{Name: "tcp", Address: address, Transport: configs.TransportTCP}}
	}
	return i
}

// Brokers of one Supervisor are listed with their addresses, and each can stop and
// come back in its directory.
func TestBrokers(t *testing.T) {
	dir := t.TempDir()
	s := supervisor(t, Options{})
	require.NoError(t, s.Launch(within(t), listening("a", "127.0.0.1:0", filepath.Join(dir, "a")), listening("b", "127.0.0.1:0", filepath.Join(dir, "b")), listening("c", "", "")))
	for range 3 {
		list, err := s.List(t.Context())
		require.NoError(t, err)
		require.Len(t, list, 3)
		for _, i := range list[:2] {
			require.Equal(t, troupe.InstanceRunning, i.State)
			require.Equal(t, filepath.Join(dir, i.Name), i.DataDir)
			c, err := net.Dial("tcp", i.Listeners[0].Address)
			require.NoError(t, err)
			require.NoError(t, c.Close())
		}
		require.NoError(t, s.Stop(within(t), "a"))
		list, err = s.List(t.Context())
		require.NoError(t, err)
		require.Empty(t, list[0].Listeners[0].Address)
		require.NoError(t, s.Start(within(t), "a"))
	}
}

// A bridge reaches another instance by its name, before and after that was started
// again.
func TestInstanceUpstream(t *testing.T) {
	var from, to *troupe.Broker
	s := supervisor(t, Options{})
	bridge := configs.NewBridge("up", "instance://to")
	bridge.Forward = []configs.Forward{configs.NewForward("out/#", "")}
	bridge.Backoff = configs.Backoff{Initial: configs.Duration(10 * time.Millisecond), Maximum: configs.Duration(20 * time.Millisecond)}
	first := listening("from", "", "")
	first.Config.Bridges = []configs.Bridge{bridge}
	require.NoError(t, s.Launch(within(t), first, listening("to", "", "")))
	broker := func(name string) *troupe.Broker {
		i, err := s.table.seen.Load().find(name)
		require.NoError(t, err)
		return i.broker.(*troupe.Broker)
	}
	for range 2 {
		from, to = broker("from"), broker("to")
		received := make(chan string, 100)
		_, err := to.Subscribe(within(t), "out/#", troupe.AtLeastOnce, func(m *troupe.Message) { received <- string(m.Payload) })
		require.NoError(t, err)
		require.NoError(t, from.Publish(within(t), troupe.Message{Topic: "out/a", Payload: []byte("hello"), QoS: troupe.AtLeastOnce}))
		select {
		case text := <-received:
			require.Equal(t, "hello", text)
		case <-time.After(patience):
			require.FailNow(t, "nothing came over the bridge")
		}
		require.NoError(t, s.Stop(within(t), "to"))
		require.NoError(t, s.Start(within(t), "to"))
	}
}

// What another process or Broker has is named, by Launch and, if it is taken only
// then, by the start.
func TestTaken(t *testing.T) {
	dir := t.TempDir()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	other := supervisor(t, Options{})
	require.NoError(t, other.Launch(within(t), listening("other", "", dir)))
	s := supervisor(t, Options{})
	err = s.Launch(within(t), listening("a", taken.Addr().String(), dir), listening("b", "", ""))
	require.ErrorContains(t, err, "instance a: listener tcp: cannot listen on "+taken.Addr().String())
	require.ErrorContains(t, err, "instance a: persistence: the directory is in use: "+dir+" is in use by other, process ")
	list, err := s.List(t.Context())
	require.NoError(t, err)
	require.Empty(t, list)

	a := listening("a", taken.Addr().String(), "")
	a.Config.Supervision.OnFailure = configs.OnFailureStop
	require.NoError(t, s.Launch(within(t), a, listening("b", "", "")))
	list, err = s.List(t.Context())
	require.NoError(t, err)
	require.Equal(t, troupe.InstanceFailed, list[0].State)
	require.Contains(t, list[0].Error, "cannot listen on "+taken.Addr().String())
	require.Equal(t, troupe.InstanceRunning, list[1].State)
}
