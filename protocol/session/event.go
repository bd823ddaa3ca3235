package session

import (
	"iter"

	"github.com/troupemq/troupe/protocol/packet"
)

// Fate is what became of a message for the Client. Fates are bits, so that a caller can say which of them it wants to hear of.
type Fate uint8

const (
	// Delivered says that the message was written to the Client: once for each time that it is, with DUP if it was before.
	Delivered Fate = 1 << iota
	// Acknowledged says that the Client has answered it, with PUBACK or, for QoS 2, with PUBREC: from then on it is the Client's, or refused.
	Acknowledged
	// Dropped says that the Client will not get it, or not again.
	Dropped
)

// Cause is why a message was dropped.
type Cause uint8

const (
	// Congested is QoS 0 for a connection that takes no more.
	Congested Cause = 1 + iota
	// Offline is QoS 0 for a Client that is away.
	Offline
	// QueueFull is QoS 1 or 2 at the bound of the queue.
	QueueFull
	// Expired is a message whose Message Expiry Interval has passed.
	Expired
	// Aged is one that has waited for longer than the queue's Age.
	Aged
	// TooLarge is one above the Client's Maximum Packet Size [MQTT-3.1.2-25].
	TooLarge
	// Ended is one that was not acknowledged when the Session ended.
	Ended
)

func (c Cause) String() string {
	switch c {
	case Congested:
		return "congested"
	case Offline:
		return "offline"
	case QueueFull:
		return "queue full"
	case Expired:
		return "expired"
	case Aged:
		return "waited too long"
	case TooLarge:
		return "too large"
	case Ended:
		return "session ended"
	}
	return "unknown"
}

// Event is what became of messages: of Count frames of Run, from Offset on. What is damaged, or in the store alone when the Session ends, has none.
type Event struct {
	Run    *packet.Run
	Terms  *Terms
	Offset uint32
	Count  uint32
	Expiry uint32 // seconds, if Run has a Message Expiry Interval
	Fate   Fate
	Cause  Cause             // of Dropped
	Code   packet.ReasonCode // of Acknowledged
	Dup    bool              // of Delivered
}

// Messages are the messages of e as the Client gets them, but for Packet Identifier and alias. They are views of the Run, each valid until the next.
func (e *Event) Messages() iter.Seq[*packet.Publish] {
	return func(yield func(*packet.Publish) bool) {
		offset := e.Offset
		for range e.Count {
			var p packet.Publish
			err := p.Decode(frameIn(e.Run, offset), e.Run.Version)
			offset += uint32(frameSize(e.Run.Frames[offset:]))
			if err != nil {
				continue
			}
			p.QoS, p.Retain, p.Dup, p.PacketID = e.Terms.qos(e.Run), e.Terms.retain(e.Run), e.Dup, 0
			p.SubscriptionIDs, p.MessageExpiry = e.Terms.IDs, e.Expiry
			if !yield(&p) {
				return
			}
		}
	}
}

// delivered tells of n frames that were written to the Client for the first time.
func (o *Output) delivered(r *packet.Run, t *Terms, offset, n int) {
	if o.Watch&Delivered != 0 {
		o.Events = append(o.Events, Event{Run: r, Terms: t, Offset: uint32(offset), Count: uint32(n), Fate: Delivered})
	}
}

// acknowledged tells of one in flight, unless its frame is not in memory.
func (o *Output) acknowledged(f *flight, code packet.ReasonCode) {
	if o.Watch&Acknowledged != 0 && f.run != nil {
		o.Events = append(o.Events, Event{Run: f.run, Terms: f.terms, Offset: f.offset, Count: 1, Expiry: f.run.Expiry, Fate: Acknowledged, Code: code})
	}
}

// dropped counts n frames that are dropped, and tells of them.
func (o *Output) dropped(cause Cause, r *packet.Run, t *Terms, offset, n int) {
	if n == 0 {
		return
	}
	if counter := o.Counts.of(cause); counter != nil {
		*counter += uint64(n)
	}
	if o.Watch&Dropped != 0 {
		o.Events = append(o.Events, Event{Run: r, Terms: t, Offset: uint32(offset), Count: uint32(n), Expiry: r.Expiry, Fate: Dropped, Cause: cause})
	}
}

// of is the counter of a Cause; nil: that is not counted.
func (c *Counts) of(cause Cause) *uint64 {
	switch cause {
	case Congested:
		return &c.DroppedCongested
	case Offline:
		return &c.DroppedOffline
	case QueueFull:
		return &c.DroppedQueueFull
	case Expired:
		return &c.DroppedExpired
	case Aged:
		return &c.DroppedAged
	case TooLarge:
		return &c.DroppedTooLarge
	}
	return nil
}
