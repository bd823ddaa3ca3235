package troupe

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/protocol/packet"
)

// crowd subscribes n Clients of MQTT 3.1.1 to one topic.
func crowd(t testing.TB, b *Broker, name string, n int) []net.Conn {
	t.Helper()
	conns := make([]net.Conn, n)
	for i := range conns {
		connect := &packet.Connect{Version: packet.V311, CleanStart: true, ClientID: fmt.Appendf(nil, "%s-%d", name, i)}
		subscribe := packet.Subscribe{PacketID: 1, Filters: []packet.TopicFilter{{Filter: []byte("costs/all")}}}
		conns[i] = dial(t, b)
		_, err := conns[i].Write(subscribe.Append(connect.Append(nil), packet.V311))
		require.NoError(t, err)
		_, err = io.ReadFull(conns[i], make([]byte, 4+5)) // CONNACK, SUBACK
		require.NoError(t, err)
	}
	return conns
}

// cost sends batches of messages of QoS 0 to receivers, one batch after the
// other, and tells how many allocations the process made for each message.
func cost(t testing.TB, receivers, batch, batches int) (allocations float64) {
	t.Helper()
	b := startWith(t, func(c *configs.Config) { c.Sys.Interval = 0 })
	conns := crowd(t, b, "receiver", receivers)
	publisher := crowd(t, b, "publisher", 1)[0] // it has its own messages back, too
	conns = append(conns, publisher)
	one := (&packet.Publish{Topic: []byte("costs/all"), Payload: make([]byte, 128)}).Append(nil, packet.V311)
	var frames []byte
	for range batch {
		frames = append(frames, one...)
	}
	back := make([]byte, len(frames))
	round := func() {
		_, err := publisher.Write(frames)
		require.NoError(t, err)
		for _, conn := range conns {
			_, err := io.ReadFull(conn, back)
			require.NoError(t, err)
		}
	}
	for range 20 {
		round() // pools and windows fill
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range batches {
		round()
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(batch*batches)
}

func TestAMessageCostsOneAllocationAndAReceiverNone(t *testing.T) {
	// Pools give up what they hold at each collection, hence the fraction.
	alone, together, receiver := 1.3, 0.2, 0.01
	if poolsLeak {
		alone, together, receiver = 8, 0.5, 0.1
	}
	require.Less(t, cost(t, 0, 1, 2000), alone, "a message that comes alone")
	require.Less(t, cost(t, 0, 100, 200), together, "a message of a hundred in one read")
	few, many := cost(t, 1, 100, 200), cost(t, 51, 100, 200)
	require.Less(t, (many-few)/50, receiver, "what a receiver more costs each message")
}

func TestIdleConnectionsHoldNoGoroutine(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // elsewhere connections have goroutines
	}
	b := start(t)
	crowd(t, b, "first", 1)
	before := runtime.NumGoroutine()
	crowd(t, b, "idle", 200)
	require.LessOrEqual(t, runtime.NumGoroutine(), before, "200 connections later")
}

// BenchmarkWay is the whole way of a message of QoS 0 through sockets, loops
// and actors, client side included. Read allocations and the ratios between
// the cases, not the time.
func BenchmarkWay(b *testing.B) {
	for _, c := range []struct{ receivers, batch int }{{0, 1}, {0, 100}, {50, 100}} {
		b.Run(fmt.Sprintf("receivers=%d/batch=%d", c.receivers+1, c.batch), func(b *testing.B) {
			batches := max(b.N/c.batch, 1)
			b.ReportMetric(cost(b, c.receivers, c.batch, batches), "allocs/message")
		})
	}
}
