package packet

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReadHeader(t *testing.T) {
	for _, c := range []struct {
		name  string
		bytes []byte
		max   uint32
		want  Header
	}{
		{"no content", raw(0xC0, 0), 0, Header{TypePingreq, 0, 0, 2}},
		{"one byte of length", raw(0x3D, 0x7f), 0, Header{TypePublish, 0xD, 127, 2}},
		{"two bytes", raw(0x30, 0x80, 0x01), 0, Header{TypePublish, 0, 128, 3}},
		{"two bytes, most", raw(0x30, 0xff, 0x7f), 0, Header{TypePublish, 0, 16_383, 3}},
		{"three bytes", raw(0x30, 0x80, 0x80, 0x01), 0, Header{TypePublish, 0, 16_384, 4}},
		{"four bytes", raw(0x30, 0x80, 0x80, 0x80, 0x01), 0, Header{TypePublish, 0, 2_097_152, 5}},
		{"four bytes, most", raw(0x30, 0xff, 0xff, 0xff, 0x7f), 0, Header{TypePublish, 0, maxRemaining, 5}},
		{"exactly the limit", raw(0x30, 98), 100, Header{TypePublish, 0, 98, 2}},
		{"exactly the limit, two bytes", raw(0x30, 0x80, 0x01), 131, Header{TypePublish, 0, 128, 3}},
		{"what follows is ignored", raw(0xD0, 0, 0xff, 0xff), 0, Header{TypePingresp, 0, 0, 2}},
		{"DUP of MQTT 3.1", raw(0x6A, 2), 0, Header{TypePubrel, 0xA, 2, 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, ok, err := ReadHeader(c.bytes, c.max)
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, c.want, h)
			require.Equal(t, h.Size+int(h.Remaining), h.FrameSize())
			for n := range h.Size {
				_, ok, err = ReadHeader(c.bytes[:n], c.max)
				require.NoError(t, err, "first %d bytes", n)
				require.False(t, ok, "first %d bytes", n)
			}
		})
	}
}

// TestReadHeaderJudges also wants the error at the very byte that decides.
func TestReadHeaderJudges(t *testing.T) {
	for _, c := range []struct {
		name      string
		bytes     []byte
		max       uint32
		code      ReasonCode
		statement string
	}{
		{"type 0", raw(0x00), 0, MalformedPacket, ""},
		{"flags of CONNECT", raw(0x11), 0, MalformedPacket, "MQTT-2.1.3-1"},
		{"flags of CONNACK", raw(0x28), 0, MalformedPacket, "MQTT-2.1.3-1"},
		{"QoS 3", raw(0x36), 0, MalformedPacket, "MQTT-3.3.1-4"},
		{"QoS 3 and DUP", raw(0x3E), 0, MalformedPacket, "MQTT-3.3.1-4"},
		{"DUP with QoS 0", raw(0x38), 0, MalformedPacket, "MQTT-3.3.1-2"},
		{"flags of PUBACK", raw(0x42), 0, MalformedPacket, "MQTT-2.1.3-1"},
		{"flags of PUBREL", raw(0x60), 0, MalformedPacket, "MQTT-3.6.1-1"},
		{"flags of SUBSCRIBE", raw(0x80), 0, MalformedPacket, "MQTT-3.8.1-1"},
		{"flags of SUBACK", raw(0x92), 0, MalformedPacket, "MQTT-2.1.3-1"},
		{"flags of UNSUBSCRIBE", raw(0xA3), 0, MalformedPacket, "MQTT-3.10.1-1"},
		{"flags of PINGREQ", raw(0xC1), 0, MalformedPacket, "MQTT-2.1.3-1"},
		{"flags of DISCONNECT", raw(0xE1), 0, MalformedPacket, "MQTT-3.14.1-1"},
		{"flags of AUTH", raw(0xF1), 0, MalformedPacket, "MQTT-3.15.1-1"},
		{"five bytes of length", raw(0x30, 0xff, 0xff, 0xff, 0xff), 0, MalformedPacket, ""},
		{"0 in two bytes", raw(0x30, 0x80, 0x00), 0, MalformedPacket, "MQTT-1.5.5-1"},
		{"127 in three bytes", raw(0x30, 0xff, 0x80, 0x00), 0, MalformedPacket, "MQTT-1.5.5-1"},
		{"one more than allowed", raw(0x30, 99), 100, PacketTooLarge, "MQTT-3.2.2-15"},
		{"one more than allowed, two bytes", raw(0x30, 0x80, 0x02), 258, PacketTooLarge, "MQTT-3.2.2-15"},
		{"too large before the length is whole", raw(0x30, 0x80), 100, PacketTooLarge, "MQTT-3.2.2-15"},
		{"too large at the third byte", raw(0x30, 0xff, 0xff), 16_000, PacketTooLarge, "MQTT-3.2.2-15"},
		{"too large at the last byte", raw(0x30, 0xff, 0xff, 0xff, 0x7f), 200_000_000, PacketTooLarge, "MQTT-3.2.2-15"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for n := range c.bytes {
				_, ok, err := ReadHeader(c.bytes[:n], c.max)
				require.NoError(t, err, "first %d bytes", n)
				require.False(t, ok, "first %d bytes", n)
			}
			_, ok, err := ReadHeader(c.bytes, c.max)
			require.False(t, ok)
			requireError(t, err, c.code, c.statement)
			_, _, err = ReadHeader(append(c.bytes[:len(c.bytes):len(c.bytes)], 1, 1, 1, 1), c.max)
			requireError(t, err, c.code, c.statement)
		})
	}
}

