package packet

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSubscribe(t *testing.T) {
	one := []TopicFilter{{[]byte("a/+"), SubscriptionOptions{QoS: QoS1}}}
	testGood(t, []good{
		{"one filter", V31, frame(0x82, u16(1), str("a/+"), raw(1)), &Subscribe{PacketID: 1, Filters: one}},
		{"one filter", V311, frame(0x82, u16(1), str("a/+"), raw(1)), &Subscribe{PacketID: 1, Filters: one}},
		{"empty filter is the Session's to judge", V311, frame(0x82, u16(1), str(""), raw(0)),
			&Subscribe{PacketID: 1, Filters: []TopicFilter{{Filter: []byte{}}}}},
		{"one filter", V5, frame(0x82, u16(1), props(), str("a/+"), raw(1)), &Subscribe{PacketID: 1, Filters: one}},
		{"every option", V5, frame(0x82, u16(1), props(prop(0x0B, raw(0x80, 0x01)), user("a", "b")),
			str("a"), raw(0x2E), str("$share/g/b"), raw(0x18), str("c"), raw(0x00)), &Subscribe{
			PacketID: 1, SubscriptionID: 128, UserProperties: UserProperties(nil).With("a", "b"),
			Filters: []TopicFilter{
				{[]byte("a"), SubscriptionOptions{QoS2, true, true, 2}},
				{[]byte("$share/g/b"), SubscriptionOptions{QoS0, false, true, 1}},
				{[]byte("c"), SubscriptionOptions{}},
			}}},
	})
}

func TestSubscribeBad(t *testing.T) {
	v5 := func(options byte) []byte { return frame(0x82, u16(1), props(), str("a"), raw(options)) }
	testBad(t, TypeSubscribe, []bad{
		{"flags", V311, frame(0x80, u16(1), str("a"), raw(0)), MalformedPacket, "MQTT-3.8.1-1"},
		{"DUP", V5, frame(0x8A, u16(1), props(), str("a"), raw(0)), MalformedPacket, "MQTT-3.8.1-1"},
		{"empty", V311, frame(0x82), MalformedPacket, ""},
		{"identifier 0", V311, frame(0x82, u16(0), str("a"), raw(0)), ProtocolError, "MQTT-2.2.1-3"},
		{"no filter", V311, frame(0x82, u16(1)), ProtocolError, "MQTT-3.8.3-2"},
		{"no filter", V5, frame(0x82, u16(1), props()), ProtocolError, "MQTT-3.8.3-2"},
		{"no options", V311, frame(0x82, u16(1), str("a")), MalformedPacket, ""},
		{"second filter without options", V311, frame(0x82, u16(1), str("a"), raw(0), str("b")), MalformedPacket, ""},
		{"filter is not UTF-8", V311, frame(0x82, u16(1), str("\xff"), raw(0)), MalformedPacket, "MQTT-1.5.4-1"},
		{"QoS 3", V311, frame(0x82, u16(1), str("a"), raw(3)), ProtocolError, ""},
		{"QoS 3", V5, v5(3), ProtocolError, ""},
		{"options of 5.0", V311, frame(0x82, u16(1), str("a"), raw(0x04)), MalformedPacket, "MQTT-3.8.3-5"},
		{"reserved options", V5, v5(0x40), MalformedPacket, "MQTT-3.8.3-5"},
		{"reserved options", V5, v5(0x80), MalformedPacket, "MQTT-3.8.3-5"},
		{"Retain Handling 3", V5, v5(0x30), ProtocolError, ""},
		{"No Local and shared", V5, frame(0x82, u16(1), props(), str("$share/g/a"), raw(4)), ProtocolError, "MQTT-3.8.3-4"},
		{"no properties", V5, frame(0x82, u16(1)), MalformedPacket, "MQTT-2.2.2-1"},
		{"Subscription Identifier 0", V5, frame(0x82, u16(1), props(prop(0x0B, raw(0))), str("a"), raw(0)), ProtocolError, ""},
		{"two Subscription Identifiers", V5, frame(0x82, u16(1), props(prop(0x0B, raw(1)), prop(0x0B, raw(2))), str("a"), raw(0)), ProtocolError, ""},
		{"Subscription Identifier too long", V5, frame(0x82, u16(1), props(raw(0x0B, 0xff, 0xff, 0xff, 0xff, 0x01)), str("a"), raw(0)), MalformedPacket, ""},
		{"Reason String", V5, frame(0x82, u16(1), props(prop(0x1F, str("a"))), str("a"), raw(0)), MalformedPacket, ""},
	})
	testTruncated(t, TypeSubscribe, V5, frame(0x82, u16(1), props(prop(0x0B, raw(1))), str("abc"), raw(0)))
}

