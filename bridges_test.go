package troupe

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/persistence/faulty"
	"github.com/troupemq/troupe/persistence/memory"
	"github.com/troupemq/troupe/protocol/packet"
)

// uri is where a broker is an upstream.
func uri(b *Broker) string { return "mqtt://" + b.Addr("tcp").String() }

// to makes a bridge that hands on all below out and takes all below in, and is
// quick to try again.
func to(upstreams ...string) configs.Bridge {
	b := configs.NewBridge("up", upstreams...)
	b.Forward = []configs.Forward{configs.NewForward("out/#", "")}
	b.Receive = []configs.Receive{configs.NewReceive("in/#", "")}
	b.Backoff = configs.Backoff{Initial: configs.Duration(10 * time.Millisecond), Maximum: configs.Duration(50 * time.Millisecond)}
	b.FailbackAfter = 0
	return b
}

// bridging starts a broker over a store, with bridges.
func bridging(t testing.TB, store *memory.Store, bridges ...configs.Bridge) *keeper {
	t.Helper()
	return keepOver(t, store, faulty.Plan{}, func(c *configs.Config) { c.Name, c.Bridges = "edge", bridges })
}

// upstreamOver starts a broker over a store to be an upstream, on an address
// that may be that of one before.
func upstreamOver(t testing.TB, store *memory.Store, address string) *keeper {
	t.Helper()
	return keepOver(t, store, faulty.Plan{}, func(c *configs.Config) {
		c.Name = "upstream"
		if address != "" {
			c.Listeners[0].Address = address
		}
	})
}

// connected waits until a bridge is connected to an upstream.
func connected(t testing.TB, b *Broker, name, upstream string) {
	t.Helper()
	isBridge(t, b, name, func(s BridgeStatus) bool { return s.State == "connected" && s.Upstream == upstream })
}

// forwarded waits until as many messages were sent to the upstreams, and have been
// acknowledged: an upstream that ends before has every one of the others sent again.
func forwarded(t testing.TB, b *Broker, messages int64) {
	t.Helper()
	isBridge(t, b, "up", func(s BridgeStatus) bool { return s.Forwarded == messages })
	isBridge(t, b, "up", func(s BridgeStatus) bool { return s.Inflight == 0 && s.Queued == 0 }) // asked after: what was sent is in flight by now, or was
}

func isBridge(t testing.TB, b *Broker, name string, is func(BridgeStatus) bool) {
	t.Helper()
	var last []BridgeStatus
	require.Eventually(t, func() bool {
		all, err := b.Bridges()
		require.NoError(t, err)
		last = all
		return slices.ContainsFunc(all, func(s BridgeStatus) bool { return s.Name == name && is(s) })
	}, patience, time.Millisecond, "%s never comes to that: %+v", name, &last)
}

func TestBridge(t *testing.T) {
	for _, protocol := range []int{5, 4, 3} {
		t.Run(fmt.Sprint(protocol), func(t *testing.T) {
			up := upstreamOver(t, memory.New(), "")
			there := up.guest("there")
			there.subscribe(packet.QoS2, "#")
			b := to(uri(up.Broker))
			b.Protocol = protocol
			b.Forward = []configs.Forward{configs.NewForward("out/+/a/#", "site/+/#")}
			b.Receive = []configs.Receive{configs.NewReceive("in/#", "orders/#")}
			edge := bridging(t, memory.New(), b)
			here := edge.guest("here")
			here.subscribe(packet.QoS2, "orders/#")
			connected(t, edge.Broker, "up", uri(up.Broker))
			for qos := range packet.QoS(3) {
				here.send(&packet.Publish{
					QoS: qos, Topic: []byte("out/7/a/b/c"), Payload: fmt.Append(nil, qos), Retain: true,
					HasMessageExpiry: true, MessageExpiry: 3600, ContentType: []byte("text"), UserProperties: packet.UserProperties(nil).With("k", "v"),
				})
				p := there.receive()
				require.Equal(t, fmt.Sprintf("site/7/b/c %d", qos), fmt.Sprintf("%s %s", p.Topic, p.Payload))
				require.Equal(t, qos, p.QoS)
				if protocol == 5 {
					require.Equal(t, "text", string(p.ContentType))
					require.NotZero(t, p.MessageExpiry)
					user := make(map[string]string)
					for name, value := range p.UserProperties.All() {
						user[string(name)] = string(value)
					}
					require.Equal(t, map[string]string{"k": "v", "troupe-via": edge.tree.identity()}, user)
				}

				there.send(&packet.Publish{QoS: qos, Topic: []byte("in/x/y"), Payload: fmt.Append(nil, qos), ContentType: []byte("text")})
				p = there.receive() // it has all topics
				require.Equal(t, "in/x/y", string(p.Topic))
				p = here.receive()
				require.Equal(t, fmt.Sprintf("orders/x/y %d", qos), fmt.Sprintf("%s %s", p.Topic, p.Payload))
				require.Equal(t, qos, p.QoS)
				if protocol == 5 {
					require.Equal(t, "text", string(p.ContentType))
				}
			}
			require.Equal(t, packet.NoMatchingSubscribers, here.publish(packet.QoS1, "out/7/b", ""))
			late := up.guest("late")
			late.subscribe(packet.QoS0, "site/#")
			require.Equal(t, "2", string(late.receive().Payload), "RETAIN is kept")
			isBridge(t, edge.Broker, "up", func(s BridgeStatus) bool {
				return s.Forwarded == 3 && s.Received == 3 && s.Inflight == 0 && s.Queued == 0
			})
		})
	}
}

