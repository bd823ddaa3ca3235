package main

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
)

// v5 and v311 are the beginning of a CONNECT, up to its flags.
var v5, v311, v31 = str("MQTT") + "\x05", str("MQTT") + "\x04", str("MQIsdp") + "\x03"

// What is no way to begin. Where the broker knows that it talks to an MQTT
// Client it says why in CONNACK, where that has a code for it.
var refusals = []struct {
	name    string
	bytes   string
	answer  packet.Version // of the CONNACK, 0: none
	code    packet.ReasonCode
	returns byte // the code on the wire before 5.0
}{
	{name: "PUBLISH first", bytes: frame(0x30, str("a"), "x")},
	{name: "SUBSCRIBE first", bytes: frame(0x82, "\x00\x01", str("a"), "\x00")},
	{name: "PINGREQ first", bytes: frame(0xC0)},
	{name: "DISCONNECT first", bytes: frame(0xE0)},
	{name: "CONNACK first", bytes: frame(0x20, "\x00\x00")},
	{name: "AUTH first", bytes: frame(0xF0, "\x18\x00")},
	{name: "HTTP", bytes: "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"},
	{name: "TLS", bytes: "\x16\x03\x01\x00\xC6\x01\x00\x00\xC2\x03\x03"},
	{name: "SSH", bytes: "SSH-2.0-OpenSSH_9.6\r\n"},
	{name: "zeros", bytes: "\x00\x00\x00\x00"},
	{name: "CONNECT that promises 256 MiB", bytes: "\x10\xFF\xFF\xFF\x7F"},
	{name: "CONNECT with flags", bytes: frame(0x11, v311, "\x02\x00\x00", str("a"))},
	{name: "CONNECT without anything", bytes: frame(0x10)},
	{name: "another protocol", bytes: frame(0x10, str("HTTP"), "\x04\x02\x00\x00", str("a"))},
	{name: "protocol in small letters", bytes: frame(0x10, str("mqtt"), "\x04\x02\x00\x00", str("a"))},
	{name: "name longer than the packet", bytes: frame(0x10, "\xFF\xFFMQTT")},

	{"level 2", frame(0x10, str("MQTT"), "\x02\x02\x00\x00", str("a")), packet.V311, 0, 0x01},
	{"level 6", frame(0x10, str("MQTT"), "\x06\x02\x00\x00\x00", str("a")), packet.V5, packet.UnsupportedProtocolVersion, 0},
	{"level 255", frame(0x10, str("MQTT"), "\xFF\x02\x00\x00\x00", str("a")), packet.V5, packet.UnsupportedProtocolVersion, 0},

	{"reserved flag", frame(0x10, v5, "\x03\x00\x00\x00", str("a")), packet.V5, packet.MalformedPacket, 0},
	{"Will with QoS 3", frame(0x10, v5, "\x1E\x00\x00\x00", str("a"), "\x00", str("w"), str("")), packet.V5, packet.MalformedPacket, 0},
	{"Will QoS without a Will", frame(0x10, v5, "\x0A\x00\x00\x00", str("a")), packet.V5, packet.MalformedPacket, 0},
	{"Will that is missing", frame(0x10, v5, "\x06\x00\x00\x00", str("a")), packet.V5, packet.MalformedPacket, 0},
	{"Will Topic with a wildcard", frame(0x10, v5, "\x06\x00\x00\x00", str("a"), "\x00", str("w/#"), str("")), packet.V5, packet.TopicNameInvalid, 0},
	{"Will Topic under $SYS", frame(0x10, v5, "\x06\x00\x00\x00", str("a"), "\x00", str("$SYS/w"), str("")), packet.V5, packet.NotAuthorized, 0},
	{"Client Identifier that is not UTF-8", frame(0x10, v5, "\x02\x00\x00\x00", str("\xFF")), packet.V5, packet.MalformedPacket, 0},
	{"Client Identifier with U+0000", frame(0x10, v5, "\x02\x00\x00\x00", str("a\x00")), packet.V5, packet.MalformedPacket, 0},
	{"User Name that is missing", frame(0x10, v5, "\x82\x00\x00\x00", str("a")), packet.V5, packet.MalformedPacket, 0},
	{"bytes behind the payload", frame(0x10, v5, "\x02\x00\x00\x00", str("a"), "x"), packet.V5, packet.MalformedPacket, 0},
	{"no Client Identifier", frame(0x10, v5, "\x02\x00\x00\x00"), packet.V5, packet.MalformedPacket, 0},
	{"Receive Maximum 0", frame(0x10, v5, "\x02\x00\x00\x03\x21\x00\x00", str("a")), packet.V5, packet.ProtocolError, 0},
	{"Maximum Packet Size 0", frame(0x10, v5, "\x02\x00\x00\x05\x27\x00\x00\x00\x00", str("a")), packet.V5, packet.ProtocolError, 0},
	{"property twice", frame(0x10, v5, "\x02\x00\x00\x06\x21\x00\x01\x21\x00\x01", str("a")), packet.V5, packet.ProtocolError, 0},
	{"Request Problem Information 2", frame(0x10, v5, "\x02\x00\x00\x02\x17\x02", str("a")), packet.V5, packet.ProtocolError, 0},
	{"property of another packet", frame(0x10, v5, "\x02\x00\x00\x02\x01\x01", str("a")), packet.V5, packet.MalformedPacket, 0},
	{"Authentication Data without a method", frame(0x10, v5, "\x02\x00\x00\x04\x16", str("x"), str("a")), packet.V5, packet.ProtocolError, 0},
	{"unknown Authentication Method", frame(0x10, v5, "\x02\x00\x00\x04\x15", str("x"), str("a")), packet.V5, packet.BadAuthenticationMethod, 0},

	{name: "reserved flag in 3.1.1", bytes: frame(0x10, v311, "\x03\x00\x00", str("a"))},
	{name: "Password without a User Name in 3.1.1", bytes: frame(0x10, v311, "\x42\x00\x00", str("a"), str("p"))},
	{name: "Client Identifier that is not UTF-8 in 3.1.1", bytes: frame(0x10, v311, "\x02\x00\x00", str("\xFF"))},
	{"no Client Identifier for a Session to keep", frame(0x10, v311, "\x00\x00\x00", str("")), packet.V311, 0, 0x02},
	{"no Client Identifier in 3.1", frame(0x10, v31, "\x02\x00\x00", str("")), packet.V31, 0, 0x02},
}

