package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
)

// frame is a packet with the given first byte and whatever body a test wants.
func frame(first byte, body ...string) string {
	b := strings.Join(body, "")
	if len(b) > 127 {
		panic("longer than one byte of Remaining Length")
	}
	return string([]byte{first, byte(len(b))}) + b
}

// str is a string with its length in front (section 1.5.4).
func str(s string) string { return string([]byte{byte(len(s) >> 8), byte(len(s))}) + s }

// What a connected Client must not send, in the layout of 5.0 and of the
// versions before it; empty where a version knows no such thing.
var violations = []struct {
	name   string
	v5, v3 string
	code   packet.ReasonCode
}{
	{"reserved packet type", frame(0x00), frame(0x00), packet.MalformedPacket},
	{"AUTH without an Authentication Method", frame(0xF0, "\x18\x00"), frame(0xF0), packet.ProtocolError},
	{"CONNACK from a Client", frame(0x20, "\x00\x00\x00"), frame(0x20, "\x00\x00"), packet.ProtocolError},
	{"SUBACK from a Client", frame(0x90, "\x00\x01\x00\x00"), frame(0x90, "\x00\x01\x00"), packet.ProtocolError},
	{"PINGRESP from a Client", frame(0xD0), frame(0xD0), packet.ProtocolError},
	{"second CONNECT", frame(0x10, str("MQTT"), "\x05\x02\x00\x00\x00", str("twice")),
		frame(0x10, str("MQTT"), "\x04\x02\x00\x00", str("twice")), packet.ProtocolError},

	{"flags of PINGREQ", frame(0xC1), frame(0xC1), packet.MalformedPacket},
	{"flags of SUBSCRIBE", frame(0x80, "\x00\x01\x00", str("a"), "\x00"), frame(0x80, "\x00\x01", str("a"), "\x00"), packet.MalformedPacket},
	{"flags of PUBREL", frame(0x60, "\x00\x01"), frame(0x60, "\x00\x01"), packet.MalformedPacket},
	{"PINGREQ with a body", frame(0xC0, "x"), frame(0xC0, "x"), packet.MalformedPacket},

	{"length in more bytes than needed", "\xC0\x80\x00", "\xC0\x80\x00", packet.MalformedPacket},
	{"length in five bytes", "\x30\x80\x80\x80\x80\x01", "\x30\x80\x80\x80\x80\x01", packet.PacketTooLarge},
	{"header that promises 256 MiB", "\x30\xFF\xFF\xFF\x7F", "\x30\xFF\xFF\xFF\x7F", packet.PacketTooLarge},
	{"header that promises a byte too many", "\x30\xFD\xFF\x3F", "\x30\xFD\xFF\x3F", packet.PacketTooLarge},

	{"QoS 3", frame(0x36, str("a"), "\x00\x01\x00"), frame(0x36, str("a"), "\x00\x01"), packet.MalformedPacket},
	{"DUP with QoS 0", frame(0x38, str("a"), "\x00"), frame(0x38, str("a")), packet.MalformedPacket},
	{"topic longer than the packet", frame(0x30, "\x00\x09ab"), frame(0x30, "\x00\x09ab"), packet.MalformedPacket},
	{"PUBLISH without anything", frame(0x30), frame(0x30), packet.MalformedPacket},
	{"PUBLISH that ends before its Packet Identifier", frame(0x32, str("a"), "\x00"), frame(0x32, str("a"), "\x00"), packet.MalformedPacket},
	{"topic with U+0000", frame(0x30, str("a\x00b"), "\x00"), frame(0x30, str("a\x00b")), packet.MalformedPacket},
	{"topic with half a character", frame(0x30, str("\xC3"), "\x00"), frame(0x30, str("\xC3")), packet.MalformedPacket},
	{"topic with a surrogate", frame(0x30, str("\xED\xA0\x80"), "\x00"), frame(0x30, str("\xED\xA0\x80")), packet.MalformedPacket},
	{"topic with an overlong character", frame(0x30, str("\xC0\xAF"), "\x00"), frame(0x30, str("\xC0\xAF")), packet.MalformedPacket},
	{"topic with +", frame(0x30, str("a/+/b"), "\x00"), frame(0x30, str("a/+/b")), packet.TopicNameInvalid},
	{"topic with #", frame(0x30, str("a/#"), "\x00"), frame(0x30, str("a/#")), packet.TopicNameInvalid},
	{"topic with # in a level", frame(0x30, str("a#"), "\x00"), frame(0x30, str("a#")), packet.TopicNameInvalid},
	{"no topic", frame(0x30, str(""), "\x00"), frame(0x30, str("")), packet.ProtocolError},

	{"Topic Alias 0", frame(0x30, str("a"), "\x03\x23\x00\x00"), "", packet.TopicAliasInvalid},
	{"Topic Alias above the maximum", frame(0x30, str("a"), "\x03\x23\x00\x41"), "", packet.TopicAliasInvalid},
	{"Topic Alias that was not set", frame(0x30, str(""), "\x03\x23\x00\x01"), "", packet.ProtocolError},
	{"Subscription Identifier in PUBLISH", frame(0x30, str("a"), "\x02\x0B\x01"), "", packet.ProtocolError},
	{"Response Topic with a wildcard", frame(0x30, str("a"), "\x06\x08", str("a/+")), "", packet.ProtocolError},
	{"property twice", frame(0x30, str("a"), "\x08\x03", str("x"), "\x03", str("y")), "", packet.ProtocolError},
	{"property that does not exist", frame(0x30, str("a"), "\x02\x7F\x00"), "", packet.MalformedPacket},
	{"property of another packet", frame(0x30, str("a"), "\x05\x11\x00\x00\x00\x01"), "", packet.MalformedPacket},
	{"properties longer than the packet", frame(0x30, str("a"), "\x20\x01\x00"), "", packet.MalformedPacket},
	{"User Property without a value", frame(0x30, str("a"), "\x04\x26", str("n")), "", packet.MalformedPacket},
	{"User Property that is not UTF-8", frame(0x30, str("a"), "\x07\x26", str("n"), str("\xFF")), "", packet.MalformedPacket},

	{"SUBSCRIBE without a filter", frame(0x82, "\x00\x01\x00"), frame(0x82, "\x00\x01"), packet.ProtocolError},
	{"SUBSCRIBE that ends before its options", frame(0x82, "\x00\x01\x00", str("a")), frame(0x82, "\x00\x01", str("a")), packet.MalformedPacket},
	{"SUBSCRIBE with QoS 3", frame(0x82, "\x00\x01\x00", str("a"), "\x03"), frame(0x82, "\x00\x01", str("a"), "\x03"), packet.ProtocolError},
	{"reserved Subscription Options", frame(0x82, "\x00\x01\x00", str("a"), "\x40"), frame(0x82, "\x00\x01", str("a"), "\x04"), packet.MalformedPacket},
	{"Retain Handling 3", frame(0x82, "\x00\x01\x00", str("a"), "\x30"), "", packet.ProtocolError},
	{"No Local on a Shared Subscription", frame(0x82, "\x00\x01\x00", str("$share/g/a"), "\x04"), "", packet.ProtocolError},
	{"Subscription Identifier 0", frame(0x82, "\x00\x01\x02\x0B\x00", str("a"), "\x00"), "", packet.ProtocolError},
	{"filter that is not UTF-8", frame(0x82, "\x00\x01\x00", str("\xFF"), "\x00"), frame(0x82, "\x00\x01", str("\xFF"), "\x00"), packet.MalformedPacket},
	{"UNSUBSCRIBE without a filter", frame(0xA2, "\x00\x01\x00"), frame(0xA2, "\x00\x01"), packet.ProtocolError},

	{"PUBACK of one byte", frame(0x40, "\x00"), frame(0x40, "\x00"), packet.MalformedPacket},
	{"DISCONNECT with a Session Expiry Interval anew", frame(0xE0, "\x00\x05\x11\x00\x00\x00\x01"), "", packet.ProtocolError},
	{"DISCONNECT with a Server Reference", frame(0xE0, "\x00\x05\x1C", str("ab")), "", packet.ProtocolError},
}

