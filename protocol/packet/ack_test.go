package packet

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAcks(t *testing.T) {
	why, pair := []byte("why"), UserProperties(nil).With("a", "b")
	full := props(prop(0x1F, str("why")), user("a", "b"))
	testGood(t, []good{
		{"PUBACK", V31, raw(0x40, 2, 1, 2), &Puback{PacketID: 258}},
		{"PUBREC", V311, raw(0x50, 2, 0, 1), &Pubrec{PacketID: 1}},
		{"PUBREL", V311, raw(0x62, 2, 0, 1), &Pubrel{PacketID: 1}},
		{"PUBCOMP", V311, raw(0x70, 2, 0, 1), &Pubcomp{PacketID: 1}},
		{"PUBACK", V5, raw(0x40, 2, 0, 1), &Puback{PacketID: 1}},
		{"PUBREC", V5, raw(0x50, 2, 0, 1), &Pubrec{PacketID: 1}},
		{"PUBREL", V5, raw(0x62, 2, 0, 1), &Pubrel{PacketID: 1}},
		{"PUBCOMP", V5, raw(0x70, 2, 0, 1), &Pubcomp{PacketID: 1}},
		{"PUBACK with code", V5, raw(0x40, 3, 0, 1, 0x10), &Puback{PacketID: 1, Code: NoMatchingSubscribers}},
		{"PUBREC with code", V5, raw(0x50, 3, 0, 1, 0x97), &Pubrec{PacketID: 1, Code: QuotaExceeded}},
		{"PUBREL with code", V5, raw(0x62, 3, 0, 1, 0x92), &Pubrel{PacketID: 1, Code: PacketIdentifierNotFound}},
		{"PUBCOMP with code", V5, raw(0x70, 3, 0, 1, 0x92), &Pubcomp{PacketID: 1, Code: PacketIdentifierNotFound}},
		{"full PUBACK", V5, frame(0x40, u16(1), raw(0x87), full), &Puback{1, NotAuthorized, why, pair}},
		{"full PUBREC", V5, frame(0x50, u16(1), raw(0x99), full), &Pubrec{1, PayloadFormatInvalid, why, pair}},
		{"full PUBREL", V5, frame(0x62, u16(1), raw(0), full), &Pubrel{1, Success, why, pair}},
		{"full PUBCOMP", V5, frame(0x70, u16(1), raw(0x92), full), &Pubcomp{1, PacketIdentifierNotFound, why, pair}},
	})
}

// TestAckShortForms reads what Append writes shorter.
func TestAckShortForms(t *testing.T) {
	for _, f := range [][]byte{raw(0x40, 3, 0, 1, 0), raw(0x40, 4, 0, 1, 0, 0)} {
		var p Puback
		require.NoError(t, p.Decode(f, V5))
		require.Equal(t, Puback{PacketID: 1}, p)
		require.Equal(t, raw(0x40, 2, 0, 1), p.Append(nil, V5))
	}
}

func TestAcksBad(t *testing.T) {
	for _, c := range []struct {
		typ   Type
		codes string
	}{
		{TypePuback, "MQTT-3.4.2-1"}, {TypePubrec, "MQTT-3.5.2-1"}, {TypePubrel, "MQTT-3.6.2-1"}, {TypePubcomp, "MQTT-3.7.2-1"},
	} {
		first := byte(c.typ)<<4 | c.typ.flags()
		testBad(t, c.typ, []bad{
			{"empty", V311, frame(first), MalformedPacket, ""},
			{"one byte", V5, frame(first, raw(1)), MalformedPacket, ""},
			{"identifier 0", V311, frame(first, u16(0)), ProtocolError, "MQTT-2.2.1-5"},
			{"identifier 0", V5, frame(first, u16(0)), ProtocolError, "MQTT-2.2.1-5"},
			{"too long", V311, frame(first, u16(1), raw(0)), MalformedPacket, ""},
			{"behind the properties", V5, frame(first, u16(1), raw(0), props(), raw(0)), MalformedPacket, ""},
			{"code of SUBACK", V5, frame(first, u16(1), raw(0x8F)), ProtocolError, c.codes},
			{"code that does not exist", V5, frame(first, u16(1), raw(0x7F), props()), ProtocolError, c.codes},
			{"Reason String twice", V5, frame(first, u16(1), raw(0), props(prop(0x1F, str("")), prop(0x1F, str("")))), ProtocolError, ""},
			{"Reason String with U+0000", V5, frame(first, u16(1), raw(0), props(prop(0x1F, str("\x00")))), MalformedPacket, "MQTT-1.5.4-2"},
			{"Server Reference", V5, frame(first, u16(1), raw(0), props(prop(0x1C, str("")))), MalformedPacket, ""},
		})
		testTruncated(t, c.typ, V5, frame(first, u16(1), raw(0), props(prop(0x1F, str("why")), user("a", "b"))), 2, 3)
	}
}

// TestReasonCodesOfEachPacket compares the codes that a packet takes with
// table 2-6, row by row.
func TestReasonCodesOfEachPacket(t *testing.T) {
	rows := map[Type][]byte{
		TypeConnack: {0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A,
			0x9B, 0x9C, 0x9D, 0x9F},
		TypePuback:   {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99},
		TypePubrec:   {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99},
		TypePubrel:   {0x00, 0x92},
		TypePubcomp:  {0x00, 0x92},
		TypeSuback:   {0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2},
		TypeUnsuback: {0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91},
		TypeDisconnect: {0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94, 0x95, 0x96,
			0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2},
		TypeAuth: {0x00, 0x18, 0x19},
	}
	for typ, codes := range rows {
		want := map[byte]bool{}
		for _, c := range codes {
			want[c] = true
		}
		for code := range 256 {
			var f []byte
			switch typ {
			case TypeConnack:
				f = frame(0x20, raw(0, byte(code)), props())
			case TypeSuback, TypeUnsuback:
				f = frame(byte(typ)<<4, u16(1), props(), raw(byte(code)))
			case TypeDisconnect:
				f = frame(0xE0, raw(byte(code)))
			case TypeAuth:
				f = frame(0xF0, raw(byte(code)), props(prop(0x15, str("m"))))
			default:
				f = frame(byte(typ)<<4|typ.flags(), u16(1), raw(byte(code)))
			}
			err := newPacket(typ).Decode(f, V5)
			require.Equal(t, want[byte(code)], err == nil, "%v 0x%02X: %v", typ, code, err)
		}
	}
}

func TestReasonCodeNames(t *testing.T) {
	seen := map[string]bool{}
	named := 0
	for code := range 256 {
		name := ReasonCode(code).String()
		require.False(t, seen[name], name)
		seen[name] = true
		if name[:min(len(name), 11)] != "reason code" {
			named++
		}
		require.Equal(t, code >= 0x80, ReasonCode(code).IsError())
	}
	require.Equal(t, 43, named, "table 2-6 has 43 values")
	require.Equal(t, "reason code 0x7f", ReasonCode(0x7f).String())
	require.Equal(t, "Topic Alias invalid", TopicAliasInvalid.String())
}