// What is published while the upstream is away comes when it is back, in order
// and once, over a restart of either side.
func TestBridgeOverRestarts(t *testing.T) {
	far := memory.New()
	up := upstreamOver(t, far, "")
	address := up.Addr("tcp").String()
	up.absent("there", packet.QoS2, "out/#")
	edge := bridging(t, memory.New(), to("mqtt://"+address))
	connected(t, edge.Broker, "up", "mqtt://"+address)
	here := edge.guest("here")
	var sent []string
	publish := func(n int) {
		for range n {
			text := fmt.Sprint(len(sent))
			sent = append(sent, text)
			require.Equal(t, packet.Success, here.publish(packet.QoS2, "out/a", text))
		}
	}
	publish(20)
	for round := range 3 {
		require.NoError(t, up.Shutdown(within(t)))
		isBridge(t, edge.Broker, "up", func(s BridgeStatus) bool { return s.Upstream == "" })
		publish(50)
		if round == 1 { // this side too
			require.NoError(t, edge.Shutdown(within(t)))
			edge = bridging(t, edge.inner, to("mqtt://"+address))
			here = edge.guest("here")
			publish(10)
		}
		up = upstreamOver(t, far, address)
		publish(10)
	}
	isBridge(t, edge.Broker, "up", func(s BridgeStatus) bool { return s.Queued == 0 && s.Inflight == 0 })
	there := up.regular("there")
	for i, text := range sent {
		p := there.receive()
		require.Equal(t, text, string(p.Payload), "number %d", i)
		there.write((&packet.Pubrec{PacketID: p.PacketID}).Append(nil, packet.V5))
		there.expect(packet.TypePubrel)
		there.write((&packet.Pubcomp{PacketID: p.PacketID}).Append(nil, packet.V5))
	}
	there.quiet()
}

// The second upstream takes the place of the first one, and the first one is
// used again when it is back: nothing is lost or comes twice.
func TestBridgeFailsOverAndBack(t *testing.T) {
	stores := []*memory.Store{memory.New(), memory.New()}
	first, second := upstreamOver(t, stores[0], ""), upstreamOver(t, stores[1], "")
	first.absent("there", packet.QoS1, "out/#")
	second.absent("there", packet.QoS1, "out/#")
	address := first.Addr("tcp").String()
	edge := bridging(t, memory.New(), to(uri(first.Broker), uri(second.Broker)))
	here := edge.guest("here")
	connected(t, edge.Broker, "up", "mqtt://"+address)
	n := 0
	publish := func() {
		for range 25 {
			require.Equal(t, packet.Success, here.publish(packet.QoS2, "out/a", fmt.Sprint(n)))
			n++
		}
	}
	settled := func() {
		isBridge(t, edge.Broker, "up", func(s BridgeStatus) bool { return s.Queued == 0 && s.Inflight == 0 })
	}
	for range 3 {
		publish()
		settled()
		require.NoError(t, first.Shutdown(within(t)))
		connected(t, edge.Broker, "up", uri(second.Broker))
		publish()
		first = upstreamOver(t, stores[0], address)
		publish()
		connected(t, edge.Broker, "up", "mqtt://"+address)
		publish()
		settled()
	}
	got := make(map[string]int)
	there := []*client{first.regular("there"), second.regular("there")}
	look := func() {
		for _, c := range there {
			c.ping()
			for len(c.inbox) > 0 {
				p := c.receive()
				got[string(p.Payload)]++
				c.write((&packet.Puback{PacketID: p.PacketID}).Append(nil, packet.V5))
			}
		}
	}
	for deadline := time.Now().Add(patience); len(got) < n; look() {
		require.True(t, time.Now().Before(deadline), "%d of %d came", len(got), n)
	}
	look() // for what comes twice
	for text, times := range got {
		require.Equal(t, 1, times, "%s", text)
	}
	all, err := edge.Bridges()
	require.NoError(t, err)
	require.EqualValues(t, 6, all[0].Switches)
}

