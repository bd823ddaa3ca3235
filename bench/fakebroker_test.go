package bench

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
)

// fakeBroker speaks enough MQTT to be measured, as simply as can be, and does wrong what a test asks for.
type fakeBroker struct {
	listener net.Listener
	password string // that CONNECT must bring, if it is not empty
	// fault says what becomes of copy number n, from 1; nil: it is sent once. It runs under mu.
	fault func(n int, send func())
	delay time.Duration // of every copy
	keeps int           // Retained Messages; 0: all
	serve sync.WaitGroup

	mu            sync.Mutex
	copies        int
	subscriptions []subscription
	conns         map[*fakeConn]bool
	retained      map[string]packet.Publish
	sessions      map[string]*fakeSession // of Clients that asked for one that stays
	stopped       bool
	limits        []limit
}

// limit is closed when so many copies were due.
type limit struct {
	copies  int
	reached chan struct{}
}

type subscription struct {
	conn   *fakeConn
	filter string
	qos    packet.QoS
}

// fakeSession keeps what comes while its Client is away.
type fakeSession struct {
	conn   *fakeConn // nil: away
	filter string    // of its one Subscription
	queue  []packet.Publish
}

type fakeConn struct {
	broker  *fakeBroker
	conn    net.Conn
	version packet.Version
	session *fakeSession // nil: it ends with the connection
	lastID  uint16

	mu    sync.Mutex
	more  *sync.Cond
	queue []outgoing
	done  bool
}

type outgoing struct {
	frame []byte
	due   time.Time
}

// newFakeBroker listens on the loopback until the test ends.
func newFakeBroker(t *testing.T) *fakeBroker {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b := &fakeBroker{listener: l, conns: make(map[*fakeConn]bool), retained: make(map[string]packet.Publish),
		sessions: make(map[string]*fakeSession)}
	t.Cleanup(func() {
		b.stop()
		b.serve.Wait()
	})
	return b
}

// start accepts connections from now on.
func (b *fakeBroker) start() *fakeBroker {
	b.serve.Go(func() {
		for {
			conn, err := b.listener.Accept()
			if err != nil {
				return
			}
			b.serve.Go(func() { b.handle(conn) })
		}
	})
	return b
}

func (b *fakeBroker) target() Target {
	return Target{Name: "fake", URI: "mqtt://" + b.listener.Addr().String()}
}

// after is closed when so many copies were due to be sent.
func (b *fakeBroker) after(copies int) <-chan struct{} {
	l := limit{copies, make(chan struct{})}
	b.limits = append(b.limits, l)
	return l.reached
}

// stop dies.
func (b *fakeBroker) stop() {
	_ = b.listener.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = true
	for c := range b.conns {
		c.end()
	}
}

func (b *fakeBroker) handle(conn net.Conn) {
	c := &fakeConn{broker: b, conn: conn}
	c.more = sync.NewCond(&c.mu)
	b.mu.Lock()
	b.conns[c] = true
	if b.stopped {
		c.end()
	}
	b.mu.Unlock()
	var writing sync.WaitGroup
	writing.Go(c.write)
	r := bufio.NewReader(conn)
	for {
		frame, err := readFrame(r)
		if err != nil || !c.packet(frame) {
			break
		}
	}
	c.end()
	writing.Wait()
	_ = conn.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.conns, c)
	c.leave()
}

// leave detaches the connection from its Session, under the broker's mu.
func (c *fakeConn) leave() {
	if c.session != nil && c.session.conn == c {
		c.session.conn = nil
	}
}

// readFrame reads one packet.
func readFrame(r *bufio.Reader) ([]byte, error) {
	for n := 2; ; n++ {
		head, err := r.Peek(n)
		if err != nil {
			return nil, err
		}
		h, ok, err := packet.ReadHeader(head, 0)
		if err != nil {
			return nil, err
		}
		if ok {
			frame := make([]byte, h.FrameSize())
			_, err := io.ReadFull(r, frame)
			return frame, err
		}
	}
}

// packet takes one packet and tells whether the connection goes on.
func (c *fakeConn) packet(frame []byte) bool {
	b := c.broker
	switch packet.Type(frame[0] >> 4) {
	case packet.TypeConnect:
		var p packet.Connect
		if p.Decode(frame) != nil {
			return false
		}
		c.version = p.Version
		c.accept(p)
	case packet.TypeSubscribe:
		return c.subscribe(frame)
	case packet.TypePublish:
		return c.publish(frame)
	case packet.TypePubrel:
		c.send([]byte{byte(packet.TypePubcomp) << 4, 2, frame[2], frame[3]})
	case packet.TypePubrec:
		c.send([]byte{byte(packet.TypePubrel)<<4 | 2, 2, frame[2], frame[3]})
	case packet.TypePingreq:
		c.send((&packet.Pingresp{}).Append(nil, c.version))
	case packet.TypeDisconnect:
		b.mu.Lock()
		defer b.mu.Unlock()
		c.leave()
		return false
	}
	return true
}

