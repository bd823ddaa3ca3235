package packet

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDisconnect(t *testing.T) {
	testGood(t, []good{
		{"plain", V31, raw(0xE0, 0), &Disconnect{}},
		{"plain", V311, raw(0xE0, 0), &Disconnect{}},
		{"normal", V5, raw(0xE0, 0), &Disconnect{}},
		{"code", V5, raw(0xE0, 1, 0x8E), &Disconnect{Code: SessionTakenOver}},
		{"Session Expiry alone", V5, frame(0xE0, raw(0), props(prop(0x11, u32(0)))), &Disconnect{HasSessionExpiry: true}},
		{"everything", V5, frame(0xE0, raw(0x9C), props(prop(0x11, u32(1<<30)), prop(0x1C, str("there")), prop(0x1F, str("why")), user("a", "b"))),
			&Disconnect{Code: UseAnotherServer, HasSessionExpiry: true, SessionExpiry: 1 << 30, ServerReference: []byte("there"),
				ReasonString: []byte("why"), UserProperties: UserProperties(nil).With("a", "b")}},
	})
	require.Equal(t, raw(0xE0, 0), (&Disconnect{Code: ServerBusy, ReasonString: []byte("x")}).Append(nil, V311))
	for _, f := range [][]byte{raw(0xE0, 1, 0), raw(0xE0, 2, 0, 0)} {
		require.NoError(t, new(Disconnect).Decode(f, V5))
	}
	testBad(t, TypeDisconnect, []bad{
		{"flags", V5, raw(0xE1, 0), MalformedPacket, "MQTT-3.14.1-1"},
		{"content", V311, raw(0xE0, 1, 0), MalformedPacket, ""},
		{"code of PUBACK", V5, raw(0xE0, 1, 0x10), ProtocolError, "MQTT-3.14.2-1"},
		{"behind the properties", V5, frame(0xE0, raw(0), props(), raw(0)), MalformedPacket, ""},
		{"Session Expiry twice", V5, frame(0xE0, raw(0), props(prop(0x11, u32(1)), prop(0x11, u32(1)))), ProtocolError, ""},
		{"Server Reference is not UTF-8", V5, frame(0xE0, raw(0), props(prop(0x1C, str("\xff")))), MalformedPacket, "MQTT-1.5.4-1"},
		{"Receive Maximum", V5, frame(0xE0, raw(0), props(prop(0x21, u16(1)))), MalformedPacket, ""},
	})
	testTruncated(t, TypeDisconnect, V5, frame(0xE0, raw(0), props(prop(0x11, u32(1)), prop(0x1F, str("why")))), 0, 1)
}

func TestAuth(t *testing.T) {
	testGood(t, []good{
		{"success", V5, raw(0xF0, 0), &Auth{}},
		{"first step", V5, frame(0xF0, raw(0x18), props(prop(0x15, str("SCRAM")), prop(0x16, str("x")))),
			&Auth{Code: ContinueAuthentication, AuthMethod: []byte("SCRAM"), AuthData: []byte("x")}},
		{"everything", V5, frame(0xF0, raw(0x19), props(prop(0x15, str("SCRAM")), prop(0x16, str("")), prop(0x1F, str("why")), user("a", "b"))),
			&Auth{Code: Reauthenticate, AuthMethod: []byte("SCRAM"), AuthData: []byte{}, ReasonString: []byte("why"),
				UserProperties: UserProperties(nil).With("a", "b")}},
	})
	require.Empty(t, (&Auth{Code: Reauthenticate}).Append(nil, V311))
	testBad(t, TypeAuth, []bad{
		{"flags", V5, raw(0xF2, 0), MalformedPacket, "MQTT-3.15.1-1"},
		{"earlier version", V311, raw(0xF0, 0), ProtocolError, ""},
		{"code alone", V5, raw(0xF0, 1, 0x18), MalformedPacket, "MQTT-2.2.2-1"},
		{"no method", V5, raw(0xF0, 2, 0x18, 0), ProtocolError, ""},
		{"error code", V5, frame(0xF0, raw(0x87), props(prop(0x15, str("m")))), ProtocolError, "MQTT-3.15.2-1"},
		{"method twice", V5, frame(0xF0, raw(0), props(prop(0x15, str("m")), prop(0x15, str("m")))), ProtocolError, ""},
		{"method is not UTF-8", V5, frame(0xF0, raw(0), props(prop(0x15, str("\xff")))), MalformedPacket, "MQTT-1.5.4-1"},
		{"behind the properties", V5, frame(0xF0, raw(0), props(prop(0x15, str("m"))), raw(0)), MalformedPacket, ""},
		{"Session Expiry", V5, frame(0xF0, raw(0), props(prop(0x11, u32(1)))), MalformedPacket, ""},
	})
	testTruncated(t, TypeAuth, V5, frame(0xF0, raw(0x18), props(prop(0x15, str("SCRAM")), prop(0x16, str("x")))), 0)
}

func TestPing(t *testing.T) {
	testGood(t, []good{
		{"request", V31, raw(0xC0, 0), &Pingreq{}},
		{"request", V5, raw(0xC0, 0), &Pingreq{}},
		{"response", V311, raw(0xD0, 0), &Pingresp{}},
		{"response", V5, raw(0xD0, 0), &Pingresp{}},
	})
	testBad(t, TypePingreq, []bad{{"content", V311, raw(0xC0, 1, 0), MalformedPacket, ""}, {"flags", V5, raw(0xC2, 0), MalformedPacket, "MQTT-2.1.3-1"}})
	testBad(t, TypePingresp, []bad{{"content", V5, raw(0xD0, 1, 0), MalformedPacket, ""}})
}
