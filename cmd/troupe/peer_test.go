package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
)

// peer is one TCP connection to a broker over which a test says exactly the
// bytes that it wants to, and sees what comes back, packet by packet.
type peer struct {
	t       testing.TB
	conn    net.Conn
	in      *bufio.Reader
	version packet.Version
}

// knock opens a connection and says nothing.
func knock(t testing.TB, address string, v packet.Version) *peer {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	return &peer{t, conn, bufio.NewReader(conn), v}
}

// enter connects with a clean start and the given Client Identifier.
func enter(t testing.TB, address string, v packet.Version, id string) *peer {
	t.Helper()
	p := knock(t, address, v)
	connack := p.connect(&packet.Connect{CleanStart: true, ClientID: []byte(id)})
	require.Equal(t, packet.Success, connack.Code)
	return p
}

// connect sends CONNECT in the peer's version and gives the answer.
func (p *peer) connect(c *packet.Connect) *packet.Connack {
	p.t.Helper()
	c.Version, c.RequestProblemInformation = p.version, true
	p.send(c.Append(nil))
	var connack packet.Connack
	require.NoError(p.t, connack.Decode(p.expect(packet.TypeConnack), p.version))
	return &connack
}

// send writes bytes. A broker that closed the connection before all of them
// were gone is a matter of what the test expects next.
func (p *peer) send(b []byte) {
	p.t.Helper()
	if _, err := p.conn.Write(b); err != nil && !closed(err) {
		require.NoError(p.t, err)
	}
}

// sender is any packet that knows how to be written.
type sender interface {
	Append(dst []byte, v packet.Version) []byte
}

func (p *peer) sendPackets(packets ...sender) {
	p.t.Helper()
	var b []byte
	for _, s := range packets {
		b = s.Append(b, p.version)
	}
	p.send(b)
}

// next reads one packet. The error is io.EOF when the broker closed.
func (p *peer) next() ([]byte, error) {
	p.t.Helper()
	var frame []byte
	for {
		header, ok, err := packet.ReadHeader(frame, 0)
		require.NoError(p.t, err)
		if ok {
			start := len(frame)
			frame = append(frame, make([]byte, header.FrameSize()-start)...)
			_, err := io.ReadFull(p.in, frame[start:])
			return frame, p.end(err)
		}
		b, err := p.in.ReadByte()
		if err != nil {
			return nil, p.end(err)
		}
		frame = append(frame, b)
	}
}

// end makes the ways in which a connection ends one.
func (p *peer) end(err error) error {
	if err != nil && closed(err) {
		return io.EOF
	}
	return err
}

func closed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// expect reads one packet, which has to be of type want.
func (p *peer) expect(want packet.Type) []byte {
	p.t.Helper()
	frame, err := p.next()
	require.NoError(p.t, err, "waiting for %v", want)
	got := packet.Type(frame[0] >> 4)
	if got == packet.TypeDisconnect && want != got {
		var d packet.Disconnect
		require.NoError(p.t, d.Decode(frame, p.version))
		require.FailNow(p.t, "disconnected", "waiting for %v: %v: %s", want, d.Code, d.ReasonString)
	}
	require.Equal(p.t, want, got, "% x", frame)
	return frame
}

// expectClosed reads the end of the connection, and nothing before it.
func (p *peer) expectClosed() {
	p.t.Helper()
	frame, err := p.next()
	require.ErrorIs(p.t, err, io.EOF, "% x", frame)
}

// expectDisconnect reads what the broker says and does to a Client that it is
// through with: DISCONNECT with the code where the version has it, and the end.
func (p *peer) expectDisconnect(code packet.ReasonCode) {
	p.t.Helper()
	if p.version == packet.V5 {
		var d packet.Disconnect
		require.NoError(p.t, d.Decode(p.expect(packet.TypeDisconnect), p.version))
		require.Equal(p.t, code, d.Code, "%s", d.ReasonString)
	}
	p.expectClosed()
}

// expectSilence holds when a connection stays as it is: the broker answers the
// next PINGREQ and has said nothing before.
func (p *peer) expectSilence() {
	p.t.Helper()
	p.sendPackets(&packet.Pingreq{})
	p.expect(packet.TypePingresp)
}

func (p *peer) expectPublish() *packet.Publish {
	p.t.Helper()
	var publish packet.Publish
	require.NoError(p.t, publish.Decode(p.expect(packet.TypePublish), p.version))
	return &publish
}

// subscribe subscribes to one filter.
func (p *peer) subscribe(filter string, options packet.SubscriptionOptions) {
	p.t.Helper()
	p.sendPackets(&packet.Subscribe{PacketID: 1, Filters: []packet.TopicFilter{{Filter: []byte(filter), SubscriptionOptions: options}}})
	var suback packet.Suback
	require.NoError(p.t, suback.Decode(p.expect(packet.TypeSuback), p.version))
	require.Equal(p.t, []packet.ReasonCode{packet.ReasonCode(options.QoS)}, suback.Codes)
}

// bystander is a connected Client that has nothing to do with what a test is
// about, and must not notice any of it.
type bystander struct {
	*peer
	said int
}

func newBystander(t testing.TB, address string) *bystander {
	t.Helper()
	b := &bystander{peer: enter(t, address, packet.V311, "bystander")}
	b.subscribe("bystander/#", packet.SubscriptionOptions{QoS: packet.QoS1})
	b.unharmed()
	return b
}

// unharmed shows that the Client's traffic flows, on the connection that it had
// from the beginning.
func (b *bystander) unharmed() {
	b.t.Helper()
	require.NoError(b.t, b.conn.SetDeadline(time.Now().Add(patience)))
	b.said++
	payload := strconv.Itoa(b.said)
	b.sendPackets(&packet.Publish{QoS: packet.QoS1, PacketID: 7, Topic: []byte("bystander/x"), Payload: []byte(payload)})
	acknowledged, received := false, false
	for !acknowledged || !received {
		frame, err := b.next()
		require.NoError(b.t, err)
		switch packet.Type(frame[0] >> 4) {
		case packet.TypePuback:
			acknowledged = true
		case packet.TypePublish:
			var p packet.Publish
			require.NoError(b.t, p.Decode(frame, b.version))
			require.Equal(b.t, payload, string(p.Payload))
			b.sendPackets(&packet.Puback{PacketID: p.PacketID})
			received = true
		}
	}
}

// nextType reads one packet of whatever type.
func (p *peer) nextType() packet.Type {
	p.t.Helper()
	frame, err := p.next()
	require.NoError(p.t, err)
	return packet.Type(frame[0] >> 4)
}
