package persistence

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/troupemq/troupe/protocol/packet"
)

// frameParts says where the parts of a PUBLISH frame are that a Run is made of.
type frameParts struct {
	size            int // of the frame in bytes; 0: there is no whole frame
	topic, topicEnd int // the Topic Name
}

// partsOf reads the frame that b begins with. What it accepts is safe for
// [packet.LayoutOf], which trusts what it reads.
func partsOf(b []byte, v packet.Version) frameParts {
	if len(b) == 0 || b[0]>>4 != byte(packet.TypePublish) || b[0]&0b0110 == 0b0110 {
		return frameParts{}
	}
	n, at := varint(b, 1)
	if at == 0 || n > len(b)-at {
		return frameParts{}
	}
	p := frameParts{size: at + n, topic: at + 2}
	b = b[:p.size]
	if p.topic > p.size {
		return frameParts{}
	}
	p.topicEnd = p.topic + int(binary.BigEndian.Uint16(b[at:]))
	at = p.topicEnd
	if b[0]&0b0110 != 0 {
		at += 2
	}
	if at > p.size {
		return frameParts{}
	}
	if v == packet.V5 {
		n, behind := varint(b, at)
		if behind == 0 || n > len(b)-behind {
			return frameParts{}
		}
	}
	return p
}

// varint reads a Variable Byte Integer (section 1.5.5) and gives the offset
// behind it; 0: there is none.
func varint(b []byte, at int) (n, behind int) {
	for shift := 0; shift < 28 && at < len(b); shift += 7 {
		c := b[at]
		at++
		n |= int(c&0x7f) << shift
		if c < 0x80 {
			return n, at
		}
	}
	return 0, 0
}

// The byte that says of frames what they do not say themselves: their version
// in three bits, and these flags.
const (
	runVersion  = 0b0000_0111
	runExpiry   = 0b0000_1000 // the Message Expiry Interval follows
	runDeadline = 0b0001_0000 // the deadline follows
	runUnknown  = 0b1110_0000
)

// appendRun adds all of a Run but its frames. The deadline is written as its
// distance from at.
func appendRun(dst []byte, r *packet.Run, at int64) []byte {
	flags := byte(r.Version) & runVersion
	if r.HasExpiry {
		flags |= runExpiry
	}
	if r.Deadline != 0 {
		flags |= runDeadline
	}
	dst = append(dst, flags)
	if r.HasExpiry {
		dst = binary.AppendUvarint(dst, uint64(r.Expiry))
	}
	if r.Deadline != 0 {
		dst = binary.AppendVarint(dst, r.Deadline-at)
	}
	return dst
}

// readRun reads what appendRun wrote into a zero Run.
func readRun(in *reader, r *packet.Run, at int64) {
	flags := in.byte("the kind of its frames")
	if flags&runUnknown != 0 {
		in.fail("has frames of the unknown kind %#b", flags)
	}
	r.Version = readVersion(in, flags&runVersion)
	if flags&runExpiry != 0 {
		r.HasExpiry, r.Expiry = true, in.uint32("a Message Expiry Interval")
	}
	if flags&runDeadline != 0 {
		r.Deadline = at + in.int("a deadline")
	}
}

// setFrames gives a Run that readRun made its frames, which pin slab bytes. It
// returns false if they are not what a Run has.
func setFrames(r *packet.Run, frames []byte, slab int) bool {
	if len(frames) == 0 || int64(len(frames)) > math.MaxUint32 {
		return false
	}
	for at := 0; at < len(frames); r.Count++ {
		p := partsOf(frames[at:], r.Version)
		if p.size == 0 || p.topic == p.topicEnd {
			return false
		}
		topic := frames[at+p.topic : at+p.topicEnd : at+p.topicEnd]
		if at == 0 {
			r.Topic = topic
		} else if frames[at] != frames[0] || !bytes.Equal(topic, r.Topic) {
			return false
		}
		r.Largest = max(r.Largest, p.size)
		at += p.size
	}
	r.Frames, r.Slab = frames, slab
	r.QoS, r.Retain = packet.QoS(frames[0]>>1&0b11), frames[0]&1 != 0
	return r.Count == 1 || !r.HasExpiry
}

// holds tells whether a Run has n frames from offset to end.
func holds(r *packet.Run, offset, end uint32, n int) bool {
	if offset >= end || int64(end) > int64(len(r.Frames)) {
		return false
	}
	if offset == 0 && int(end) == len(r.Frames) {
		return n == r.Count
	}
	at := 0
	for at < int(offset) {
		at += partsOf(r.Frames[at:], r.Version).size
	}
	if at != int(offset) {
		return false
	}
	for ; at < int(end); n-- {
		at += partsOf(r.Frames[at:], r.Version).size
	}
	return at == int(end) && n == 0
}
