package packet

import (
	"bytes"
	"slices"
	"sync/atomic"
)

// Run is one or more PUBLISH frames of one publisher, end to end, that share
// version, topic, QoS and RETAIN. It is immutable once it was shared: all
// receivers read the same bytes.
//
// Invariants: DUP is clear; each frame has the full Topic Name, no Topic Alias
// and no Subscription Identifier; with a Message Expiry Interval there is one
// frame only. Packet Identifiers are those of the publisher and mean nothing
// to a receiver.
type Run struct {
	Frames    []byte
	Count     int // frames, at least 1
	Version   Version
	QoS       QoS
	Retain    bool
	HasExpiry bool
	Expiry    uint32 // Message Expiry Interval in seconds
	Deadline  int64  // Unix ms at which the message expires, set by who received it before sharing it; 0: never
	Topic     []byte // view into Frames
	Largest   int    // bytes of the largest frame
	Slab      int    // bytes of the buffer that Frames is a view of: what keeping it pins
	Lent      *Slab  // that buffer, if it is used again: who keeps the Run says so by its Keep; nil otherwise
	Body      *Body  // of a Run that goes to several receivers which may store it, set before it is shared; nil otherwise

	derived atomic.Pointer[derived]
	asked   atomic.Uint32 // layouts that AppendAs was asked for, by slot
}

// Body is the number under which a store has a Run that several Sessions keep, so that it has it once.
type Body struct{ id atomic.Uint64 }

// Known makes the Body of a Run that a store has.
func Known(id uint64) *Body {
	b := new(Body)
	b.id.Store(id)
	return b
}

// ID is the number. Who asks first gives it one, which is not 0.
func (b *Body) ID(number func() uint64) uint64 {
	if id := b.id.Load(); id != 0 {
		return id
	}
	if id := number(); b.id.CompareAndSwap(0, id) {
		return id
	}
	return b.id.Load()
}

// derived is what was made out of a Run, for nearly all of them never.
type derived struct {
	layouts [4]atomic.Pointer[[]byte]
	owned   atomic.Pointer[Run]
}

// NewRun encodes one message into a Run of its own. What belongs to one hop
// only is left out: DUP, Topic Alias, Subscription Identifiers. The message has
// its full Topic Name.
func NewRun(p *Publish, v Version) *Run {
	m := *p
	m.Dup, m.TopicAlias, m.SubscriptionIDs = false, 0, nil
	if m.QoS > QoS0 && m.PacketID == 0 {
		m.PacketID = 1 // of no meaning, but a frame without one is none
	}
	r := &Run{
		Frames:    m.Append(make([]byte, 0, m.frameSize(v)), v),
		Count:     1,
		Version:   v,
		QoS:       m.QoS,
		Retain:    m.Retain,
		HasExpiry: m.HasMessageExpiry && v.hasProperties(),
	}
	if r.HasExpiry {
		r.Expiry = m.MessageExpiry
	}
	r.Topic = topicOf(r.Frames)
	r.Largest = len(r.Frames)
	r.Slab = cap(r.Frames)
	return r
}

func topicOf(frame []byte) []byte {
	_, at := varintAt(frame, 1)
	topic, _ := cut(frame[at:])
	return topic
}

// As gives the frames in the layout of version v, with or without Packet
// Identifiers: the original when it has that layout, otherwise a conversion
// that is made once and shared by all. Nobody may write to the result.
//
// In a conversion Packet Identifiers are 0, for the sender to set in its copy,
// and the QoS in the first byte is 0 without identifiers and the original's
// with them (1 if the original's is 0). Converting to a version before 5.0
// drops the properties; converting to 5.0 adds an empty list. A frame within 4
// bytes of the protocol's largest has no valid conversion: LargestAs tells.
func (r *Run) As(v Version, withID bool) []byte {
	if r.Is(v, withID) {
		return r.Frames
	}
	layout := &r.more().layouts[slot(v, withID)]
	if b := layout.Load(); b != nil {
		return *b
	}
	b := r.appendConverted(nil, v, withID)
	if !layout.CompareAndSwap(nil, &b) {
		return *layout.Load()
	}
	return b
}