func TestRefusal(t *testing.T) {
	broker := serveProcess(t, "")
	other := newBystander(t, broker.address)
	for _, c := range refusals {
		t.Run(c.name, func(t *testing.T) {
			p := knock(t, broker.address, packet.V5)
			p.send([]byte(c.bytes))
			if c.answer != 0 {
				frame, err := p.next()
				require.NoError(t, err)
				if c.answer == packet.V5 {
					var connack packet.Connack
					require.NoError(t, connack.Decode(frame, packet.V5))
					require.Equal(t, c.code, connack.Code, "%s", connack.ReasonString)
				} else {
					require.Equal(t, []byte{0x20, 2, 0, c.returns}, frame)
				}
			}
			p.expectClosed()
			other.unharmed()
		})
	}
}

// Who says nothing, or does not finish what it says, is shown out after the
// time for CONNECT, and not one who did in time.
func TestNoConnectInTime(t *testing.T) {
	t.Parallel() // it is mostly waiting
	broker := serveProcess(t, "limits: {connect_timeout: 300ms}")
	other := newBystander(t, broker.address)
	for _, beginning := range []string{"", "\x10", "\x10\x20\x00\x04MQ", "\x10\xF0\xFF\x03" + v5} {
		p := knock(t, broker.address, packet.V5)
		p.send([]byte(beginning))
		p.expectClosed()
		other.unharmed()
	}
}

// Half a packet and then silence is silence: the Keep Alive ends it.
func TestHalfAPacketThenSilence(t *testing.T) {
	t.Parallel() // it is mostly waiting
	broker := serveProcess(t, "")
	other := newBystander(t, broker.address)
	var all []*peer
	for _, v := range []packet.Version{packet.V311, packet.V5} {
		for i, beginning := range []string{"", "\x30", "\x30\xFF\xFF\x3E\x00\x01a"} {
			p := knock(t, broker.address, v)
			p.connect(&packet.Connect{CleanStart: true, KeepAlive: 1, ClientID: fmt.Append(nil, "silent", v, i)})
			p.send([]byte(beginning))
			all = append(all, p)
		}
	}
	for _, p := range all {
		p.expectDisconnect(packet.KeepAliveTimeout)
		other.unharmed()
	}
}

// A client may send on without waiting for CONNACK (section 3.1.4).
func TestPacketsBehindConnect(t *testing.T) {
	broker := serveProcess(t, "")
	p := knock(t, broker.address, packet.V5)
	b := (&packet.Connect{Version: packet.V5, CleanStart: true, ClientID: []byte("hasty")}).Append(nil)
	b = (&packet.Subscribe{PacketID: 1, Filters: []packet.TopicFilter{{Filter: []byte("a")}}}).Append(b, packet.V5)
	b = (&packet.Publish{Topic: []byte("b")}).Append(b, packet.V5)
	b = (&packet.Pingreq{}).Append(b, packet.V5)
	p.send(b)
	p.expect(packet.TypeConnack)
	types := []packet.Type{p.nextType(), p.nextType()}
	require.ElementsMatch(t, []packet.Type{packet.TypeSuback, packet.TypePingresp}, types)
	p.expectSilence()

	// A second CONNECT that does not wait is no better than one that does.
	p = knock(t, broker.address, packet.V5)
	connect := (&packet.Connect{Version: packet.V5, CleanStart: true, ClientID: []byte("twice")}).Append(nil)
	p.send(append(connect, connect...))
	p.expect(packet.TypeConnack)
	p.expectDisconnect(packet.ProtocolError)
}
