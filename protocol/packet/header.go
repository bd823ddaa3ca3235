package packet

// maxRemaining is the largest Remaining Length that four bytes can express
// (section 1.5.5).
const maxRemaining = 268_435_455

// Header is the fixed header of a packet (section 2.1.1).
type Header struct {
	Type      Type
	Flags     uint8  // lower four bits of the first byte
	Remaining uint32 // bytes after the fixed header
	Size      int    // bytes of the fixed header itself, 2 to 5
}

// FrameSize is the size of the whole packet in bytes, its fixed header
// included.
func (h Header) FrameSize() int { return h.Size + int(h.Remaining) }

// ReadHeader reads the fixed header at the beginning of b, which may end
// anywhere. It judges as soon as a byte is there: type and flags from the first
// one, and the length while it is read. ok is false without an error when more
// bytes are needed. maxPacketSize is the most bytes that a whole packet may
// have, 0 for no limit but the protocol's.
//
// A Remaining Length that is not encoded in the fewest bytes is malformed in
// all versions: 5.0 says so in a statement, the earlier ones by their table of
// lengths.
//
// Errors: MalformedPacket, PacketTooLarge.
func ReadHeader(b []byte, maxPacketSize uint32) (h Header, ok bool, err error) {
	if len(b) == 0 {
		return Header{}, false, nil
	}
	if e := judgeFirst(b[0]); e != nil {
		return Header{}, false, e
	}
	limit := uint64(maxPacketSize)
	if limit == 0 {
		limit = maxRemaining + 5
	}
	var remaining uint32
	for i := 1; i < len(b); i++ {
		c := b[i]
		remaining |= uint32(c&0x7f) << (7 * (i - 1))
		if c < 0x80 {
			if c == 0 && i > 1 {
				return Header{}, false, malformed("MQTT-1.5.5-1", "Remaining Length is not encoded in the fewest bytes")
			}
			if size := uint64(remaining) + uint64(i) + 1; size > limit {
				return Header{}, false, tooLarge(size, limit)
			}
			return Header{Type(b[0] >> 4), b[0] & 0x0f, remaining, i + 1}, true, nil
		}
		if i == 4 {
			return Header{}, false, malformed("", "Remaining Length has more than four bytes")
		}
		// What goes on is not zero, so the length is at least this much already.
		if least := uint64(remaining) + 1<<(7*i) + uint64(i) + 2; least > limit {
			return Header{}, false, tooLarge(least, limit)
		}
	}
	return Header{}, false, nil
}

func tooLarge(size, limit uint64) *Error {
	e := malformed("MQTT-3.2.2-15", "packet of at least %d bytes, at most %d allowed", size, limit)
	e.Code = PacketTooLarge
	return e
}

// judgeFirst judges the first byte of a packet without knowing its version:
// MQTT 3.1 sets DUP when it sends PUBREL, SUBSCRIBE or UNSUBSCRIBE again, so
// that bit is left to open.
func judgeFirst(first byte) *Error {
	t, flags := Type(first>>4), first&0x0f
	switch t {
	case TypePublish:
		if flags&0b0110 == 0b0110 {
			return malformed("MQTT-3.3.1-4", "PUBLISH with QoS 3")
		}
		if flags&0b1110 == 0b1000 {
			return malformed("MQTT-3.3.1-2", "PUBLISH with QoS 0 and DUP")
		}
		return nil
	case TypePubrel, TypeSubscribe, TypeUnsubscribe:
		flags &^= 0b1000
	case 0:
		return malformed("", "packet type 0 is reserved")
	}
	if flags != t.flags() {
		return badFlags(first)
	}
	return nil
}

func badFlags(first byte) *Error {
	t, statement := Type(first>>4), "MQTT-2.1.3-1"
	switch t {
	case TypePubrel:
		statement = "MQTT-3.6.1-1"
	case TypeSubscribe:
		statement = "MQTT-3.8.1-1"
	case TypeUnsubscribe:
		statement = "MQTT-3.10.1-1"
	case TypeDisconnect:
		statement = "MQTT-3.14.1-1"
	case TypeAuth:
		statement = "MQTT-3.15.1-1"
	}
	return malformed(statement, "%v with the reserved flags %04b", t, first&0x0f)
}

// open takes the fixed header off a whole frame of type t and gives what
// follows it.
func open(frame []byte, t Type, v Version) (cursor, *Error) {
	h, ok, err := ReadHeader(frame, 0)
	if err != nil {
		return cursor{}, err.(*Error)
	}
	if !ok || h.FrameSize() != len(frame) {
		return cursor{}, malformed("", "frame of %d bytes is not one whole packet", len(frame))
	}
	if h.Type != t {
		return cursor{}, violation("", "%v where %v is expected", h.Type, t)
	}
	if t != TypePublish && h.Flags != t.flags() && v != V31 {
		return cursor{}, badFlags(frame[0])
	}
	return cursor{rest: frame[h.Size:]}, nil
}
