package packet

import (
	"bytes"
	"iter"
)

// Each gives the messages of the run one by one, as runs of one frame: itself
// if it has only one. They are views of the same bytes.
func (r *Run) Each() iter.Seq[*Run] {
	return func(yield func(*Run) bool) {
		if r.Count == 1 {
			yield(r)
			return
		}
		for rest := r.Frames; len(rest) > 0; {
			l := LayoutOf(rest, r.Version)
			one := &Run{
				Frames: rest[:l.Size:l.Size], Count: 1, Version: r.Version, QoS: r.QoS, Retain: r.Retain,
				Topic: rest[l.Topic:l.TopicEnd], Largest: l.Size, Slab: r.Slab, Lent: r.Lent,
			}
			if !yield(one) {
				return
			}
			rest = rest[l.Size:]
		}
	}
}

// Restore makes a zero Run the one of a frame that was kept from a run of one
// message, with the version and the deadline of that.
func (r *Run) Restore(frame []byte, v Version, deadline int64) {
	l := LayoutOf(frame, v)
	r.Frames, r.Count, r.Version = frame, 1, v
	r.QoS, r.Retain = QoS(frame[0]>>1&0b11), frame[0]&1 != 0
	r.Topic, r.Largest, r.Slab = frame[l.Topic:l.TopicEnd], l.Size, len(frame)
	if l.Properties < l.PropertiesEnd {
		var p Publish
		if p.Decode(frame, v) == nil && p.HasMessageExpiry { // a run holds valid frames only
			r.HasExpiry, r.Expiry, r.Deadline = true, p.MessageExpiry, deadline
		}
	}
}

// PayloadSize is the number of bytes of the first message's payload.
func (r *Run) PayloadSize() int {
	l := LayoutOf(r.Frames, r.Version)
	return l.Size - l.Payload
}

// WithExpiry gives a copy of a run of one message with its Message Expiry
// Interval set to seconds, for a message that waited [MQTT-3.3.2-6]. The copy's
// Packet Identifier is 0.
func (r *Run) WithExpiry(seconds uint32) *Run {
	frame := r.Frames
	l := LayoutOf(frame, r.Version)
	if l.ID > 0 {
		// A message that has not been sent yet, such as a Will, has the Packet
		// Identifier 0, which Decode refuses. It means nothing in a run.
		frame = bytes.Clone(frame)
		frame[l.ID], frame[l.ID+1] = 0, 1
	}
	var p Publish
	if err := p.Decode(frame, r.Version); err != nil {
		return r // a run holds valid frames only
	}
	p.PacketID = 0
	p.HasMessageExpiry, p.MessageExpiry = true, seconds
	return NewRun(&p, r.Version)
}