func TestViolation(t *testing.T) {
	broker := serveProcess(t, "")
	other := newBystander(t, broker.address)
	for _, c := range violations {
		for v, bytes := range map[packet.Version]string{packet.V31: c.v3, packet.V311: c.v3, packet.V5: c.v5} {
			if bytes == "" {
				continue
			}
			t.Run(c.name+" in "+v.String(), func(t *testing.T) {
				p := enter(t, broker.address, v, "attacker")
				p.send([]byte(bytes))
				p.expectDisconnect(c.code)
				other.unharmed()
			})
		}
	}
}

// However the bytes come in, they are judged the same.
func TestViolationByteByByte(t *testing.T) {
	broker := serveProcess(t, "")
	other := newBystander(t, broker.address)
	p := enter(t, broker.address, packet.V5, "attacker")
	for _, b := range []byte(frame(0x30, str("a/+/b"), "\x00", "payload")) {
		p.send([]byte{b})
		other.unharmed() // so that the byte goes alone
	}
	p.expectDisconnect(packet.TopicNameInvalid)
}

// A Packet Identifier of 0 is no identifier (section 2.2.1).
func TestPacketIdentifierZero(t *testing.T) {
	broker := serveProcess(t, "")
	other := newBystander(t, broker.address)
	for _, v := range []packet.Version{packet.V311, packet.V5} {
		for _, s := range []sender{
			&packet.Publish{QoS: packet.QoS1, Topic: []byte("a")},
			&packet.Publish{QoS: packet.QoS2, Topic: []byte("a")},
			&packet.Subscribe{Filters: []packet.TopicFilter{{Filter: []byte("a")}}},
			&packet.Unsubscribe{Filters: [][]byte{[]byte("a")}},
		} {
			p := enter(t, broker.address, v, "attacker")
			p.sendPackets(s)
			p.expectDisconnect(packet.ProtocolError)
			other.unharmed()
		}
	}
}

