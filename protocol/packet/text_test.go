package packet

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestText(t *testing.T) {
	for _, c := range []struct {
		name, text, statement string
	}{
		{"empty", "", ""},
		{"ASCII", "sensors/1/temperature", ""},
		{"control characters are allowed", "a\x01\x1f\x7fb", ""},
		{"umlauts", "größe/℃/𝛼", ""},
		{"non-characters are allowed", "\uFFFE\uFFFF", ""},
		{"byte order mark is a character", "\uFEFFa", ""},
		{"last code point", "\U0010FFFF", ""},
		{"U+0000", "a\x00b", "MQTT-1.5.4-2"},
		{"U+0000 at the end of a long text", strings.Repeat("x", 23) + "\x00", "MQTT-1.5.4-2"},
		{"U+0000 after a letter beyond ASCII", "ä\x00", "MQTT-1.5.4-2"},
		{"surrogate, first", "a\xed\xa0\x80", "MQTT-1.5.4-1"},
		{"surrogate, last", "\xed\xbf\xbf", "MQTT-1.5.4-1"},
		{"pair of surrogates", "\xed\xa0\xb4\xed\xb4\x9e", "MQTT-1.5.4-1"},
		{"overlong slash", "\xc0\xaf", "MQTT-1.5.4-1"},
		{"overlong U+0000", "\xc0\x80", "MQTT-1.5.4-1"},
		{"beyond the last code point", "\xf4\x90\x80\x80", "MQTT-1.5.4-1"},
		{"continuation alone", "\x80", "MQTT-1.5.4-1"},
		{"cut", "\xe2\x82", "MQTT-1.5.4-1"},
		{"Latin 1", "gr\xf6\xdfe", "MQTT-1.5.4-1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := judgeText([]byte(c.text), "the text")
			if c.statement == "" {
				require.Nil(t, err)
				return
			}
			requireError(t, err, MalformedPacket, c.statement)
			require.Contains(t, err.Error(), c.statement)
		})
	}
}

// TestPlain puts every byte at every place of texts of all lengths up to some
// words.
func TestPlain(t *testing.T) {
	for n := range 25 {
		text := bytes.Repeat([]byte{1}, n)
		require.True(t, plain(text))
		for at := range text {
			for c := range 256 {
				text[at] = byte(c)
				if plain(text) != (c > 0 && c < 0x80) {
					t.Fatalf("%d bytes with %#x at %d", n, c, at)
				}
			}
			text[at] = 0x7f
		}
	}
}
