package troupe

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
)

// client is an MQTT 5 Client that does what a test says and nothing by itself.
type client struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
	id   uint16 // the last Packet Identifier used

	present bool              // Session Present of the CONNACK
	inbox   []*packet.Publish // came while something else was waited for
}

// durable is a CONNECT for a Session that outlives its connections.
func durable(id string) *packet.Connect {
	return &packet.Connect{
		Version: packet.V5, ClientID: []byte(id), KeepAlive: 0, RequestProblemInformation: true,
		HasSessionExpiry: true, SessionExpiry: 3600,
	}
}

func dial(t testing.TB, b *Broker) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", b.Addr("tcp").String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// connect is a Client with a kept Session.
func connect(t testing.TB, b *Broker, id string) *client {
	t.Helper()
	return connectWith(t, dial(t, b), durable(id))
}

func newClient(t testing.TB, conn net.Conn) *client {
	return &client{t: t, conn: conn, in: bufio.NewReader(conn)}
}

func connectWith(t testing.TB, conn net.Conn, p *packet.Connect) *client {
	t.Helper()
	c := newClient(t, conn)
	ack := c.enter(p)
	require.Equal(t, packet.Success, ack.Code)
	c.present = ack.SessionPresent
	return c
}

func (c *client) enter(p *packet.Connect) *packet.Connack {
	c.t.Helper()
	c.write(p.Append(nil))
	return c.entered()
}

// entered is the answer to CONNECT.
func (c *client) entered() *packet.Connack {
	c.t.Helper()
	var ack packet.Connack
	require.NoError(c.t, ack.Decode(c.expect(packet.TypeConnack), packet.V5))
	return &ack
}

func (c *client) write(b []byte) {
	c.t.Helper()
	require.NoError(c.t, c.conn.SetWriteDeadline(time.Now().Add(patience)))
	_, err := c.conn.Write(b)
	require.NoError(c.t, err)
}

// frame reads one packet.
func (c *client) frame() ([]byte, error) {
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	for n := 2; ; n++ {
		b, err := c.in.Peek(n)
		if err != nil {
			return nil, err
		}
		h, ok, err := packet.ReadHeader(b, 1<<28)
		if err != nil {
			return nil, err
		}
		if ok {
			frame := make([]byte, h.FrameSize())
			_, err := io.ReadFull(c.in, frame)
			return frame, err
		}
	}
}

// expect reads up to a packet of the type; PUBLISH packets before it go to the
// inbox, and nothing else may come.
func (c *client) expect(want packet.Type) []byte {
	c.t.Helper()
	for {
		frame, err := c.frame()
		require.NoError(c.t, err, "waiting for %v", want)
		got := packet.Type(frame[0] >> 4)
		if got == want {
			return frame
		}
		require.Equal(c.t, packet.TypePublish, got, "waiting for %v", want)
		c.inbox = append(c.inbox, c.decode(frame))
	}
}

func (c *client) decode(frame []byte) *packet.Publish {
	c.t.Helper()
	p := new(packet.Publish)
	require.NoError(c.t, p.Decode(frame, packet.V5))
	return p
}

// receive is the next message; it is not acknowledged.
func (c *client) receive() *packet.Publish {
	c.t.Helper()
	if len(c.inbox) > 0 {
		p := c.inbox[0]
		c.inbox = c.inbox[1:]
		return p
	}
	return c.decode(c.expect(packet.TypePublish))
}

// gets receives messages with these payloads, in this order, and acknowledges
// those with QoS 1.
func (c *client) gets(payloads ...string) {
	c.t.Helper()
	for _, want := range payloads {
		p := c.receive()
		require.Equal(c.t, want, string(p.Payload))
		if p.QoS == packet.QoS1 {
			ack := packet.Puback{PacketID: p.PacketID}
			c.write(ack.Append(nil, packet.V5))
		}
	}
}

// quiet checks that nothing came for the Client: an answer to a PINGREQ comes
// behind whatever was sent before it.
func (c *client) quiet() {
	c.t.Helper()
	c.ping()
	require.Empty(c.t, c.inbox)
}

func (c *client) ping() {
	c.t.Helper()
	c.write([]byte{byte(packet.TypePingreq) << 4, 0})
	c.expect(packet.TypePingresp)
}

func (c *client) next() uint16 {
	if c.id++; c.id == 0 {
		c.id = 1
	}
	return c.id
}

func (c *client) sendSubscribe(qos packet.QoS, filters ...string) uint16 {
	c.t.Helper()
	p := packet.Subscribe{PacketID: c.next()}
	for _, f := range filters {
		p.Filters = append(p.Filters, packet.TopicFilter{Filter: []byte(f), SubscriptionOptions: packet.SubscriptionOptions{QoS: qos}})
	}
	c.write(p.Append(nil, packet.V5))
	return p.PacketID
}

func (c *client) suback(id uint16) {
	c.t.Helper()
	var ack packet.Suback
	require.NoError(c.t, ack.Decode(c.expect(packet.TypeSuback), packet.V5))
	require.Equal(c.t, id, ack.PacketID)
	for _, code := range ack.Codes {
		require.False(c.t, code.IsError(), code.String())
	}
}

func (c *client) subscribe(qos packet.QoS, filters ...string) {
	c.t.Helper()
	c.suback(c.sendSubscribe(qos, filters...))
}

// publish sends a message and, with QoS 1 or 2, brings it to its end.
func (c *client) publish(qos packet.QoS, topic, payload string) packet.ReasonCode {
	c.t.Helper()
	p := packet.Publish{QoS: qos, Topic: []byte(topic), Payload: []byte(payload)}
	return c.send(&p)
}

func (c *client) send(p *packet.Publish) packet.ReasonCode {
	c.t.Helper()
	if p.QoS > packet.QoS0 {
		p.PacketID = c.next()
	}
	c.write(p.Append(nil, packet.V5))
	switch p.QoS {
	case packet.QoS1:
		return c.acked(packet.TypePuback, p.PacketID)
	case packet.QoS2:
		if code := c.acked(packet.TypePubrec, p.PacketID); code.IsError() {
			return code
		}
		rel := packet.Pubrel{PacketID: p.PacketID}
		c.write(rel.Append(nil, packet.V5))
		return c.acked(packet.TypePubcomp, p.PacketID)
	}
	return packet.Success
}

func (c *client) acked(want packet.Type, id uint16) packet.ReasonCode {
	c.t.Helper()
	var p packet.Puback
	frame := c.expect(want)
	frame[0] = byte(packet.TypePuback) << 4 // the four share their layout
	require.NoError(c.t, p.Decode(frame, packet.V5))
	require.Equal(c.t, id, p.PacketID)
	return p.Code
}

// gone waits for the broker to close the connection and returns the DISCONNECT
// before it, if one came.
func (c *client) gone() *packet.Disconnect {
	c.t.Helper()
	var last *packet.Disconnect
	for {
		frame, err := c.frame()
		if err != nil {
			timeout, ok := err.(net.Error)
			require.False(c.t, ok && timeout.Timeout(), "the connection stays open")
			return last
		}
		switch packet.Type(frame[0] >> 4) {
		case packet.TypeDisconnect:
			last = new(packet.Disconnect)
			require.NoError(c.t, last.Decode(frame, packet.V5))
		case packet.TypePublish:
			c.inbox = append(c.inbox, c.decode(frame))
		}
	}
}

// leave disconnects and keeps the Session.
func (c *client) leave() {
	c.t.Helper()
	var p packet.Disconnect
	c.write(p.Append(nil, packet.V5))
	_ = c.conn.Close()
}