// TestFlagsOfEachType tries all sixteen flags of every type.
func TestFlagsOfEachType(t *testing.T) {
	for first := range 256 {
		typ, flags := Type(first>>4), byte(first&0xf)
		want := false
		switch typ {
		case 0:
		case TypePublish:
			want = flags>>1&3 != 3 && (flags&8 == 0 || flags>>1&3 != 0)
		case TypePubrel, TypeSubscribe, TypeUnsubscribe:
			want = flags == 2 || flags == 10 // DUP is for MQTT 3.1
		default:
			want = flags == 0
		}
		_, ok, err := ReadHeader(raw(byte(first), 0), 0)
		require.Equal(t, want, ok, "%08b", first)
		require.Equal(t, want, err == nil, "%08b", first)
	}
}

// TestAnySplit cuts one stream of all kinds of packets at every pair of places:
// the packets are the same.
func TestAnySplit(t *testing.T) {
	var stream []byte
	var want []Header
	add := func(f []byte) {
		h, ok, err := ReadHeader(f, 0)
		require.True(t, ok)
		require.NoError(t, err)
		require.Equal(t, len(f), h.FrameSize())
		want, stream = append(want, h), append(stream, f...)
	}
	add(frame(0x10, str("MQTT"), raw(4, 2), u16(60), str("c")))
	add(frame(0xC0))
	add(frame(0x32, str("a/b"), u16(7), rawText("payload")))
	add(frame(0x30, str("t"), make([]byte, 150)))
	add(frame(0x82, u16(9), str("a/#"), raw(1)))
	add(frame(0xE0))

	for i := 0; i <= len(stream); i++ {
		for j := i; j <= len(stream); j++ {
			var got []Header
			var buffer []byte
			for _, piece := range [][]byte{stream[:i], stream[i:j], stream[j:]} {
				buffer = append(buffer, piece...)
				for {
					h, ok, err := ReadHeader(buffer, 1000)
					require.NoError(t, err)
					if !ok || len(buffer) < h.FrameSize() {
						break
					}
					got, buffer = append(got, h), buffer[h.FrameSize():]
				}
			}
			if len(buffer) > 0 || len(got) != len(want) {
				t.Fatalf("split at %d and %d: %d packets, %d bytes left", i, j, len(got), len(buffer))
			}
			for k := range got {
				if got[k] != want[k] {
					t.Fatalf("split at %d and %d: packet %d is %+v, want %+v", i, j, k, got[k], want[k])
				}
			}
		}
	}
}

// TestFrameIsOnePacket hands Decode too little, too much, and another type.
func TestFrameIsOnePacket(t *testing.T) {
	for typ := TypeConnect; typ <= TypeAuth; typ++ {
		p := newPacket(typ)
		requireError(t, p.Decode(nil, V5), MalformedPacket, "")
		first := byte(typ)<<4 | typ.flags()
		requireError(t, p.Decode(raw(first), V5), MalformedPacket, "")
		requireError(t, p.Decode(raw(first, 1), V5), MalformedPacket, "")
		requireError(t, p.Decode(raw(first, 0, 0), V5), MalformedPacket, "")
		other := byte(TypePingreq) << 4
		if typ == TypePingreq {
			other = byte(TypePingresp) << 4
		}
		requireError(t, p.Decode(raw(other, 0), V5), ProtocolError, "")
	}
}

// TestResent holds that DUP on PUBREL, SUBSCRIBE and UNSUBSCRIBE is for 3.1.
func TestResent(t *testing.T) {
	for _, f := range [][]byte{
		frame(0x6A, u16(1)),
		frame(0x8A, u16(1), str("a"), raw(0)),
		frame(0xAA, u16(1), str("a")),
	} {
		typ := Type(f[0] >> 4)
		require.NoError(t, newPacket(typ).Decode(f, V31))
		var e *Error
		require.ErrorAs(t, newPacket(typ).Decode(f, V311), &e)
		require.Equal(t, MalformedPacket, e.Code)
	}
}