// Two brokers that hand everything on to each other do not go round, and neither
// do three.
func TestBridgesDoNotLoop(t *testing.T) {
	everything := func(name, upstream string, take bool) configs.Bridge {
		b := to(upstream)
		b.Name, b.Forward, b.Receive = name, []configs.Forward{configs.NewForward("#", "")}, nil
		if take {
			b.Receive = []configs.Receive{configs.NewReceive("#", "")}
		}
		return b
	}
	t.Run("both directions of one bridge", func(t *testing.T) {
		up := upstreamOver(t, memory.New(), "")
		edge := bridging(t, memory.New(), everything("up", uri(up.Broker), true))
		connected(t, edge.Broker, "up", uri(up.Broker))
		here, there := edge.guest("here"), up.guest("there")
		here.subscribe(packet.QoS1, "#")
		there.subscribe(packet.QoS1, "#")
		require.Equal(t, packet.Success, here.publish(packet.QoS1, "a", "from here"))
		require.Equal(t, packet.Success, there.publish(packet.QoS1, "a", "from there"))
		for _, c := range []*client{here, there} {
			texts := []string{string(c.receive().Payload), string(c.receive().Payload)}
			require.ElementsMatch(t, []string{"from here", "from there"}, texts)
		}
		isBridge(t, edge.Broker, "up", func(s BridgeStatus) bool { return s.Queued == 0 && s.Inflight == 0 })
		here.quiet()
		there.quiet()
	})
	t.Run("a ring of three", func(t *testing.T) {
		// The last one is known when the others are there, so it is told by a reload.
		a, b := bridging(t, memory.New()), bridging(t, memory.New())
		c := bridging(t, memory.New(), everything("next", uri(a.Broker), false))
		next := func(k *keeper, upstream string) {
			config := k.Config()
			config.Bridges = []configs.Bridge{everything("next", upstream, false)}
			restart, err := k.Reload(within(t), config)
			require.NoError(t, err)
			require.Empty(t, restart)
		}
		next(a, uri(b.Broker))
		next(b, uri(c.Broker))
		ring := []*keeper{a, b, c}
		var clients []*client
		for i, k := range ring {
			connected(t, k.Broker, "next", uri(ring[(i+1)%3].Broker))
			clients = append(clients, k.guest("client"))
			clients[i].subscribe(packet.QoS2, "#")
		}
		for i, from := range clients {
			require.Equal(t, packet.Success, from.publish(packet.QoS2, "a", fmt.Sprint("from ", i)))
		}
		for _, client := range clients {
			var texts []string
			for range 3 {
				texts = append(texts, string(client.receive().Payload))
			}
			require.ElementsMatch(t, []string{"from 0", "from 1", "from 2"}, texts)
		}
		dropped := int64(0)
		require.Eventually(t, func() bool {
			dropped = 0
			for _, k := range ring {
				dropped += k.tree.counters.DroppedLoop.Load()
			}
			return dropped == 3
		}, patience, time.Millisecond, "each message ends where it began")
		for _, client := range clients {
			client.quiet()
		}
	})
}

// Messages that wait for their turn keep their order, and a link can be left while they do.
func TestBridgeKeepsToARate(t *testing.T) {
	up := upstreamOver(t, memory.New(), "")
	there := up.guest("there")
	there.subscribe(packet.QoS1, "out/#")
	b := to(uri(up.Broker))
	b.Rate = configs.Rate{MessagesPerSecond: 100}
	edge := bridging(t, memory.New(), b)
	here := edge.guest("here")
	connected(t, edge.Broker, "up", uri(up.Broker))
	queue := texts(40)
	began := time.Now()
	for _, text := range queue {
		require.Equal(t, packet.Success, here.publish(packet.QoS1, "out/a", text))
	}
	there.gets(queue[:10]...)
	require.NoError(t, edge.PauseBridge(within(t), "up"))
	isBridge(t, edge.Broker, "up", func(s BridgeStatus) bool { return s.State == "paused" && s.Upstream == "" })
	require.NoError(t, edge.ResumeBridge(within(t), "up"))
	there.gets(queue[10:]...)
	require.GreaterOrEqual(t, time.Since(began), 200*time.Millisecond, "no faster than it may, whatever the machine does")
	there.quiet()
}

