package packet

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// everyPublishProperty is a section with all of them, in the order that Append
// writes.
func everyPublishProperty() []byte {
	return props(
		prop(0x01, raw(1)), prop(0x02, u32(70_000)), prop(0x03, str("text/plain")), prop(0x08, str("answer/here")),
		prop(0x09, str("\x00\xff")), prop(0x0B, raw(1)), prop(0x0B, raw(0xff, 0xff, 0xff, 0x7f)), prop(0x23, u16(9)),
		user("a", "1"), user("b", ""), user("a", "2"),
	)
}

func TestPublish(t *testing.T) {
	testGood(t, []good{
		{"QoS 0", V31, frame(0x30, str("a/b"), rawText("hi")), &Publish{Topic: []byte("a/b"), Payload: []byte("hi")}},
		{"QoS 0", V311, frame(0x30, str("a/b"), rawText("hi")), &Publish{Topic: []byte("a/b"), Payload: []byte("hi")}},
		{"QoS 1, RETAIN", V311, frame(0x33, str("a"), u16(258), rawText("hi")),
			&Publish{QoS: QoS1, Retain: true, PacketID: 258, Topic: []byte("a"), Payload: []byte("hi")}},
		{"QoS 2, DUP", V311, frame(0x3C, str("a"), u16(65535)),
			&Publish{QoS: QoS2, Dup: true, PacketID: 65535, Topic: []byte("a"), Payload: []byte{}}},
		{"beyond ASCII", V311, frame(0x30, str("größe")), &Publish{Topic: []byte("größe"), Payload: []byte{}}},
		{"two bytes of length", V311, frame(0x30, str("a"), make([]byte, 200)), &Publish{Topic: []byte("a"), Payload: make([]byte, 200)}},
		{"three bytes of length", V311, frame(0x30, str("a"), make([]byte, 20_000)), &Publish{Topic: []byte("a"), Payload: make([]byte, 20_000)}},
		{"four bytes of length", V5, frame(0x30, str("a"), props(), make([]byte, 2_100_000)), &Publish{Topic: []byte("a"), Payload: make([]byte, 2_100_000)}},
		{"no properties", V5, frame(0x32, str("a"), u16(1), props(), rawText("hi")),
			&Publish{QoS: QoS1, PacketID: 1, Topic: []byte("a"), Payload: []byte("hi")}},
		{"alias alone", V5, frame(0x30, str(""), props(prop(0x23, u16(3)))),
			&Publish{Topic: []byte{}, TopicAlias: 3, Payload: []byte{}}},
		{"every property", V5, frame(0x35, str("a"), u16(5), everyPublishProperty(), rawText("hi")), &Publish{
			QoS: QoS2, Retain: true, PacketID: 5, TopicAlias: 9, HasMessageExpiry: true, MessageExpiry: 70_000,
			HasPayloadFormat: true, PayloadFormat: 1, Topic: []byte("a"), ContentType: []byte("text/plain"),
			ResponseTopic: []byte("answer/here"), CorrelationData: []byte("\x00\xff"), SubscriptionIDs: []uint32{1, maxRemaining},
			UserProperties: UserProperties(nil).With("a", "1").With("b", "").With("a", "2"), Payload: []byte("hi"),
		}},
		{"empty properties are present", V5, frame(0x30, str("a"), props(prop(0x01, raw(0)), prop(0x02, u32(0)), prop(0x03, str("")),
			prop(0x08, str("")), prop(0x09, str("")))),
			&Publish{Topic: []byte("a"), HasPayloadFormat: true, HasMessageExpiry: true, ContentType: []byte{},
				ResponseTopic: []byte{}, CorrelationData: []byte{}, Payload: []byte{}}},
		{"long properties", V5, frame(0x30, str("a"), props(prop(0x09, str(string(make([]byte, 300)))))),
			&Publish{Topic: []byte("a"), CorrelationData: make([]byte, 300), Payload: []byte{}}},
	})
}

