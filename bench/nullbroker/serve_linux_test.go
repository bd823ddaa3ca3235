package nullbroker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
)

// serve runs a null broker as long as the test, and returns its address.
func serve(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return l.Addr().String()
}

// client is one connection to it.
type client struct {
	net.Conn
	t       *testing.T
	in      *bufio.Reader
	version packet.Version
}

func dial(t *testing.T, address string) *client {
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return &client{conn, t, bufio.NewReader(conn), packet.V311}
}

func enter(t *testing.T, address, id string, v packet.Version) *client {
	c := dial(t, address)
	c.version = v
	c.say((&packet.Connect{Version: v, CleanStart: true, ClientID: []byte(id)}).Append(nil))
	var connack packet.Connack
	require.NoError(t, connack.Decode(c.hear(), v))
	require.Equal(t, packet.Success, connack.Code)
	return c
}

// subscriber enters and subscribes.
func subscriber(t *testing.T, address, id string, v packet.Version, q packet.QoS) *client {
	c := enter(t, address, id, v)
	subscribe := packet.Subscribe{PacketID: 1, Filters: []packet.TopicFilter{{Filter: []byte("x"), SubscriptionOptions: packet.SubscriptionOptions{QoS: q}}}}
	c.say(subscribe.Append(nil, v))
	var suback packet.Suback
	require.NoError(t, suback.Decode(c.hear(), v))
	require.Equal(t, uint16(1), suback.PacketID)
	require.Equal(t, []packet.ReasonCode{packet.ReasonCode(q)}, suback.Codes)
	return c
}

func (c *client) say(b []byte) {
	c.t.Helper()
	_, err := c.Write(b)
	require.NoError(c.t, err)
}

// next reads one frame.
func (c *client) next() ([]byte, error) {
	for n := 2; ; n++ {
		head, err := c.in.Peek(n)
		if err != nil {
			return nil, err
		}
		size, err := frameSize(head)
		if err != nil {
			return nil, err
		}
		if size > 0 {
			frame := make([]byte, size)
			_, err := io.ReadFull(c.in, frame)
			return frame, err
		}
	}
}

func (c *client) hear() []byte {
	c.t.Helper()
	frame, err := c.next()
	require.NoError(c.t, err)
	return frame
}

// isClosed returns when the other end has closed.
func (c *client) isClosed() {
	c.t.Helper()
	_, err := c.in.ReadByte()
	require.Error(c.t, err)
}

func TestPairsForwardAllQoS(t *testing.T) {
	address := serve(t)
	for _, v := range []packet.Version{packet.V31, packet.V311, packet.V5} {
		for q := packet.QoS0; q <= packet.QoS2; q++ {
			name := fmt.Sprintf("v%dq%d", v, q)
			var subscribers, publishers [3]*client
			for i := range 3 {
				subscribers[i] = subscriber(t, address, fmt.Sprintf("%s-sub-%d", name, i), v, q)
				publishers[i] = enter(t, address, fmt.Sprintf("%s-pub-%d", name, i), v)
			}
			for i := range 3 {
				from, to := publishers[i], subscribers[i]
				pass := func(from, to *client, frame []byte) {
					t.Helper()
					from.say(frame)
					require.Equal(t, frame, to.hear())
				}
				pass(from, to, (&packet.Publish{Topic: []byte(name), PacketID: 7, QoS: q, Payload: []byte(fmt.Sprint(i))}).Append(nil, v))
				switch q {
				case packet.QoS1:
					pass(to, from, (&packet.Puback{PacketID: 7}).Append(nil, v))
				case packet.QoS2:
					pass(to, from, (&packet.Pubrec{PacketID: 7}).Append(nil, v))
					pass(from, to, (&packet.Pubrel{PacketID: 7}).Append(nil, v))
					pass(to, from, (&packet.Pubcomp{PacketID: 7}).Append(nil, v))
				}
			}
		}
	}
}

func TestAnswersWhatIsNotForwarded(t *testing.T) {
	address := serve(t)
	to := subscriber(t, address, "x-sub-0", packet.V5, packet.QoS0)
	from := enter(t, address, "x-pub-0", packet.V5)
	// All in one write, between frames to forward.
	first, second := publish("a", 200), publish("b", 300)
	unsubscribe := (&packet.Unsubscribe{PacketID: 9, Filters: [][]byte{[]byte("x")}}).Append(nil, packet.V5)
	from.say(bytes.Join([][]byte{first, {0xC0, 0}, unsubscribe, second, {0xE0, 0}, publish("late", 1)}, nil))
	require.Equal(t, first, to.hear())
	require.Equal(t, second, to.hear())
	require.Equal(t, []byte{0xD0, 0}, from.hear())
	var unsuback packet.Unsuback
	require.NoError(t, unsuback.Decode(from.hear(), packet.V5))
	require.Equal(t, packet.Unsuback{PacketID: 9, Codes: []packet.ReasonCode{packet.Success}}, unsuback)
	from.isClosed() // by DISCONNECT

	// Nothing of what came behind DISCONNECT arrives.
	third := publish("c", 1)
	enter(t, address, "x-pub-0", packet.V5).say(third)
	require.Equal(t, third, to.hear())
}

