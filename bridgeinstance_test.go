package troupe

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/memory"
	"github.com/troupemq/troupe/protocol/packet"
)

// neighbours are Brokers in one process that can reach one another by name.
type neighbours struct {
	t  testing.TB
	mu sync.Mutex
	is map[string]*Broker
}

func newNeighbours(t testing.TB) *neighbours {
	before := goleak.IgnoreCurrent()
	n := &neighbours{t: t, is: make(map[string]*Broker)}
	t.Cleanup(func() {
		for name := range n.is {
			n.stop(name)
		}
		goleak.VerifyNone(t, before)
	})
	return n
}

func (n *neighbours) dial(ctx context.Context, name string) (net.Conn, error) {
	n.mu.Lock()
	b := n.is[name]
	n.mu.Unlock()
	if b == nil {
		return nil, fmt.Errorf("there is no instance %s", name)
	}
	return b.Dial(ctx)
}

// start starts a Broker without a port.
func (n *neighbours) start(name string, store persistence.Store, bridges ...configs.Bridge) *Broker {
	n.t.Helper()
	c := configs.Defaults()
	c.Name, c.DataDir, c.Listeners, c.Bridges = name, "", nil, bridges
	c.Sys.Interval, c.Shutdown.GracePeriod, c.Limits.EventLoops = 0, 0, 1
	b, err := New(WithConfig(c), WithStore(store), WithDialer(n.dial))
	require.NoError(n.t, err)
	require.NoError(n.t, b.Start(within(n.t)))
	n.mu.Lock()
	defer n.mu.Unlock()
	n.is[name] = b
	return b
}

func (n *neighbours) stop(name string) {
	n.t.Helper()
	n.mu.Lock()
	b := n.is[name]
	delete(n.is, name)
	n.mu.Unlock()
	require.NoError(n.t, b.Shutdown(within(n.t)))
}

// guest is a Client of a Broker, from inside of the process.
func guestOf(t testing.TB, b *Broker, id string) *client {
	t.Helper()
	conn, err := b.Dial(within(t))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return connectWith(t, conn, durable(id))
}

// mirror hands on all to another instance.
func mirror(upstreams ...string) configs.Bridge {
	b := to(upstreams...)
	b.Forward, b.Receive = []configs.Forward{configs.NewForward("#", "")}, nil
	return b
}

// Two Brokers of one process with a bridge each way: everything comes over once,
// with every QoS, and nothing goes round. One of them may be started again.
func TestBridgesBetweenInstances(t *testing.T) {
	n := newNeighbours(t)
	stores := map[string]*memory.Store{"a": memory.New(), "b": memory.New()}
	a := n.start("a", stores["a"], mirror("instance://b"))
	b := n.start("b", stores["b"], mirror("instance://a"))
	connected(t, a, "up", "instance://b")
	connected(t, b, "up", "instance://a")
	atA, atB := guestOf(t, a, "at a"), guestOf(t, b, "at b")
	atA.subscribe(packet.QoS1, "#")
	atB.subscribe(packet.QoS1, "#")
	for qos := range packet.QoS(3) {
		for i, from := range []*client{atA, atB} {
			text := fmt.Sprint(qos, i)
			from.publish(qos, "t", text)
			for _, c := range []*client{atA, atB} {
				c.gets(text)
			}
		}
	}
	isBridge(t, a, "up", func(s BridgeStatus) bool { return s.Queued+s.Inflight == 0 })
	isBridge(t, b, "up", func(s BridgeStatus) bool { return s.Queued+s.Inflight == 0 })
	atA.quiet()
	atB.quiet()

	n.stop("b")
	isBridge(t, a, "up", func(s BridgeStatus) bool { return s.State != "connected" && s.Error != "" })
	for i := range 5 {
		atA.publish(packet.QoS(1+i%2), "t", fmt.Sprint("while b is away ", i))
		atA.gets(fmt.Sprint("while b is away ", i))
	}
	b = n.start("b", stores["b"], mirror("instance://a"))
	conn, err := b.Dial(within(t))
	require.NoError(t, err)
	defer conn.Close()
	again := connectWith(t, conn, durable("at b"))
	require.True(t, again.present)
	for i := range 5 {
		again.gets(fmt.Sprint("while b is away ", i))
	}
	again.quiet()
	atA.quiet()
}

// A bridge goes over to another instance when the first ends, and comes back.
func TestBridgeFailsOverToAnotherInstance(t *testing.T) {
	n := newNeighbours(t)
	first, second := memory.New(), memory.New()
	n.start("first", first)
	two := n.start("second", second)
	edge := n.start("edge", memory.New(), mirror("instance://first", "instance://second"))
	connected(t, edge, "up", "instance://first")
	here, there := guestOf(t, edge, "here"), guestOf(t, two, "there")
	there.subscribe(packet.QoS2, "#")
	n.stop("first")
	connected(t, edge, "up", "instance://second")
	here.publish(packet.QoS2, "t", "over")
	there.gets("over")
	one := n.start("first", first)
	connected(t, edge, "up", "instance://first")
	back := guestOf(t, one, "back")
	back.subscribe(packet.QoS2, "#")
	here.publish(packet.QoS1, "t", "back")
	back.gets("back")
	there.quiet()
}

// Without other instances, and with one that demands a password, a bridge says
// what is wrong.
func TestBridgeToNoInstance(t *testing.T) {
	alone := startWith(t, func(c *configs.Config) { c.DataDir, c.Bridges = "", []configs.Bridge{to("instance://other")} })
	isBridge(t, alone, "up", func(s BridgeStatus) bool {
		return s.Error == "upstream instance://other: there is no other instance in this process; instance:// is for several instances that are served together"
	})
	_, err := New(WithName("me"), WithConfig(func() configs.Config {
		c := configs.Defaults()
		c.Name, c.Bridges = "me", []configs.Bridge{to("instance://me")}
		return c
	}()))
	require.ErrorContains(t, err, "is this instance itself")

	n := newNeighbours(t)
	edge := n.start("edge", memory.New(), to("instance://nowhere"))
	isBridge(t, edge, "up", func(s BridgeStatus) bool {
		return s.Error == "upstream instance://nowhere: connect to instance nowhere: there is no instance nowhere"
	})
}

// A dialer that hangs is given up at the timeout of the bridge, and by Shutdown.
func TestBridgeDialerThatHangs(t *testing.T) {
	before := goleak.IgnoreCurrent()
	c := configs.Defaults()
	slow := to("instance://slow")
	slow.ConnectTimeout = configs.Duration(20 * time.Millisecond)
	c.DataDir, c.Listeners, c.Bridges = "", nil, []configs.Bridge{slow}
	b, err := New(WithConfig(c), WithDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}))
	require.NoError(t, err)
	require.NoError(t, b.Start(within(t)))
	isBridge(t, b, "up", func(s BridgeStatus) bool { return s.Error != "" })
	require.NoError(t, b.Shutdown(within(t)))
	goleak.VerifyNone(t, before)
}
