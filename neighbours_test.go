package troupe

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/persistence/memory"
	"github.com/troupemq/troupe/protocol/packet"
)

// tenant is one of many brokers in a process, with Clients of its own. All
// tenants use the same names for everything.
type tenant struct {
	*Broker
	number  int
	clients int // that are connected for good

	mu   sync.Mutex
	seen map[string]int // payloads that its own subscription got
}

func (e *tenant) user() []byte { return []byte(fmt.Sprint("user", e.number)) }

// enter connects a Client to a tenant as a user.
func (e *tenant) enter(t testing.TB, id string, user []byte) (*client, *packet.Connack) {
	t.Helper()
	p := durable(id)
	p.Username, p.Password = user, []byte("secret")
	c := newClient(t, dial(t, e.Broker))
	return c, c.enter(p)
}

// TestFiftyBrokersInOneHost has fifty brokers in one actor system, under names that are all alike, and looks for anything that comes from
// one to another.
func TestFiftyBrokersInOneHost(t *testing.T) {
	const brokers, messages = 50, 40
	before := goleak.IgnoreCurrent()
	system := host(t)
	var tenants []*tenant
	for i := range brokers {
		e := &tenant{number: i, clients: i%4 + 1, seen: make(map[string]int)}
		c := configs.Defaults()
		c.Name, c.DataDir, c.Limits.EventLoops, c.Sys.Interval = "same", "", 1, configs.Duration(200*time.Millisecond)
		c.Listeners[0].Address, c.Listeners[0].AllowAnonymous, c.Shutdown.GracePeriod = "127.0.0.1:0", new(bool), 0
		var err error
		e.Broker, err = New(WithConfig(c), WithActorSystem(system), WithStore(memory.New()), WithAuthenticator(AuthenticatorFunc(func(_ context.Context, c Client) error {
			if c.Username == string(e.user()) && string(c.Password) == "secret" {
				return nil
			}
			return ErrUnknownClient
		})))
		require.NoError(t, err)
		require.NoError(t, e.Start(within(t)))
		t.Cleanup(func() { require.NoError(t, e.Shutdown(context.Background())) })
		_, err = e.Subscribe(within(t), "#", AtLeastOnce, func(m *Message) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.seen[string(m.Payload)]++
		})
		require.NoError(t, err)
		tenants = append(tenants, e)
	}

	// Traffic, of Clients and of the program, in all of them at once.
	var all sync.WaitGroup
	for _, e := range tenants {
		var clients []*client
		for i := range e.clients {
			c, ack := e.enter(t, fmt.Sprint("client", i), e.user())
			require.Equal(t, packet.Success, ack.Code)
			require.False(t, ack.SessionPresent, "a Session of another one")
			c.subscribe(packet.QoS1, "to/all")
			clients = append(clients, c)
		}
		away, ack := e.enter(t, "away", e.user())
		require.Equal(t, packet.Success, ack.Code)
		away.subscribe(packet.QoS1, "later")
		away.leave()
		all.Go(func() {
			for n := range messages {
				payload := fmt.Sprintf("%d: %d", e.number, n)
				if n%2 == 0 {
					publish(t, e.Broker, "to/all", payload)
				} else {
					require.Equal(t, packet.Success, clients[0].publish(packet.QoS1, "to/all", payload))
				}
				for _, c := range clients {
					c.gets(payload)
				}
			}
			kept := Message{Topic: "kept", Payload: []byte(fmt.Sprint("kept by ", e.number)), QoS: AtLeastOnce, Retain: true}
			require.NoError(t, e.Publish(within(t), kept))
			publish(t, e.Broker, "later", fmt.Sprint("for ", e.number))
		})
	}
	all.Wait()

	for _, e := range tenants {
		want := map[string]int{fmt.Sprint("kept by ", e.number): 1, fmt.Sprint("for ", e.number): 1}
		for n := range messages {
			want[fmt.Sprintf("%d: %d", e.number, n)] = 1
		}
		require.Eventually(t, func() bool { e.mu.Lock(); defer e.mu.Unlock(); return maps.Equal(want, e.seen) }, patience, time.Millisecond, "%d", e.number)

		// Retained messages.
		require.Equal(t, fmt.Sprint("kept by ", e.number), string(wait(t, listen(t, e.Broker, "kept"), "nothing is kept").Payload))
		// Sessions.
		back, ack := e.enter(t, "away", e.user())
		require.Equal(t, packet.Success, ack.Code)
		require.True(t, ack.SessionPresent)
		back.gets(fmt.Sprint("for ", e.number))
		back.leave()
		// Who may come in.
		stranger, ack := e.enter(t, "away", tenants[(e.number+1)%brokers].user())
		require.Equal(t, packet.BadUserNameOrPassword, ack.Code)
		stranger.gone()
	}
	// $SYS of each tells of its own Clients.
	for _, e := range tenants {
		connected := listen(t, e.Broker, "$SYS/broker/clients/connected")
		for {
			if m := wait(t, connected, "$SYS is silent"); string(m.Payload) == fmt.Sprint(e.clients) {
				break
			}
		}
	}

	// And so do the metrics of each.
	for _, e := range tenants {
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(e.Metrics())
		require.Eventually(t, func() bool { return scrape(t, registry)["troupe_clients_connected same"] == float64(e.clients) }, patience, time.Millisecond)
		require.Equal(t, float64(messages/2), scrape(t, registry)["troupe_messages_received_total same"], "of Clients")
	}

	// One after the other ends, and the rest goes on.
	for i, e := range tenants[:10] {
		require.NoError(t, e.Shutdown(within(t)))
		publish(t, tenants[i+1].Broker, "to/all", "still there")
	}
	for _, e := range tenants[10:] {
		all.Go(func() { require.NoError(t, e.Shutdown(within(t))) })
	}
	all.Wait()
	goleak.VerifyNone(t, before)
}
