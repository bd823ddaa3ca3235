package nullbroker

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
)

func publish(topic string, payload int) []byte {
	p := packet.Publish{Topic: []byte(topic), Payload: bytes.Repeat([]byte("x"), payload)}
	return p.Append(nil, packet.V311)
}

func TestRun(t *testing.T) {
	ping := []byte{0xC0, 0}
	for _, sizes := range [][]int{nil, {0}, {1, 2, 3}, {120, 121, 122, 123}, {128, 16370, 16380, 16400}, {2_097_140, 1, 2_097_160}} {
		var whole []byte
		for _, size := range sizes {
			whole = append(whole, publish("t/1", size)...)
		}
		require.Equal(t, len(whole), run(whole), sizes)
		require.Equal(t, len(whole), run(append(bytes.Clone(whole), ping...)), sizes)
		require.Equal(t, len(whole), run(append(bytes.Clone(whole), publish("t", 500)[:200]...)), sizes)
		for cut := 1; cut <= 4; cut++ {
			require.Equal(t, len(whole), run(append(bytes.Clone(whole), publish("t", 20000)[:cut]...)), sizes)
		}
	}
	acks := []byte{0x40, 2, 0, 1, 0x50, 2, 0, 1, 0x62, 2, 0, 1, 0x70, 2, 0, 1}
	require.Equal(t, len(acks), run(acks))
}

func TestFrameSize(t *testing.T) {
	for _, test := range []struct {
		bytes []byte
		size  int
		fails bool
	}{
		{nil, 0, false},
		{[]byte{0x30}, 0, false},
		{[]byte{0x30, 0}, 2, false},
		{[]byte{0x30, 0x80}, 0, false},
		{[]byte{0x30, 0x80, 1}, 131, false},
		{[]byte{0x30, 0xFF, 0xFF, 0xFF, 0x7F}, 0, true}, // more than frameMax
		{[]byte{0x30, 0x80, 0x80, 0x80, 0x80}, 0, true},
		{[]byte{0x00, 0}, 0, true},
		{[]byte("GET / HTTP/1.1\r\n"), 'E' + 2, false}, // a PUBREC, as it seems
	} {
		size, err := frameSize(test.bytes)
		require.Equal(t, test.fails, err != nil, "% x", test.bytes)
		require.Equal(t, test.size, size, "% x", test.bytes)
	}
}

func FuzzRunAgreesWithFrameSize(f *testing.F) {
	f.Add(append(publish("t", 10), 0xC0, 0))
	f.Add([]byte{0x40, 2, 0, 1, 0x30, 0xFF, 0xFF, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, b []byte) {
		at := 0
		for {
			size, err := frameSize(b[at:])
			if err != nil || size == 0 || size > len(b)-at || forwarded>>(b[at]>>4)&1 == 0 {
				break
			}
			at += size
		}
		require.Equal(t, at, run(b))
	})
}