func TestPublishBad(t *testing.T) {
	v5 := func(section ...[]byte) []byte { return frame(0x30, str("a"), props(section...)) }
	testBad(t, TypePublish, []bad{
		{"QoS 3", V311, frame(0x36, str("a"), u16(1)), MalformedPacket, "MQTT-3.3.1-4"},
		{"DUP with QoS 0", V311, frame(0x38, str("a")), MalformedPacket, "MQTT-3.3.1-2"},
		{"no topic", V311, frame(0x30), MalformedPacket, ""},
		{"cut topic", V311, frame(0x30, u16(5), rawText("abcd")), MalformedPacket, ""},
		{"empty topic", V31, frame(0x30, str("")), ProtocolError, "MQTT-4.7.3-1"},
		{"empty topic", V311, frame(0x30, str(""), rawText("hi")), ProtocolError, "MQTT-4.7.3-1"},
		{"empty topic, no alias", V5, frame(0x30, str(""), props()), ProtocolError, "MQTT-4.7.3-1"},
		{"U+0000 in the topic", V311, frame(0x30, str("a\x00b")), MalformedPacket, "MQTT-1.5.4-2"},
		{"topic is not UTF-8", V5, frame(0x30, str("a\xff"), props()), MalformedPacket, "MQTT-1.5.4-1"},
		{"no identifier", V311, frame(0x32, str("a")), MalformedPacket, ""},
		{"identifier 0", V311, frame(0x32, str("a"), u16(0)), ProtocolError, "MQTT-2.2.1-3"},
		{"identifier 0", V5, frame(0x34, str("a"), u16(0), props()), ProtocolError, "MQTT-2.2.1-3"},
		{"no Property Length", V5, frame(0x30, str("a")), MalformedPacket, "MQTT-2.2.2-1"},
		{"long Property Length", V5, frame(0x30, str("a"), raw(0x80, 0)), MalformedPacket, "MQTT-1.5.5-1"},
		{"Property Length of five bytes", V5, frame(0x30, str("a"), raw(0x80, 0x80, 0x80, 0x80, 1)), MalformedPacket, ""},
		{"Property Length beyond the end", V5, frame(0x30, str("a"), raw(3, 0x01, 0)), MalformedPacket, ""},
		{"value beyond the section", V5, frame(0x30, str("a"), raw(2, 0x23, 0), rawText("payload")), MalformedPacket, ""},
		{"unknown property", V5, v5(prop(0x7F, raw(0))), MalformedPacket, ""},
		{"property 0", V5, v5(prop(0x00, raw(0))), MalformedPacket, ""},
		{"identifier of two bytes", V5, v5(raw(0x81, 0x01, 0)), MalformedPacket, ""},
		{"long identifier", V5, v5(raw(0x81, 0x00, 0)), MalformedPacket, "MQTT-1.5.5-1"},
		{"property of CONNECT", V5, v5(prop(0x21, u16(5))), MalformedPacket, ""},
		{"Payload Format 2", V5, v5(prop(0x01, raw(2))), ProtocolError, ""},
		{"Topic Alias 0", V5, v5(prop(0x23, u16(0))), TopicAliasInvalid, "MQTT-3.3.2-8"},
		{"Subscription Identifier 0", V5, v5(prop(0x0B, raw(0))), ProtocolError, ""},
		{"Response Topic with +", V5, v5(prop(0x08, str("a/+"))), ProtocolError, "MQTT-3.3.2-14"},
		{"Response Topic with #", V5, v5(prop(0x08, str("#"))), ProtocolError, "MQTT-3.3.2-14"},
		{"Response Topic is not UTF-8", V5, v5(prop(0x08, str("\xff"))), MalformedPacket, "MQTT-1.5.4-1"},
		{"Content Type with U+0000", V5, v5(prop(0x03, str("\x00"))), MalformedPacket, "MQTT-1.5.4-2"},
		{"User Property's name is not UTF-8", V5, v5(user("\xff", "a")), MalformedPacket, "MQTT-1.5.4-1"},
		{"User Property's value with U+0000", V5, v5(user("a", "\x00")), MalformedPacket, "MQTT-1.5.4-2"},
		{"User Property without a value", V5, v5(prop(0x26, str("a"))), MalformedPacket, ""},
	})
}

// TestPropertiesOnce doubles each property that may be there once.
func TestPropertiesOnce(t *testing.T) {
	for _, p := range [][]byte{
		prop(0x01, raw(1)), prop(0x02, u32(1)), prop(0x03, str("a")), prop(0x08, str("a")), prop(0x09, str("a")), prop(0x23, u16(1)),
	} {
		requireError(t, new(Publish).Decode(frame(0x30, str("a"), props(p, user("x", "y"), p)), V5), ProtocolError, "")
		require.NoError(t, new(Publish).Decode(frame(0x30, str("a"), props(p, user("x", "y"))), V5))
	}
}

// TestPublishTruncated holds that no cut of the fields before the Payload is
// valid.
func TestPublishTruncated(t *testing.T) {
	testTruncated(t, TypePublish, V5, frame(0x35, str("a"), u16(5), everyPublishProperty()))
	testTruncated(t, TypePublish, V311, frame(0x35, str("abc"), u16(5)))
}

// TestPublishReset decodes a packet with everything and then one with nothing.
func TestPublishReset(t *testing.T) {
	for _, f := range [][]byte{frame(0x30, str("b"), props()), frame(0x30, str("ä"), props())} {
		var p Publish
		require.NoError(t, p.Decode(frame(0x3D, str("a"), u16(5), everyPublishProperty(), rawText("hi")), V5))
		require.NoError(t, p.Decode(f, V5))
		require.Empty(t, p.SubscriptionIDs)
		p.SubscriptionIDs = nil
		require.Equal(t, Publish{Topic: f[4 : len(f)-1], Payload: []byte{}}, p)
	}
}