// AppendAs adds what As gives to dst. Who is the first to ask for a conversion
// gets it written there, since mostly nobody else will ask; it is made for
// sharing for the second.
func (r *Run) AppendAs(dst []byte, v Version, withID bool) []byte {
	if r.Is(v, withID) {
		return append(dst, r.Frames...)
	}
	if bit := uint32(1) << slot(v, withID); r.asked.Load()&bit == 0 && r.asked.Or(bit)&bit == 0 {
		return r.appendConverted(dst, v, withID)
	}
	return append(dst, r.As(v, withID)...)
}

// Is tells whether the frames have this layout as they are.
func (r *Run) Is(v Version, withID bool) bool {
	return v.hasProperties() == r.Version.hasProperties() && withID == (r.QoS > QoS0)
}

func slot(v Version, withID bool) (slot int) {
	if v.hasProperties() {
		slot |= 1
	}
	if withID {
		slot |= 2
	}
	return slot
}

// LargestAs is what Largest is for the frames that As gives, or up to 4 bytes
// more: identifier, empty property list, and a longer Remaining Length.
func (r *Run) LargestAs(v Version, withID bool) int {
	if r.Is(v, withID) {
		return r.Largest
	}
	return r.Largest + 4
}

// Owned gives a Run that pins no more than about its own bytes: r itself when
// it has its buffer nearly for itself, otherwise a copy that is made once and
// shared by all.
func (r *Run) Owned() *Run {
	if r.Slab <= len(r.Frames)+len(r.Frames)/4+64 {
		return r
	}
	more := r.more()
	if o := more.owned.Load(); o != nil {
		return o
	}
	o := &Run{
		Frames:    append([]byte(nil), r.Frames...),
		Count:     r.Count,
		Version:   r.Version,
		QoS:       r.QoS,
		Retain:    r.Retain,
		HasExpiry: r.HasExpiry,
		Expiry:    r.Expiry,
		Deadline:  r.Deadline,
		Largest:   r.Largest,
		Body:      r.Body,
	}
	o.Topic = topicOf(o.Frames)
	o.Slab = cap(o.Frames)
	if !more.owned.CompareAndSwap(nil, o) {
		return more.owned.Load()
	}
	return o
}

func (r *Run) more() *derived {
	if d := r.derived.Load(); d != nil {
		return d
	}
	r.derived.CompareAndSwap(nil, new(derived))
	return r.derived.Load()
}

// appendConverted adds all frames in another layout. Frames of a run are mostly
// alike but for their payload: what stands before that is then copied from the
// one before.
func (r *Run) appendConverted(dst []byte, v Version, withID bool) []byte {
	dst = slices.Grow(dst, len(r.Frames)+4*r.Count)
	var l Layout
	var before []byte // the frame that l is of
	head, headEnd := 0, 0
	for rest := r.Frames; len(rest) > 0; rest = rest[l.Size:] {
		if before != nil && alike(rest, before, l) {
			dst = append(dst, dst[head:headEnd]...)
		} else {
			l = LayoutOf(rest, r.Version)
			head = len(dst)
			dst = appendHead(dst, rest[:l.Size], l, r.Version, v, withID)
			headEnd = len(dst)
		}
		dst = append(dst, rest[l.Payload:l.Size]...)
		before = rest
	}
	return dst
}

// alike tells whether two frames of a run, one of which has layout l, differ in
// Packet Identifier and payload alone. It knows frames without properties only.
func alike(frame, other []byte, l Layout) bool {
	if l.Properties < l.PropertiesEnd || len(frame) < l.Size || !bytes.Equal(frame[:l.Topic], other[:l.Topic]) {
		return false
	}
	return l.PropertyLength == l.Properties || frame[l.PropertyLength] == 0
}

// appendHead adds what stands before the payload in another layout.
func appendHead(dst, frame []byte, l Layout, from, to Version, withID bool) []byte {
	var section []byte
	switch {
	case to.hasProperties() && from.hasProperties():
		section = frame[l.PropertyLength:l.PropertiesEnd]
	case to.hasProperties():
		section = []byte{0}
	}
	remaining := l.TopicEnd - (l.Topic - 2) + len(section) + l.Size - l.Payload
	first := frame[0] &^ 0b0110
	if withID {
		remaining += 2
		first |= max(frame[0]&0b0110, 0b0010)
	}
	dst = appendVarint(append(dst, first), uint32(remaining))
	dst = append(dst, frame[l.Topic-2:l.TopicEnd]...)
	if withID {
		dst = append(dst, 0, 0)
	}
	return append(dst, section...)
}