func TestSuback(t *testing.T) {
	testGood(t, []good{
		{"granted", V31, frame(0x90, u16(1), raw(0, 1, 2)), &Suback{PacketID: 1, Codes: []ReasonCode{Success, GrantedQoS1, GrantedQoS2}}},
		{"failure", V311, frame(0x90, u16(1), raw(0x80)), &Suback{PacketID: 1, Codes: []ReasonCode{UnspecifiedError}}},
		{"no properties", V5, frame(0x90, u16(1), props(), raw(0x8F)), &Suback{PacketID: 1, Codes: []ReasonCode{TopicFilterInvalid}}},
		{"everything", V5, frame(0x90, u16(1), props(prop(0x1F, str("why")), user("a", "b")), raw(0, 0x87)), &Suback{PacketID: 1,
			ReasonString: []byte("why"), UserProperties: UserProperties(nil).With("a", "b"), Codes: []ReasonCode{Success, NotAuthorized}}},
	})
	require.Equal(t, raw(0x90, 4, 0, 1, 0x80, 1), (&Suback{PacketID: 1, Codes: []ReasonCode{QuotaExceeded, GrantedQoS1}}).Append(nil, V311))
	testBad(t, TypeSuback, []bad{
		{"identifier 0", V311, frame(0x90, u16(0), raw(0)), ProtocolError, "MQTT-2.2.1-6"},
		{"no code", V311, frame(0x90, u16(1)), ProtocolError, "MQTT-3.8.4-6"},
		{"no code", V5, frame(0x90, u16(1), props()), ProtocolError, "MQTT-3.8.4-6"},
		{"code 3", V311, frame(0x90, u16(1), raw(3)), ProtocolError, "MQTT-3.9.3-2"},
		{"code of 5.0", V311, frame(0x90, u16(1), raw(0x87)), ProtocolError, "MQTT-3.9.3-2"},
		{"code of UNSUBACK", V5, frame(0x90, u16(1), props(), raw(0x11)), ProtocolError, "MQTT-3.9.3-2"},
		{"no properties", V5, frame(0x90, u16(1)), MalformedPacket, "MQTT-2.2.2-1"},
		{"Subscription Identifier", V5, frame(0x90, u16(1), props(prop(0x0B, raw(1))), raw(0)), MalformedPacket, ""},
	})
}

func TestUnsubscribe(t *testing.T) {
	testGood(t, []good{
		{"two filters", V31, frame(0xA2, u16(1), str("a"), str("b/#")), &Unsubscribe{PacketID: 1, Filters: [][]byte{[]byte("a"), []byte("b/#")}}},
		{"one filter", V5, frame(0xA2, u16(1), props(), str("a")), &Unsubscribe{PacketID: 1, Filters: [][]byte{[]byte("a")}}},
		{"pairs", V5, frame(0xA2, u16(1), props(user("a", "b"), user("c", "d")), str("a")),
			&Unsubscribe{PacketID: 1, UserProperties: UserProperties(nil).With("a", "b").With("c", "d"), Filters: [][]byte{[]byte("a")}}},
	})
	testBad(t, TypeUnsubscribe, []bad{
		{"flags", V311, frame(0xA0, u16(1), str("a")), MalformedPacket, "MQTT-3.10.1-1"},
		{"identifier 0", V311, frame(0xA2, u16(0), str("a")), ProtocolError, "MQTT-2.2.1-3"},
		{"no filter", V311, frame(0xA2, u16(1)), ProtocolError, "MQTT-3.10.3-2"},
		{"no filter", V5, frame(0xA2, u16(1), props()), ProtocolError, "MQTT-3.10.3-2"},
		{"filter with U+0000", V311, frame(0xA2, u16(1), str("\x00")), MalformedPacket, "MQTT-1.5.4-2"},
		{"no properties", V5, frame(0xA2, u16(1)), MalformedPacket, "MQTT-2.2.2-1"},
		{"Subscription Identifier", V5, frame(0xA2, u16(1), props(prop(0x0B, raw(1))), str("a")), MalformedPacket, ""},
	})
	testTruncated(t, TypeUnsubscribe, V5, frame(0xA2, u16(1), props(user("a", "b")), str("abc")))
}

func TestUnsuback(t *testing.T) {
	testGood(t, []good{
		{"no codes", V31, raw(0xB0, 2, 0, 1), &Unsuback{PacketID: 1}},
		{"no codes", V311, raw(0xB0, 2, 0, 1), &Unsuback{PacketID: 1}},
		{"codes", V5, frame(0xB0, u16(1), props(), raw(0, 0x11)), &Unsuback{PacketID: 1, Codes: []ReasonCode{Success, NoSubscriptionExisted}}},
		{"everything", V5, frame(0xB0, u16(1), props(prop(0x1F, str("why")), user("a", "b")), raw(0x83)), &Unsuback{PacketID: 1,
			ReasonString: []byte("why"), UserProperties: UserProperties(nil).With("a", "b"), Codes: []ReasonCode{ImplementationSpecificError}}},
	})
	require.Equal(t, raw(0xB0, 2, 0, 1), (&Unsuback{PacketID: 1, Codes: []ReasonCode{Success}}).Append(nil, V311))
	testBad(t, TypeUnsuback, []bad{
		{"identifier 0", V311, frame(0xB0, u16(0)), ProtocolError, "MQTT-2.2.1-6"},
		{"codes", V311, frame(0xB0, u16(1), raw(0)), MalformedPacket, ""},
		{"no code", V5, frame(0xB0, u16(1), props()), ProtocolError, "MQTT-3.11.3-1"},
		{"code of SUBACK", V5, frame(0xB0, u16(1), props(), raw(1)), ProtocolError, "MQTT-3.11.3-2"},
		{"no properties", V5, frame(0xB0, u16(1)), MalformedPacket, "MQTT-2.2.2-1"},
	})
}