// accept answers CONNECT, and delivers what has waited.
func (c *fakeConn) accept(p packet.Connect) {
	b := c.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	ack, id := packet.Connack{}, string(p.ClientID)
	if string(p.Password) != b.password {
		ack.Code = packet.BadUserNameOrPassword
	}
	if p.CleanStart {
		delete(b.sessions, id)
	} else {
		if c.session, ack.SessionPresent = b.sessions[id]; c.session == nil {
			c.session = new(fakeSession)
			b.sessions[id] = c.session
		}
		c.session.conn = c
	}
	c.send(ack.Append(nil, c.version))
	if c.session != nil {
		for _, m := range c.session.queue {
			c.deliver(m, packet.QoS1)
		}
		c.session.queue = nil
	}
}

func (c *fakeConn) subscribe(frame []byte) bool {
	b := c.broker
	var p packet.Subscribe
	if p.Decode(frame, c.version) != nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	ack := packet.Suback{PacketID: p.PacketID}
	for _, f := range p.Filters {
		ack.Codes = append(ack.Codes, packet.ReasonCode(f.QoS))
		if c.session != nil {
			c.session.filter = string(f.Filter)
			continue
		}
		b.subscriptions = append(b.subscriptions, subscription{c, string(f.Filter), f.QoS})
	}
	c.send(ack.Append(nil, c.version))
	for topic, m := range b.retained {
		for _, f := range p.Filters {
			if matches(string(f.Filter), topic) {
				c.deliver(m, f.QoS)
			}
		}
	}
	return true
}

func (c *fakeConn) publish(frame []byte) bool {
	b := c.broker
	var p packet.Publish
	if p.Decode(frame, c.version) != nil {
		return false
	}
	switch p.QoS {
	case packet.QoS1:
		c.send([]byte{byte(packet.TypePuback) << 4, 2, byte(p.PacketID >> 8), byte(p.PacketID)})
	case packet.QoS2:
		c.send([]byte{byte(packet.TypePubrec) << 4, 2, byte(p.PacketID >> 8), byte(p.PacketID)})
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.Retain && (b.keeps == 0 || len(b.retained) < b.keeps || len(p.Payload) == 0) {
		if b.retained[string(p.Topic)] = p; len(p.Payload) == 0 {
			delete(b.retained, string(p.Topic))
		}
	}
	p.Retain = false
	for _, s := range b.sessions {
		if !matches(s.filter, string(p.Topic)) {
			continue
		}
		b.copies++
		send := func() { s.queue = append(s.queue, p) }
		if s.conn != nil {
			send = func() { s.conn.deliver(p, packet.QoS1) }
		}
		if b.fault != nil {
			b.fault(b.copies, send)
		} else {
			send()
		}
	}
	for _, s := range b.subscriptions {
		if !matches(s.filter, string(p.Topic)) {
			continue
		}
		b.copies++
		send := func() { s.conn.deliver(p, s.qos) }
		if b.fault != nil {
			b.fault(b.copies, send)
		} else {
			send()
		}
		for _, l := range b.limits {
			if l.copies == b.copies {
				close(l.reached)
			}
		}
	}
	return true
}

// deliver sends a message, under the broker's mu.
func (c *fakeConn) deliver(p packet.Publish, qos packet.QoS) {
	if p.QoS = min(p.QoS, qos); p.QoS > 0 {
		if c.lastID++; c.lastID == 0 {
			c.lastID = 1
		}
		p.PacketID = c.lastID
	}
	c.send(p.Append(nil, c.version))
}

func (c *fakeConn) send(frame []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue = append(c.queue, outgoing{frame, time.Now().Add(c.broker.delay)})
	c.more.Signal()
}

func (c *fakeConn) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done = true
	c.more.Signal()
	_ = c.conn.SetReadDeadline(time.Unix(1, 0))
}

// write sends what is queued, each when it is due, until the end.
func (c *fakeConn) write() {
	for {
		c.mu.Lock()
		for len(c.queue) == 0 && !c.done {
			c.more.Wait()
		}
		queue, done := c.queue, c.done
		c.queue = nil
		c.mu.Unlock()
		for _, o := range queue {
			if c.broker.delay > 0 {
				time.Sleep(time.Until(o.due))
			}
			if _, err := c.conn.Write(o.frame); err != nil {
				return
			}
		}
		if done {
			return
		}
	}
}

// matches tells whether a Topic Filter matches a Topic Name.
func matches(filter, topic string) bool {
	f, t := strings.Split(filter, "/"), strings.Split(topic, "/")
	for i, level := range f {
		if level == "#" {
			return true
		}
		if i >= len(t) || level != "+" && level != t[i] {
			return false
		}
	}
	return len(f) == len(t)
}
