package packet

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func everyConnack() []byte {
	return frame(0x20, raw(1, 0), props(
		prop(0x11, u32(3600)), prop(0x12, str("assigned")), prop(0x13, u16(30)), prop(0x15, str("SCRAM")), prop(0x16, str("\x00")),
		prop(0x1A, str("info")), prop(0x1C, str("other")), prop(0x1F, str("why")), prop(0x21, u16(10)), prop(0x22, u16(20)),
		prop(0x24, raw(1)), prop(0x25, raw(0)), prop(0x27, u32(1<<20)), prop(0x28, raw(0)), prop(0x29, raw(0)), prop(0x2A, raw(0)),
		user("a", "b")))
}

func TestConnack(t *testing.T) {
	testGood(t, []good{
		{"accepted", V31, raw(0x20, 2, 0, 0), &Connack{}},
		{"accepted", V311, raw(0x20, 2, 0, 0), &Connack{}},
		{"Session Present", V311, raw(0x20, 2, 1, 0), &Connack{SessionPresent: true}},
		{"version", V311, raw(0x20, 2, 0, 1), &Connack{Code: UnsupportedProtocolVersion}},
		{"identifier", V311, raw(0x20, 2, 0, 2), &Connack{Code: ClientIdentifierNotValid}},
		{"unavailable", V311, raw(0x20, 2, 0, 3), &Connack{Code: ServerUnavailable}},
		{"password", V311, raw(0x20, 2, 0, 4), &Connack{Code: BadUserNameOrPassword}},
		{"not authorized", V31, raw(0x20, 2, 0, 5), &Connack{Code: NotAuthorized}},
		{"accepted", V5, raw(0x20, 3, 0, 0, 0), &Connack{}},
		{"refused", V5, frame(0x20, raw(0, 0x84), props()), &Connack{Code: UnsupportedProtocolVersion}},
		{"Maximum QoS 0", V5, frame(0x20, raw(0, 0), props(prop(0x24, raw(0)))), &Connack{HasMaximumQoS: true}},
		{"everything", V5, everyConnack(), &Connack{
			SessionPresent: true, HasSessionExpiry: true, SessionExpiry: 3600, AssignedClientID: []byte("assigned"),
			HasServerKeepAlive: true, ServerKeepAlive: 30, AuthMethod: []byte("SCRAM"), AuthData: []byte{0},
			ResponseInformation: []byte("info"), ServerReference: []byte("other"), ReasonString: []byte("why"),
			ReceiveMaximum: 10, TopicAliasMaximum: 20, HasMaximumQoS: true, MaximumQoS: QoS1, RetainUnavailable: true,
			MaximumPacketSize: 1 << 20, WildcardUnavailable: true, SubscriptionIDsUnavailable: true, SharedUnavailable: true,
			UserProperties: UserProperties(nil).With("a", "b"),
		}},
	})
}

func TestConnackBad(t *testing.T) {
	v5 := func(section ...[]byte) []byte { return frame(0x20, raw(0, 0), props(section...)) }
	testBad(t, TypeConnack, []bad{
		{"reserved flags", V311, raw(0x20, 2, 2, 0), MalformedPacket, "MQTT-3.2.2-1"},
		{"reserved flags", V5, frame(0x20, raw(0x80, 0), props()), MalformedPacket, "MQTT-3.2.2-1"},
		{"return code 6", V311, raw(0x20, 2, 0, 6), ProtocolError, "MQTT-3.2.2-8"},
		{"Reason Code of PUBREL", V5, frame(0x20, raw(0, 0x92), props()), ProtocolError, "MQTT-3.2.2-8"},
		{"Session Present and refused", V311, raw(0x20, 2, 1, 5), ProtocolError, "MQTT-3.2.2-6"},
		{"Session Present and refused", V5, frame(0x20, raw(1, 0x87), props()), ProtocolError, "MQTT-3.2.2-6"},
		{"too long", V311, raw(0x20, 3, 0, 0, 0), MalformedPacket, ""},
		{"too short", V31, raw(0x20, 1, 0), MalformedPacket, ""},
		{"no properties", V5, raw(0x20, 2, 0, 0), MalformedPacket, "MQTT-2.2.2-1"},
		{"behind the properties", V5, frame(0x20, raw(0, 0), props(), raw(0)), MalformedPacket, ""},
		{"Maximum QoS 2", V5, v5(prop(0x24, raw(2))), ProtocolError, ""},
		{"Retain Available 2", V5, v5(prop(0x25, raw(2))), ProtocolError, ""},
		{"Wildcard Available 2", V5, v5(prop(0x28, raw(2))), ProtocolError, ""},
		{"Subscription Identifiers Available 2", V5, v5(prop(0x29, raw(2))), ProtocolError, ""},
		{"Shared Available 2", V5, v5(prop(0x2A, raw(2))), ProtocolError, ""},
		{"Receive Maximum 0", V5, v5(prop(0x21, u16(0))), ProtocolError, ""},
		{"Maximum Packet Size 0", V5, v5(prop(0x27, u32(0))), ProtocolError, ""},
		{"Will Delay", V5, v5(prop(0x18, u32(0))), MalformedPacket, ""},
		{"Reason String is not UTF-8", V5, v5(prop(0x1F, str("\xff"))), MalformedPacket, "MQTT-1.5.4-1"},
		{"Reason String twice", V5, v5(prop(0x1F, str("a")), prop(0x1F, str("a"))), ProtocolError, ""},
	})
	testTruncated(t, TypeConnack, V5, everyConnack())
}

// TestConnackDefaults reads what a Server says that grants everything.
func TestConnackDefaults(t *testing.T) {
	var p Connack
	require.NoError(t, p.Decode(frame(0x20, raw(0, 0), props(prop(0x25, raw(1)), prop(0x28, raw(1)), prop(0x29, raw(1)), prop(0x2A, raw(1)))), V5))
	require.Equal(t, Connack{}, p)
}

// TestConnack31 wants the reserved byte to say nothing.
func TestConnack31(t *testing.T) {
	var p Connack
	require.NoError(t, p.Decode(raw(0x20, 2, 0xff, 0), V31))
	require.False(t, p.SessionPresent)
	require.Equal(t, raw(0x20, 2, 0, 0), (&Connack{SessionPresent: true}).Append(nil, V31))
}

func TestReturnCode(t *testing.T) {
	for code, want := range map[ReasonCode]uint8{Success: 0, UnsupportedProtocolVersion: 1, ClientIdentifierNotValid: 2, ServerUnavailable: 3,
		ServerBusy: 3, QuotaExceeded: 3, BadUserNameOrPassword: 4, NotAuthorized: 5, Banned: 5} {
		got, ok := code.ReturnCode()
		require.True(t, ok, code.String())
		require.Equal(t, want, got, code.String())
	}
	_, ok := MalformedPacket.ReturnCode()
	require.False(t, ok)
	require.Equal(t, raw(0x20, 2, 0, 3), (&Connack{Code: MalformedPacket}).Append(nil, V311))
}