// TestPublishIsView wants views that cannot grow into their neighbours.
func TestPublishIsView(t *testing.T) {
	f := frame(0x30, str("abc"), props(), rawText("payload"))
	var p Publish
	require.NoError(t, p.Decode(f, V5))
	f[4], f[8] = 'A', 'P'
	require.Equal(t, "Abc", string(p.Topic))
	require.Equal(t, "Payload", string(p.Payload))
	_ = append(p.Topic, "xxxxx"...)
	require.Equal(t, "Payload", string(p.Payload))
}

// TestUserPropertiesBetweenOthers keeps the order of pairs that do not follow
// one another.
func TestUserPropertiesBetweenOthers(t *testing.T) {
	f := frame(0x30, str("a"), props(user("k", "1"), prop(0x23, u16(1)), user("k", "2"), user("l", "3"), prop(0x01, raw(1)), user("k", "4")))
	before := bytes.Clone(f)
	var p Publish
	require.NoError(t, p.Decode(f, V5))
	require.Equal(t, UserProperties(nil).With("k", "1").With("k", "2").With("l", "3").With("k", "4"), p.UserProperties)
	require.Equal(t, before, f, "Decode must not write to the frame")

	var pairs []string
	for name, value := range p.UserProperties.All() {
		pairs = append(pairs, string(name)+"="+string(value))
		if len(pairs) == 3 {
			break
		}
	}
	require.Equal(t, []string{"k=1", "k=2", "l=3"}, pairs)
}

func TestPublishClips(t *testing.T) {
	long := bytes.Repeat([]byte("x"), 70_000)
	var p Publish
	require.NoError(t, p.Decode((&Publish{Topic: long, ContentType: long, UserProperties: UserProperties(nil).With(string(long), "v"), Payload: long}).Append(nil, V5), V5))
	require.Len(t, p.Topic, 65_535)
	require.Len(t, p.ContentType, 65_535)
	require.Len(t, p.Payload, 70_000)
}

func TestPublishValidate(t *testing.T) {
	topic := []byte("a")
	for _, c := range []struct {
		name      string
		publish   Publish
		code      ReasonCode
		statement string
	}{
		{"plain", Publish{Topic: topic}, Success, ""},
		{"everything", Publish{Topic: topic, QoS: QoS2, Retain: true, HasMessageExpiry: true, HasPayloadFormat: true, PayloadFormat: 1,
			ContentType: []byte("ä"), ResponseTopic: []byte("b"), CorrelationData: []byte{0}, SubscriptionIDs: []uint32{1},
			UserProperties: UserProperties(nil).With("a", "b")}, Success, ""},
		{"no topic", Publish{}, ProtocolError, "MQTT-4.7.3-1"},
		{"long topic", Publish{Topic: make([]byte, 65_536)}, MalformedPacket, ""},
		{"topic with U+0000", Publish{Topic: []byte{0}}, MalformedPacket, "MQTT-1.5.4-2"},
		{"Content Type is not UTF-8", Publish{Topic: topic, ContentType: []byte{0xff}}, MalformedPacket, "MQTT-1.5.4-1"},
		{"Response Topic with a wildcard", Publish{Topic: topic, ResponseTopic: []byte("#")}, ProtocolError, "MQTT-3.3.2-14"},
		{"long Correlation Data", Publish{Topic: topic, CorrelationData: make([]byte, 65_536)}, MalformedPacket, ""},
		{"QoS 3", Publish{Topic: topic, QoS: 3}, MalformedPacket, "MQTT-3.3.1-4"},
		{"Payload Format 2", Publish{Topic: topic, HasPayloadFormat: true, PayloadFormat: 2}, ProtocolError, ""},
		{"Subscription Identifier 0", Publish{Topic: topic, SubscriptionIDs: []uint32{0}}, ProtocolError, ""},
		{"Subscription Identifier too large", Publish{Topic: topic, SubscriptionIDs: []uint32{maxRemaining + 1}}, ProtocolError, ""},
		{"User Properties are something else", Publish{Topic: topic, UserProperties: UserProperties{0x01, 1}}, MalformedPacket, ""},
		{"User Properties are cut", Publish{Topic: topic, UserProperties: UserProperties{0x26, 0}}, MalformedPacket, ""},
		{"too large", Publish{Topic: topic, Payload: make([]byte, maxRemaining)}, PacketTooLarge, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.publish.Validate(V5)
			if c.code != Success {
				requireError(t, err, c.code, c.statement)
				return
			}
			require.NoError(t, err)
			c.publish.PacketID = 1
			require.NoError(t, new(Publish).Decode(c.publish.Append(nil, V5), V5))
		})
	}
}
