package troupe

import (
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/persistence/memory"
	"github.com/troupemq/troupe/protocol/packet"
)

// Bridges come, change and go while the broker runs; what waits stays.
func TestReload(t *testing.T) {
	first, second := upstreamOver(t, memory.New(), ""), upstreamOver(t, memory.New(), "")
	edge := bridging(t, memory.New())
	here := edge.guest("here")
	require.Equal(t, packet.NoMatchingSubscribers, here.publish(packet.QoS1, "out/a", ""))
	reload := func(bridges ...configs.Bridge) {
		t.Helper()
		c := edge.Config()
		c.Bridges = bridges
		restart, err := edge.Reload(within(t), c)
		require.NoError(t, err)
		require.Empty(t, restart)
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	nowhere := "mqtt://" + closed.Addr().String()

	reload(to(nowhere))
	require.Equal(t, packet.Success, here.publish(packet.QoS1, "out/a", "one"), "it is there when Reload returns")
	reload(to(nowhere, uri(first.Broker)))
	connected(t, edge.Broker, "up", uri(first.Broker))
	there := first.guest("there")
	there.subscribe(packet.QoS1, "#")
	require.Equal(t, packet.Success, here.publish(packet.QoS1, "out/a", "two"))
	texts := []string{string(there.receive().Payload)}
	if texts[0] == "one" { // it may have come before the subscription
		texts = append(texts, string(there.receive().Payload))
	}
	require.Equal(t, "two", texts[len(texts)-1])

	// Another rule, and another upstream before this one.
	changed := to(uri(second.Broker), uri(first.Broker))
	changed.Forward = []configs.Forward{configs.NewForward("out/#", "renamed/#")}
	reload(changed)
	connected(t, edge.Broker, "up", uri(second.Broker))
	elsewhere := second.guest("elsewhere")
	elsewhere.subscribe(packet.QoS1, "#")
	require.Equal(t, packet.Success, here.publish(packet.QoS1, "out/a", "three"))
	p := elsewhere.receive()
	require.Equal(t, "renamed/a three", fmt.Sprintf("%s %s", p.Topic, p.Payload))
	forwarded(t, edge.Broker, 3)

	// It is removed while a message waits, and comes back.
	require.NoError(t, second.Shutdown(within(t)))
	require.NoError(t, first.Shutdown(within(t)))
	isBridge(t, edge.Broker, "up", func(s BridgeStatus) bool { return s.Upstream == "" })
	require.Equal(t, packet.Success, here.publish(packet.QoS1, "out/a", "four"))
	reload()
	all, err := edge.Bridges()
	require.NoError(t, err)
	require.Empty(t, all)
	require.Equal(t, packet.NoMatchingSubscribers, here.publish(packet.QoS1, "out/a", "five"))
	edge.log.await(t, 1, "a bridge was removed, and messages wait for its upstream: they are kept until it is configured again")
	third := upstreamOver(t, memory.New(), "")
	there = third.guest("there")
	there.subscribe(packet.QoS1, "#")
	reload(to(uri(third.Broker)))
	there.gets("four")

	// What is wrong changes nothing, and what needs a restart is named.
	c := edge.Config()
	c.Bridges = append(c.Bridges, to("gopher://x"))
	_, err = edge.Reload(within(t), c)
	require.ErrorContains(t, err, "bridges[1]")
	c = edge.Config()
	c.Limits.TopicLevels = 7
	c.Name = "other"
	restart, err := edge.Reload(within(t), c)
	require.NoError(t, err)
	require.Equal(t, []string{"name", "limits.topic_levels"}, restart)
	require.Equal(t, "edge", edge.Config().Name)
	connected(t, edge.Broker, "up", uri(third.Broker))
}

// A bridge that was taken out of the configuration between two starts keeps what
// waits, and says so.
func TestOrphanedBridge(t *testing.T) {
	edge := bridging(t, memory.New(), to("mqtt://127.0.0.1:1"))
	require.Equal(t, packet.Success, edge.guest("here").publish(packet.QoS1, "out/a", "waits"))
	require.NoError(t, edge.Shutdown(within(t)))
	edge = bridging(t, edge.inner)
	e := edge.log.await(t, 1, "a bridge is not configured any more, and messages wait for its upstream: they are kept until it is configured again")
	require.EqualValues(t, 1, e.fields["messages"])
	require.Equal(t, "up", e.fields["bridge"])
	require.Equal(t, packet.NoMatchingSubscribers, edge.guest("here").publish(packet.QoS1, "out/a", "nobody takes it"))
	require.NoError(t, edge.Shutdown(within(t)))
	up := upstreamOver(t, memory.New(), "")
	there := up.guest("there")
	there.subscribe(packet.QoS1, "#")
	bridging(t, edge.inner, to(uri(up.Broker)))
	there.gets("waits")
}