// What is before a violation in the same bytes counts, what is behind does not.
func TestViolationAmongGoodPackets(t *testing.T) {
	broker := serveProcess(t, "")
	other := newBystander(t, broker.address)
	watch := enter(t, broker.address, packet.V5, "watch")
	watch.subscribe("from/#", packet.SubscriptionOptions{})
	p := enter(t, broker.address, packet.V5, "attacker")
	p.send([]byte(frame(0x30, str("from/1"), "\x00") + frame(0x30, str("from/+"), "\x00") + frame(0x30, str("from/2"), "\x00")))
	p.expectDisconnect(packet.TopicNameInvalid)
	require.Equal(t, "from/1", string(watch.expectPublish().Topic))
	watch.expectSilence()
	other.unharmed()
}

// Nothing counts behind DISCONNECT, and the broker closes if the Client does not.
func TestPacketsAfterDisconnect(t *testing.T) {
	broker := serveProcess(t, "")
	other := newBystander(t, broker.address)
	watch := enter(t, broker.address, packet.V5, "watch")
	watch.subscribe("from/#", packet.SubscriptionOptions{})
	for _, v := range []packet.Version{packet.V31, packet.V311, packet.V5} {
		p := enter(t, broker.address, v, "attacker")
		p.sendPackets(&packet.Publish{Topic: []byte("from/before")}, &packet.Disconnect{},
			&packet.Publish{Topic: []byte("from/behind")}, &packet.Pingreq{})
		p.expectClosed()
		require.Equal(t, "from/before", string(watch.expectPublish().Topic))
		watch.expectSilence()
		other.unharmed()
	}
}

// More messages at a time than the Receive Maximum (section 3.3.4). 3.1.1 has no
// such thing: there is nothing wrong with it.
func TestReceiveMaximumExceeded(t *testing.T) {
	broker := serveProcess(t, "limits: {receive_maximum: 10}")
	other := newBystander(t, broker.address)
	messages := func(n int) (all []sender) {
		for id := range n {
			all = append(all, &packet.Publish{QoS: packet.QoS2, PacketID: uint16(id + 1), Topic: []byte("a")})
		}
		return all
	}
	p := knock(t, broker.address, packet.V5)
	require.Equal(t, uint16(10), p.connect(&packet.Connect{CleanStart: true}).ReceiveMaximum)
	p.sendPackets(messages(11)...)
	p.expectDisconnect(packet.ReceiveMaximumExceeded) // nothing of such a batch is acknowledged
	other.unharmed()

	p = enter(t, broker.address, packet.V311, "old")
	p.sendPackets(messages(11)...)
	for range 11 {
		p.expect(packet.TypePubrec)
	}
	other.unharmed()
}

// Acknowledgements of what was never sent are answered, not punished: the other
// side may have lost its state (section 4.3.3).
func TestAcknowledgementOfNothing(t *testing.T) {
	broker := serveProcess(t, "")
	other := newBystander(t, broker.address)
	p := enter(t, broker.address, packet.V5, "forgetful")
	p.sendPackets(&packet.Pubrel{PacketID: 9})
	var pubcomp packet.Pubcomp
	require.NoError(t, pubcomp.Decode(p.expect(packet.TypePubcomp), packet.V5))
	require.Equal(t, packet.Pubcomp{PacketID: 9, Code: packet.PacketIdentifierNotFound}, pubcomp)
	p.sendPackets(&packet.Pubrec{PacketID: 9})
	var pubrel packet.Pubrel
	require.NoError(t, pubrel.Decode(p.expect(packet.TypePubrel), packet.V5))
	require.Equal(t, packet.Pubrel{PacketID: 9, Code: packet.PacketIdentifierNotFound}, pubrel)
	p.sendPackets(&packet.Puback{PacketID: 9}, &packet.Pubcomp{PacketID: 9})
	p.expectSilence()
	other.unharmed()
}