// An operator's commands.
func TestBridgeObeys(t *testing.T) {
	first, second := upstreamOver(t, memory.New(), ""), upstreamOver(t, memory.New(), "")
	b := to(uri(first.Broker), uri(second.Broker))
	b.FailbackAfter = configs.Duration(time.Hour)
	edge := bridging(t, memory.New(), b)
	ctx := within(t)
	here := edge.guest("here")
	connected(t, edge.Broker, "up", uri(first.Broker))

	require.NoError(t, edge.SwitchBridge(ctx, "up", ""))
	connected(t, edge.Broker, "up", uri(second.Broker))
	require.NoError(t, edge.SwitchBridge(ctx, "up", uri(first.Broker)))
	connected(t, edge.Broker, "up", uri(first.Broker))
	require.ErrorContains(t, edge.SwitchBridge(ctx, "up", "mqtt://nowhere:1"), "there is no such upstream")

	require.NoError(t, edge.PauseBridge(ctx, "up"))
	isBridge(t, edge.Broker, "up", func(s BridgeStatus) bool { return s.State == "paused" })
	require.Equal(t, packet.Success, here.publish(packet.QoS1, "out/a", "waits"))
	isBridge(t, edge.Broker, "up", func(s BridgeStatus) bool { return s.Queued == 1 })
	there := first.guest("there")
	there.subscribe(packet.QoS1, "out/#")
	require.NoError(t, edge.ResumeBridge(ctx, "up"))
	there.gets("waits")

	require.NoError(t, edge.DrainBridge(ctx, "up"))
	require.Equal(t, packet.NoMatchingSubscribers, here.publish(packet.QoS1, "out/a", "nobody takes it"))
	require.NoError(t, edge.ResumeBridge(ctx, "up"))
	connected(t, edge.Broker, "up", uri(first.Broker))
	require.Equal(t, packet.Success, here.publish(packet.QoS1, "out/a", "taken"))
	there.gets("taken")

	require.ErrorIs(t, edge.PauseBridge(ctx, "down"), ErrNoBridge)
	require.ErrorContains(t, edge.PauseBridge(ctx, "down"), "there are up")
	require.NoError(t, edge.Shutdown(ctx))
	require.ErrorIs(t, edge.PauseBridge(ctx, "up"), ErrNotRunning)
	_, err := edge.Bridges()
	require.ErrorIs(t, err, ErrNotRunning)
}

// Whichever part of a bridge fails, it comes back, nothing is lost, and no Client
// notices.
func TestBridgePartsFail(t *testing.T) {
	up := upstreamOver(t, memory.New(), "")
	there := up.guest("there")
	there.subscribe(packet.QoS2, "out/#")
	edge := bridging(t, memory.New(), to(uri(up.Broker)))
	here := edge.guest("here")
	connected(t, edge.Broker, "up", uri(up.Broker))
	actor := func() *runningBridge {
		b, err := edge.tree.bridge("up")
		require.NoError(t, err)
		return b
	}
	n := 0
	publish := func() {
		for range 10 {
			require.Equal(t, packet.Success, here.publish(packet.QoS2, "out/a", fmt.Sprint(n)))
			n++
		}
	}
	for _, part := range []string{"link", "bridge", "session", "link", "bridge"} {
		publish()
		switch part {
		case "link":
			edge.send(children(t, edge.Broker, actor().pid)[0], panics())
		case "bridge":
			edge.send(actor().pid, panics())
		case "session":
			edge.send(sessionOf(t, edge.Broker, message.BridgePrefix+"up"), panics())
		}
		publish()
		edge.log.await(t, 1, "an actor failed", "kind", part)
		connected(t, edge.Broker, "up", uri(up.Broker))
	}
	publish()
	for i := range n {
		p := there.receive()
		require.Equal(t, fmt.Sprint(i), string(p.Payload))
		there.write((&packet.Pubrec{PacketID: p.PacketID}).Append(nil, packet.V5))
		there.expect(packet.TypePubrel)
		there.write((&packet.Pubcomp{PacketID: p.PacketID}).Append(nil, packet.V5))
	}
	isBridge(t, edge.Broker, "up", func(s BridgeStatus) bool { return s.Queued == 0 && s.Inflight == 0 })
	there.quiet()
	require.EqualValues(t, 5-1, edge.tree.counters.FailedBridge.Load())
}

// A bridge that cannot even be begun is named, before anything is open.
func TestBridgeWithoutItsFiles(t *testing.T) {
	c := configs.Defaults()
	c.DataDir = ""
	b := to("mqtts://127.0.0.1:1")
	b.TLS.CAFile = "/nonexistent/ca.pem"
	c.Bridges = []configs.Bridge{b}
	broker, err := New(WithConfig(c))
	if err == nil {
		err = broker.Start(context.Background())
	}
	require.ErrorContains(t, err, "/nonexistent/ca.pem")
	require.ErrorContains(t, err, "ca_file")
}
