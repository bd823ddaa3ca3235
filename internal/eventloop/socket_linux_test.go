package eventloop

import (
	"net"
	"os"
	"runtime"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func openFiles(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(entries)
}

// TestSocketsLeakNoDescriptor opens and closes connections one after the other; slots and descriptors are used again.
func TestSocketsLeakNoDescriptor(t *testing.T) {
	g := start(t, 1)
	l := g.Loops()[0]
	before := openFiles(t)
	for range 100 {
		ours, theirs := tcpPair(t)
		e := attach(t, g, l, ours, func(*end, Events) {})
		on(l, func() {
			e.Interest(true, true)
			require.NoError(t, e.Close())
		})
		require.NoError(t, theirs.Close())
	}
	require.Equal(t, before, openFiles(t))
	on(l, func() { require.Len(t, g.loops[0].poller.table, 1, "one slot is enough for one connection at a time") })
}

// TestDialedSocketNeedsNoGoroutine wants a TCP connection in the epoll set whoever opened it.
func TestDialedSocketNeedsNoGoroutine(t *testing.T) {
	g := start(t, 1)
	accepted, dialed := tcpPair(t)
	for _, c := range []net.Conn{accepted, dialed} {
		e := attach(t, g, g.loops[0], c, func(*end, Events) {})
		require.IsType(t, &socket{}, e.Stream)
		on(g.loops[0], func() { require.NoError(t, e.Close()) })
	}
}

// TestStaleEventIsIgnored has the kernel's report of a socket arrive after its slot went to another one.
func TestStaleEventIsIgnored(t *testing.T) {
	g := start(t, 1)
	l := g.loops[0]
	ours, theirs := tcpPair(t)
	defer func() { _ = theirs.Close() }()
	ours2, theirs2 := tcpPair(t)
	defer func() { _ = theirs2.Close() }()
	old := attach(t, g, l, ours, func(*end, Events) { t.Error("it is closed") })
	told := 0
	on(l, func() {
		old.Interest(false, true)
		stale := unix.EpollEvent{Events: unix.EPOLLOUT, Fd: int32(old.Stream.(*socket).slot), Pad: int32(old.Stream.(*socket).generation)}
		require.NoError(t, old.Close())
		next := attach(t, g, l, ours2, func(*end, Events) { told++ })
		s := next.Stream.(*socket)
		require.EqualValues(t, stale.Fd, s.slot)
		s.wanted = Readable | Writable
		l.poller.ready[0], l.poller.count = stale, 1
		l.poller.dispatch(l)
		require.Zero(t, told)
		stale.Pad = int32(s.generation)
		l.poller.ready[0], l.poller.count = stale, 1
		l.poller.dispatch(l)
		require.Equal(t, 1, told)
	})
}

func TestBudgetIsShared(t *testing.T) {
	g := start(t, 1)
	l := g.loops[0]
	on(l, func() {
		for count, want := range map[int]int{0: budgetHigh, 1: budgetHigh, 8: budgetHigh, 32: 32 << 10, 128: budgetLow, 512: budgetLow} {
			clear(l.poller.ready[:])
			for i := range count {
				l.poller.ready[i].Fd = wakeSlot
			}
			l.poller.count = count
			l.poller.dispatch(l)
			require.Equal(t, want, l.ReadBudget(), "%d ready", count)
		}
	})
}

// TestIdleConnectionIsSmall: no goroutine, no buffer.
func TestIdleConnectionIsSmall(t *testing.T) {
	require.LessOrEqual(t, unsafe.Sizeof(socket{}), uintptr(80))
	g := start(t, 1)
	l := g.Loops()[0]
	before := runtime.NumGoroutine()
	for range 20 {
		ours, theirs := tcpPair(t)
		e := attach(t, g, l, ours, func(*end, Events) {})
		on(l, func() { e.Interest(true, false) })
		t.Cleanup(func() { _ = theirs.Close() })
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), before) // one of an earlier test may have been about to end
}

// BenchmarkIdleConnection reports the heap that a connection holds, without the kernel's part and without what its owner needs.
func BenchmarkIdleConnection(b *testing.B) {
	const connections = 2000
	g := start(b, 1)
	l := g.Loops()[0]
	handler := &end{ready: func(Events) {}}
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for b.Loop() {
		streams := make([]Stream, connections)
		before := heap()
		for i := range streams {
			ours, theirs := tcpPair(b)
			require.NoError(b, theirs.Close())
			s, err := g.Attach(ours, l, handler)
			require.NoError(b, err)
			streams[i] = s
		}
		b.ReportMetric(float64(heap()-before)/connections, "B/connection")
		on(l, func() {
			for _, s := range streams {
				_ = s.Close()
			}
		})
	}
}
