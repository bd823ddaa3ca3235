package packet

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

// judgeText judges a UTF-8 Encoded String: well-formed, which excludes
// surrogates [MQTT-1.5.4-1], and without U+0000 [MQTT-1.5.4-2]. A byte order
// mark is a character like others [MQTT-1.5.4-3]. Control characters and
// non-characters should not be sent, but may be.
func judgeText(b []byte, what string) *Error {
	if plain(b) {
		return nil
	}
	if bytes.IndexByte(b, 0) >= 0 {
		return malformed("MQTT-1.5.4-2", "%s contains U+0000", what)
	}
	if !utf8.Valid(b) {
		return malformed("MQTT-1.5.4-1", "%s is not well-formed UTF-8", what)
	}
	return nil
}

// plain tells that b is ASCII without 0, eight bytes at a time: nearly all
// Topic Names are.
func plain(b []byte) bool {
	const high, ones = 0x8080808080808080, 0x0101010101010101
	for len(b) >= 8 {
		// Without a high bit anywhere, subtracting 1 from each byte sets the
		// high bit of the first that is 0.
		w := binary.LittleEndian.Uint64(b)
		if (w|(w-ones))&high != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c-1 >= 0x7f {
			return false
		}
	}
	return true
}
