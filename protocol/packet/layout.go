package packet

import "encoding/binary"

// Layout says where the parts of a PUBLISH frame are, as offsets from its
// beginning.
//
// Invariant: Topic <= TopicEnd <= PropertyLength <= Properties <= PropertiesEnd
// == Payload <= Size.
type Layout struct {
	Size           int // of the frame in bytes; the next frame begins here
	Topic          int // first byte of the Topic Name, behind its length
	TopicEnd       int
	ID             int // of the Packet Identifier; 0 when there is none
	PropertyLength int // of the Property Length field; before 5.0 equal to Payload
	Properties     int // of the first property; before 5.0 equal to Payload
	PropertiesEnd  int
	Payload        int
}

// LayoutOf reads the layout of the PUBLISH frame at the beginning of b, which is
// known to be valid and may be followed by others.
func LayoutOf(b []byte, v Version) Layout {
	n, at := varintAt(b, 1)
	l := Layout{Size: at + n, Topic: at + 2}
	l.TopicEnd = l.Topic + int(binary.BigEndian.Uint16(b[at:]))
	at = l.TopicEnd
	if b[0]&0b0110 != 0 {
		l.ID = at
		at += 2
	}
	l.PropertyLength, l.Properties, l.PropertiesEnd = at, at, at
	if v.hasProperties() {
		n, l.Properties = varintAt(b, at)
		l.PropertiesEnd = l.Properties + n
	}
	l.Payload = l.PropertiesEnd
	return l
}

// varintAt reads a Variable Byte Integer that is known to be valid, and gives
// the offset behind it.
func varintAt(b []byte, at int) (n, end int) {
	for shift := 0; ; shift += 7 {
		c := b[at]
		at++
		n |= int(c&0x7f) << shift
		if c < 0x80 {
			return n, at
		}
	}
}
