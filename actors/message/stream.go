package message

import (
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// Frames carries what one read of the Network Connection brought: whole MQTT
// Control Packets, back to back. Bytes is immutable from now on, so that runs
// may keep views of it; if they are in a slab, the session releases that.
type Frames struct {
	Epoch uint32
	Bytes []byte
	Lent  *packet.Slab  // what Bytes is a view of, if it is used again; may be nil
	Room  *session.Room // memory for the session's first Run; may be nil
}

// alone is all that the way of one short message takes, in one allocation of
// 448 bytes.
type alone struct {
	Frames
	room session.Room
	data [304]byte
}

// NewFrames makes the message with a copy of b.
func NewFrames(epoch uint32, b []byte) *Frames {
	if packet.Type(b[0]>>4) != packet.TypePublish || len(b) > len(alone{}.data) {
		return &Frames{Epoch: epoch, Bytes: append([]byte(nil), b...)}
	}
	a := &alone{Frames: Frames{Epoch: epoch}}
	a.Bytes, a.Room = a.data[:copy(a.data[:], b)], &a.room
	return &a.Frames
}

// NewPlainFrames makes the message with a copy of b, which is PUBLISH packets
// with QoS 0 and no flags alone. Much of that goes into a slab: most of it will
// be written and forgotten in this turn.
func NewPlainFrames(epoch uint32, b []byte, slabs *Slabs) *Frames {
	slab := slabs.Lend(len(b))
	if slab == nil {
		return NewFrames(epoch, b)
	}
	copy(slab.B, b)
	return &Frames{Epoch: epoch, Bytes: slab.B, Lent: slab}
}

// Violation tells a session that what follows the frames sent so far is not
// MQTT, or that the Client was silent for too long: the Client is to be told
// Code (v5) and the connection to be closed.
type Violation struct {
	Epoch uint32
	Code  packet.ReasonCode
	Cause error
}

// Packets carries encoded frames from a session to its connection. The buffer
// is pooled: the connection gives it back when it is written.
type Packets struct {
	B []byte
}

// Close asks a connection to write what it has and close. Last says that the
// Client was told something last, and is to have the time to read it.
type Close struct {
	Last bool
}

// Congestion tells a session whether its connection's socket takes no more.
type Congestion struct {
	Epoch uint32
	On    bool
}

// Reading is the credit of a connection: off, it leaves what the Client sends
// in the socket, and TCP slows the Client down.
type Reading struct {
	On bool
}