// Filters that are no filters are refused one by one, beside good ones.
func TestTopicFilterInvalid(t *testing.T) {
	broker := serveProcess(t, "limits: {topic_levels: 8}")
	other := newBystander(t, broker.address)
	bad := []string{"", "a/#/b", "a#", "a/b+", "+a", "#/a", "$share/g", "$share/g/", "$share//a", "$share/g+/a", "$share/g/a#", "1/2/3/4/5/6/7/8/9"}
	for _, v := range []packet.Version{packet.V311, packet.V5} {
		filters := []packet.TopicFilter{{Filter: []byte("good/#")}}
		want := []packet.ReasonCode{packet.Success}
		refusal := packet.TopicFilterInvalid
		if v != packet.V5 {
			refusal = packet.UnspecifiedError
		}
		for _, f := range bad {
			filters = append(filters, packet.TopicFilter{Filter: []byte(f)})
			want = append(want, refusal)
		}
		p := enter(t, broker.address, v, "attacker")
		p.sendPackets(&packet.Subscribe{PacketID: 1, Filters: filters})
		var suback packet.Suback
		require.NoError(t, suback.Decode(p.expect(packet.TypeSuback), v))
		require.Equal(t, want, suback.Codes, "%q", bad)
		p.sendPackets(&packet.Publish{Topic: []byte("good/1")})
		require.Equal(t, "good/1", string(p.expectPublish().Topic))
		other.unharmed()
	}
}

// $SYS is the broker's own: what Clients say there reaches nobody.
func TestPublishToSYS(t *testing.T) {
	broker := serveProcess(t, "")
	other := newBystander(t, broker.address)
	watch := enter(t, broker.address, packet.V5, "watch")
	watch.subscribe("$SYS/forged/#", packet.SubscriptionOptions{QoS: packet.QoS2})

	p := enter(t, broker.address, packet.V5, "forger")
	p.sendPackets(
		&packet.Publish{Retain: true, Topic: []byte("$SYS/forged/0")},
		&packet.Publish{QoS: packet.QoS1, PacketID: 1, Topic: []byte("$SYS/forged/1")},
		&packet.Publish{QoS: packet.QoS2, PacketID: 2, Topic: []byte("$SYS/forged/2")})
	var puback packet.Puback
	require.NoError(t, puback.Decode(p.expect(packet.TypePuback), packet.V5))
	require.Equal(t, packet.NotAuthorized, puback.Code)
	var pubrec packet.Pubrec
	require.NoError(t, pubrec.Decode(p.expect(packet.TypePubrec), packet.V5))
	require.Equal(t, packet.NotAuthorized, pubrec.Code)
	p.expectSilence()

	p = enter(t, broker.address, packet.V311, "forger")
	p.sendPackets(
		&packet.Publish{Topic: []byte("$SYS/forged/0")},
		&packet.Publish{QoS: packet.QoS1, PacketID: 1, Topic: []byte("$SYS/forged/1")})
	p.expect(packet.TypePuback) // there is no other answer in 3.1.1 [MQTT-3.3.5-2]
	p.expectSilence()

	watch.expectSilence()
	other.unharmed()
}

// The largest packet that is allowed goes through; one byte more does not.
func TestPacketAtTheLimit(t *testing.T) {
	const limit = 200_000
	broker := serveProcess(t, "limits: {max_packet_size: 200000B}")
	other := newBystander(t, broker.address)
	for _, v := range []packet.Version{packet.V311, packet.V5} {
		p := knock(t, broker.address, v)
		connack := p.connect(&packet.Connect{CleanStart: true, ClientID: []byte("large")})
		if v == packet.V5 {
			require.Equal(t, uint32(limit), connack.MaximumPacketSize)
		}
		p.subscribe("large", packet.SubscriptionOptions{})
		publish := packet.Publish{Topic: []byte("large")}
		rest := limit - len(publish.Append(nil, v)) - 2 // its length has two bytes more
		publish.Payload = []byte(strings.Repeat("x", rest))
		require.Len(t, publish.Append(nil, v), limit)
		p.sendPackets(&publish)
		require.Len(t, p.expectPublish().Payload, rest)

		publish.Payload = append(publish.Payload, 'x')
		p.sendPackets(&publish)
		p.expectDisconnect(packet.PacketTooLarge)
		other.unharmed()
	}
}
