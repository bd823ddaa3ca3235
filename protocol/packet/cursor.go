package packet

import "encoding/binary"

// cursor reads the fields of a packet one after the other. The first error
// sticks and empties it, so that callers look at err once, at the end.
type cursor struct {
	rest []byte
	err  *Error
}

func (c *cursor) fail(err *Error) {
	if c.err == nil {
		c.err = err
	}
	c.rest = nil
}

func (c *cursor) truncated(what string) {
	c.fail(malformed("", "packet ends within %s", what))
}

// close is the end of the packet: nothing may be left.
func (c *cursor) close() error {
	if c.err != nil {
		return c.err
	}
	if len(c.rest) > 0 {
		return malformed("", "%d bytes too many at the end of the packet", len(c.rest))
	}
	return nil
}

func (c *cursor) byte(what string) byte {
	if len(c.rest) < 1 {
		c.truncated(what)
		return 0
	}
	b := c.rest[0]
	c.rest = c.rest[1:]
	return b
}

func (c *cursor) uint16(what string) uint16 {
	if len(c.rest) < 2 {
		c.truncated(what)
		return 0
	}
	n := binary.BigEndian.Uint16(c.rest)
	c.rest = c.rest[2:]
	return n
}

func (c *cursor) uint32(what string) uint32 {
	if len(c.rest) < 4 {
		c.truncated(what)
		return 0
	}
	n := binary.BigEndian.Uint32(c.rest)
	c.rest = c.rest[4:]
	return n
}

// varint reads a Variable Byte Integer (section 1.5.5).
func (c *cursor) varint(what string) uint32 {
	var n uint32
	for i, b := range c.rest {
		n |= uint32(b&0x7f) << (7 * i)
		if b < 0x80 {
			if b == 0 && i > 0 {
				c.fail(malformed("MQTT-1.5.5-1", "%s is not encoded in the fewest bytes", what))
				return 0
			}
			c.rest = c.rest[i+1:]
			return n
		}
		if i == 3 {
			c.fail(malformed("", "%s has more than four bytes", what))
			return 0
		}
	}
	c.truncated(what)
	return 0
}

// packetID reads a Packet Identifier, which is never 0 (section 2.2.1). The
// statement is the one that binds this kind of packet.
func (c *cursor) packetID(statement string) uint16 {
	id := c.uint16("the Packet Identifier")
	if id == 0 && c.err == nil {
		c.fail(violation(statement, "Packet Identifier 0"))
	}
	return id
}

// binary reads Binary Data (section 1.5.6): never nil, but empty when it is.
func (c *cursor) binary(what string) []byte {
	if len(c.rest) < 2 {
		c.truncated(what)
		return nil
	}
	n := 2 + int(binary.BigEndian.Uint16(c.rest))
	if len(c.rest) < n {
		c.truncated(what)
		return nil
	}
	b := c.rest[2:n:n]
	c.rest = c.rest[n:]
	return b
}

// text reads a UTF-8 Encoded String (section 1.5.4).
func (c *cursor) text(what string) []byte {
	b := c.binary(what)
	if err := judgeText(b, what); err != nil {
		c.fail(err)
		return nil
	}
	return b
}

func appendUint16(dst []byte, n uint16) []byte { return binary.BigEndian.AppendUint16(dst, n) }
func appendUint32(dst []byte, n uint32) []byte { return binary.BigEndian.AppendUint32(dst, n) }

func appendVarint(dst []byte, n uint32) []byte {
	for n >= 0x80 {
		dst = append(dst, byte(n)|0x80)
		n >>= 7
	}
	return append(dst, byte(n))
}

// varintSize is the number of bytes that appendVarint writes.
func varintSize(n uint32) int {
	switch {
	case n < 1<<7:
		return 1
	case n < 1<<14:
		return 2
	case n < 1<<21:
		return 3
	}
	return 4
}

// maxField is the longest text or binary field in bytes.
const maxField = 65_535

// clip cuts what a length of two bytes cannot say.
func clip(b []byte) []byte { return b[:min(len(b), maxField)] }

// appendBinary writes Binary Data or a UTF-8 Encoded String.
func appendBinary(dst, b []byte) []byte {
	b = clip(b)
	return append(append(dst, byte(len(b)>>8), byte(len(b))), b...)
}

// reserve leaves room for a length that is not known yet; the caller keeps
// len(dst) before the call for seal.
func reserve(dst []byte) []byte { return append(dst, 0) }

// seal writes the length of what follows at into the room that reserve left
// there, and makes more room when it needs more than one byte.
func seal(dst []byte, at int) []byte {
	n := len(dst) - at - 1
	if n < 0x80 {
		dst[at] = byte(n)
		return dst
	}
	extra := varintSize(uint32(n)) - 1
	for range extra {
		dst = append(dst, 0)
	}
	copy(dst[at+1+extra:], dst[at+1:at+1+n])
	appendVarint(dst[:at], uint32(n))
	return dst
}
