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

// inUse is the heap in use, in bytes.
func inUse() int64 {
	runtime.GC()
	runtime.GC() // what pools hold goes with the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// weigh connects n Clients of MQTT 3.1.1, and tells what one of them adds to
// the live heap of a broker, in bytes. The Clients are in the same process: what
// their sides hold is measured on a port that hangs up, and taken off.
func weigh(t testing.TB, n int, subscribe bool) int64 {
	t.Helper()
	short, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for conn, err := short.Accept(); err == nil; conn, err = short.Accept() {
			_ = conn.Close()
		}
	}()
	dial := func(address string) []net.Conn {
		conns := make([]net.Conn, n)
		for i := range conns {
			conns[i], err = net.Dial("tcp", address)
			require.NoError(t, err)
		}
		return conns
	}
	hangUp := func(conns []net.Conn) {
		for _, conn := range conns {
			require.NoError(t, conn.Close())
		}
	}
	hangUp(dial(short.Addr().String())) // what the first of all holds stays
	before := inUse()
	conns := dial(short.Addr().String())
	require.NoError(t, short.Close())
	<-ended
	theirs := inUse() - before
	hangUp(conns)

	b := startWith(t, func(c *configs.Config) { c.Limits.EventLoops = 1 })
	packets := make([][]byte, n)
	for i := range packets {
		connect := packet.Connect{Version: packet.V311, CleanStart: true, KeepAlive: 60, ClientID: fmt.Appendf(nil, "client-%06d", i)}
		packets[i] = connect.Append(nil)
		if subscribe {
			one := packet.Subscribe{PacketID: 1, Filters: []packet.TopicFilter{{Filter: fmt.Appendf(nil, "idle/%06d/state", i)}}}
			packets[i] = one.Append(packets[i], packet.V311)
		}
	}
	back := make([]byte, 4) // CONNACK
	if subscribe {
		back = make([]byte, 4+5)
	}
	before = inUse()
	conns = dial(b.Addr("tcp").String())
	for i, conn := range conns {
		_, err := conn.Write(packets[i])
		require.NoError(t, err)
		_, err = io.ReadFull(conn, back)
		require.NoError(t, err)
	}
	ours := inUse() - before - theirs
	hangUp(conns)
	runtime.KeepAlive(packets)
	return ours / int64(n)
}

// TestAnIdleConnectionIsSmall holds the memory of a connection that is not
// used, with its Session: 1,040 and 1,300 bytes were measured.
func TestAnIdleConnectionIsSmall(t *testing.T) {
	for _, c := range []struct {
		subscribe bool
		bound     int64
	}{{false, 1300}, {true, 1650}} {
		t.Run(fmt.Sprintf("subscribed=%v", c.subscribe), func(t *testing.T) {
			live := weigh(t, 2000, c.subscribe)
			require.Positive(t, live)
			require.LessOrEqual(t, live, c.bound, "bytes")
		})
	}
}

// BenchmarkIdleConnection reports what an idle connection holds.
func BenchmarkIdleConnection(b *testing.B) {
	for _, subscribe := range []bool{false, true} {
		b.Run(fmt.Sprintf("subscribed=%v", subscribe), func(b *testing.B) {
			for b.Loop() {
				b.ReportMetric(float64(weigh(b, 5000, subscribe)), "B/connection")
			}
		})
	}
}