func TestFanOut(t *testing.T) {
	address := serve(t)
	var subscribers []*client
	for i := range 6 {
		subscribers = append(subscribers, subscriber(t, address, fmt.Sprintf("fan-sub-%d", i), packet.V311, packet.QoS0))
	}
	first, second := enter(t, address, "fan-pub-0", packet.V311), enter(t, address, "fan-pub-1", packet.V311)
	const frames = 2000
	go send(first, 0, frames)
	go send(second, 1, frames)
	for i, s := range subscribers {
		require.NoError(t, receive(s, []uint32{uint32(i % 2)}, frames))
	}
}

// send publishes numbered frames of many sizes in writes that end anywhere.
func send(c *client, flow uint32, frames int) {
	random := rand.New(rand.NewPCG(1, uint64(flow)))
	var waiting []byte
	for n := range frames {
		payload := make([]byte, 8+random.IntN(400))
		if n%500 == 77 {
			payload = make([]byte, 100_000+random.IntN(200_000))
		}
		binary.BigEndian.PutUint32(payload, flow)
		binary.BigEndian.PutUint32(payload[4:], uint32(n))
		waiting = (&packet.Publish{Topic: []byte("t"), Payload: payload}).Append(waiting, packet.V311)
		cut := len(waiting)
		if n < frames-1 {
			cut = random.IntN(len(waiting) + 1)
		}
		if _, err := c.Write(waiting[:cut]); err != nil {
			return // the receiver misses it
		}
		waiting = append(waiting[:0], waiting[cut:]...)
	}
}

// receive takes so many frames of each flow, and says what is wrong with them.
func receive(c *client, flows []uint32, frames int) error {
	next := make(map[uint32]uint32)
	for range len(flows) * frames {
		frame, err := c.next()
		if err != nil {
			return err
		}
		var p packet.Publish
		if err := p.Decode(frame, packet.V311); err != nil {
			return err
		}
		flow, n := binary.BigEndian.Uint32(p.Payload), binary.BigEndian.Uint32(p.Payload[4:])
		if n != next[flow] {
			return fmt.Errorf("flow %d: got %d, expected %d", flow, n, next[flow])
		}
		next[flow]++
	}
	for _, flow := range flows {
		if next[flow] != uint32(frames) {
			return fmt.Errorf("flow %d: got %d of %d", flow, next[flow], frames)
		}
	}
	return nil
}

// Frames of several publishers keep whole, also while their one subscriber takes nothing and everything is full.
func TestFanInWithoutLoss(t *testing.T) {
	address := serve(t)
	to := subscriber(t, address, "in-sub-0", packet.V311, packet.QoS0)
	require.NoError(t, to.Conn.(*net.TCPConn).SetReadBuffer(256<<10))
	const publishers, frames = 20, 2000
	var flows []uint32
	var written atomic.Int64
	full := make(chan struct{})
	var clients []*client
	for i := range publishers {
		c := enter(t, address, fmt.Sprintf("in-pub-%d", i), packet.V311)
		c.Conn = &counted{c.Conn, &written, full}
		clients, flows = append(clients, c), append(flows, uint32(i))
	}
	var all sync.WaitGroup
	for i, c := range clients {
		all.Go(func() { send(c, uint32(i), frames) })
	}
	<-full
	require.NoError(t, receive(to, flows, frames))
	all.Wait()
}

// counted tells when so much has been written that buffers begin to be full.
type counted struct {
	net.Conn
	written *atomic.Int64
	full    chan struct{}
}

func (c *counted) Write(b []byte) (int, error) {
	const enough = 2 << 20
	n, err := c.Conn.Write(b)
	if after := c.written.Add(int64(n)); after >= enough && after-int64(n) < enough {
		close(c.full)
	}
	return n, err
}

func TestBigFrames(t *testing.T) {
	address := serve(t)
	to := subscriber(t, address, "big-sub-0", packet.V311, packet.QoS0)
	from := enter(t, address, "big-pub-0", packet.V311)
	for _, size := range []int{0, 60_000, 70_000, 1 << 20, 10, 3 << 20, 200} {
		frame := publish("t", size)
		go from.say(append(bytes.Clone(frame), frame...))
		require.Equal(t, frame, to.hear())
		require.Equal(t, frame, to.hear())
	}
}

