package main

import (
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/eclipse/paho.golang/paho"
	"github.com/stretchr/testify/require"
)

// deaf is a connection that is not read from until it hears.
type deaf struct {
	net.Conn
	mu     sync.Mutex
	closed chan struct{} // nil: it hears
}

// Read implements net.Conn.
func (d *deaf) Read(b []byte) (int, error) {
	d.mu.Lock()
	wait := d.closed
	d.mu.Unlock()
	if wait != nil {
		<-wait
	}
	return d.Conn.Read(b)
}

// stop has it read nothing more, but for what is being read.
func (d *deaf) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = make(chan struct{})
}

func (d *deaf) hear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	close(d.closed)
	d.closed = nil
}

// However many Clients do not read, what waits for them takes no more memory than
// their instance may have for it; everything else is on disk, and comes in its
// order once they do.
func TestShareOfMemory(t *testing.T) {
	const clients, messages, size = 300, 40, 2 << 10 // 24 MB in all
	// What others take in the same moment is not seen, so it may be a few messages more.
	const bound, little = 4 << 20, 128 << 10
	s := serveShared(t, place(t), "limits: {max_inflight: 5}, session: {total: {memory: 4MiB}}")
	watch := watchSYS(t, s.held)
	watch.is("limits/queued/memory", bound)
	conns, sinks := make([]*deaf, clients), make([]*five, clients)
	for i := range clients {
		conn, err := net.Dial("tcp", s.held)
		require.NoError(t, err)
		require.NoError(t, conn.(*net.TCPConn).SetReadBuffer(4<<10)) // or the system takes it for them
		conns[i] = &deaf{Conn: conn}
		sinks[i] = paho5Over(t, conns[i], lasting(fmt.Sprint("sink", i), true))
		sinks[i].subscribe(paho.SubscribeOptions{Topic: fmt.Sprint("queue/", i%10), QoS: 1})
		conns[i].stop()
	}
	from, neighbour := paho5(t, s.held, fresh("from")), paho5(t, s.free, fresh("neighbour"))
	neighbour.subscribe(paho.SubscribeOptions{Topic: "queue/#", QoS: 1})
	for i := range messages {
		for n := range 10 {
			p := &paho.Publish{Topic: fmt.Sprint("queue/", n), QoS: 1, Payload: []byte(payload(i, size))}
			from.publish(p)
			neighbour.publish(p)
			neighbour.expect(payload(i, size))
		}
		if i%10 == 9 {
			share := s.shares("held")["session.total.memory"]
			require.Equal(t, float64(bound), share.Limit)
			require.LessOrEqual(t, share.Used, float64(bound+little))
		}
	}
	require.Greater(t, s.shares("held")["session.total.max_bytes"].Used, 3.0*bound)
	watch.until("store/messages/resident", func(n int64) bool { return n > bound/2 && n <= bound+little })
	for i := range clients {
		conns[i].hear()
	}
	for i := range clients {
		for n := range messages {
			require.Equal(t, payload(n, size), string(sinks[i].next().Payload))
		}
	}
	s.used("session.total.max_messages", amount(0))
	s.used("session.total.memory", amount(0))
	for _, sink := range sinks[:10] {
		sink.nothingMore()
	}
}