func TestGarbageEndsItsConnectionAlone(t *testing.T) {
	address := serve(t)
	to := subscriber(t, address, "g-sub-0", packet.V311, packet.QoS0)
	from := enter(t, address, "g-pub-0", packet.V311)
	connect := (&packet.Connect{Version: packet.V311, CleanStart: true, ClientID: []byte("g-pub-1")}).Append(nil)
	for _, garbage := range [][]byte{
		[]byte("GET / HTTP/1.1\r\n\r\n" + strings.Repeat("x", 100)),
		publish("before CONNECT", 1),
		{0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF},
		{0x10, 2, 0, 0},
		{0, 0},
		append(bytes.Clone(connect), connect...),
		append(bytes.Clone(connect), 0x20, 2, 0, 0),
		append(bytes.Clone(connect), 0x82, 1, 0),
		append(bytes.Clone(connect), 0xA2, 1, 0),
	} {
		c := dial(t, address)
		c.say(garbage)
		_, err := io.Copy(io.Discard, c.in) // to the end, whether by FIN or reset
		_ = err
		frame := publish("t", 10)
		from.say(frame)
		require.Equal(t, frame, to.hear(), "% x", garbage)
	}
}

func TestNobodyThere(t *testing.T) {
	address := serve(t)
	stranger := enter(t, address, "somebody", packet.V311)
	stranger.say(append(publish("t", 10), 0xC0, 0))
	require.Equal(t, []byte{0xD0, 0}, stranger.hear())
	lonely := enter(t, address, "lonely-pub-0", packet.V311)
	lonely.say(append(publish("t", 10), 0xC0, 0))
	require.Equal(t, []byte{0xD0, 0}, lonely.hear())
}

func TestSameIDTakesThePlace(t *testing.T) {
	address := serve(t)
	old := subscriber(t, address, "x-sub-0", packet.V311, packet.QoS0)
	to := subscriber(t, address, "x-sub-0", packet.V311, packet.QoS0)
	old.isClosed()
	frame := publish("t", 10)
	enter(t, address, "x-pub-0", packet.V311).say(frame)
	require.Equal(t, frame, to.hear())
}

// steps is a null broker whose turns the test takes itself, with one pair, of which the publisher sends until its receiver
// is blocked.
func steps(t *testing.T, frames int) (lp *loop, publisher, subscriber *conn, to *client) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	file, err := l.(*net.TCPListener).File()
	require.NoError(t, err)
	lp, err = newLoop(int(file.Fd()))
	require.NoError(t, err)
	t.Cleanup(func() {
		lp.close()
		require.NoError(t, errors.Join(file.Close(), l.Close()))
	})
	from, to := dial(t, l.Addr().String()), dial(t, l.Addr().String())
	from.say((&packet.Connect{Version: packet.V311, CleanStart: true, ClientID: []byte("x-pub-0")}).Append(nil))
	to.say((&packet.Connect{Version: packet.V311, CleanStart: true, ClientID: []byte("x-sub-0")}).Append(nil))
	for lp.groups["x"] == nil || lp.groups["x"].publishers == nil || lp.groups["x"].subscribers == nil {
		require.NoError(t, lp.turn())
	}
	publisher, subscriber = lp.groups["x"].publishers[0], lp.groups["x"].subscribers[0]
	to.hear()
	from.hear() // or what it sends would be reset with its close
	go func() {
		send(from, 0, frames)
		_ = from.Close()
	}()
	for !subscriber.blocked {
		require.NoError(t, lp.turn())
	}
	require.Equal(t, 1, publisher.waits)
	return lp, publisher, subscriber, to
}

func TestSubscriberThatIsSlow(t *testing.T) {
	const frames = 60_000 // 48 MB, more than all buffers on the way
	lp, publisher, subscriber, to := steps(t, frames)
	received := make(chan error, 1)
	go func() { received <- receive(to, []uint32{0}, frames) }()
	for !publisher.closed || len(subscriber.out) > 0 {
		require.NoError(t, lp.turn())
		require.LessOrEqual(t, len(subscriber.out), 2*readSize+heldSmall)
	}
	require.NoError(t, <-received)
}

// A subscriber that takes nothing holds its publisher back, and lets go of it when it leaves.
func TestSubscriberThatLeaves(t *testing.T) {
	lp, publisher, subscriber, to := steps(t, 60_000)
	require.NoError(t, to.Close())
	for !publisher.closed {
		require.NoError(t, lp.turn())
	}
	require.True(t, subscriber.closed)
	require.Empty(t, lp.groups)
}

func TestServeNeedsTCP(t *testing.T) {
	l, err := net.Listen("unix", t.TempDir()+"/s")
	require.NoError(t, err)
	require.ErrorContains(t, Serve(t.Context(), l), "it needs a TCP listener, and got *net.UnixListener")
}
