package session

import "github.com/troupemq/troupe/protocol/packet"

// window holds the messages in flight to the Client: a ring indexed by Packet Identifier minus that
// of the oldest.
//
// Packet Identifiers are given out in a circle of 1 to 65,535, so the positions [head, tail) of the
// ring and the identifiers from headID on are the same sequence; nextID
// of the Session is the identifier at tail.
//
// Invariants: len(ring) is a power of two; tail-head <= min(len(ring), 65535); the entry at head is
// not free unless head == tail; used counts the entries in [head, tail) that are not free; counted
// those of them with flagSent; entries before resend are sent or free.
type window struct {
	ring    []flight
	head    uint32
	tail    uint32
	resend  uint32 // the first that was not yet sent again on this connection
	held    uint32 // none before is held back, of those of this connection
	used    int
	counted int // against the Client's Receive Maximum
	headID  uint16
}

// flight is a message in flight: the frame of run at offset, under the terms of this Session.
type flight struct {
	run    *packet.Run // nil once PUBREC came, but for the Session of a bridge: the message is the Client's then
	terms  *Terms
	at     int64  // Unix ms when the Session got it
	seq    uint64 // in the ledger; 0: the Session is not durable, or run is nil for PUBREC came
	offset uint32
	step   step
	flags  uint8
}

// step is what a message in flight waits for.
type step uint8

const (
	free    step = iota
	puback       // QoS 1
	pubrec       // QoS 2, PUBLISH sent
	pubcomp      // QoS 2, PUBREL sent
)

const (
	flagSent uint8 = 1 << iota // on this connection
	flagOld                    // was there when the buffers were looked through last
	flagHeld                   // has not been written yet, for it is not safe
)

const (
	ringMin = 8
	spanMax = 65535 // so many Packet Identifiers there are
)

func newWindow(nextID uint16) *window {
	return &window{ring: make([]flight, ringMin), headID: nextID}
}

func (w *window) at(position uint32) *flight { return &w.ring[position&uint32(len(w.ring)-1)] }

// id is the Packet Identifier at a position.
func (w *window) id(position uint32) uint16 {
	return uint16((uint32(w.headID)-1+position-w.head)%spanMax) + 1
}

// find returns the message in flight with this Packet Identifier, nil if there is none.
func (w *window) find(id uint16) *flight {
	if w == nil || id == 0 {
		return nil
	}
	distance := int(id) - int(w.headID)
	if distance < 0 {
		distance += spanMax
	}
	if uint32(distance) >= w.tail-w.head {
		return nil
	}
	f := w.at(w.head + uint32(distance))
	if f.step == free {
		return nil
	}
	return f
}

// push takes a message that is being sent.
func (w *window) push(run *packet.Run, terms *Terms, offset uint32, qos packet.QoS, at int64, seq uint64) {
	if w.tail-w.head == uint32(len(w.ring)) {
		w.grow()
	}
	next := puback
	if qos == packet.QoS2 {
		next = pubrec
	}
	run.Lent.Keep()
	*w.at(w.tail) = flight{run: run, terms: terms, at: at, seq: seq, offset: offset, step: next, flags: flagSent}
	w.tail++
	if w.resend == w.tail-1 {
		w.resend = w.tail
	}
	w.used++
	w.counted++
}

func (w *window) grow() {
	bigger := make([]flight, 2*len(w.ring))
	for p := w.head; p != w.tail; p++ {
		bigger[p&uint32(len(bigger)-1)] = *w.at(p)
	}
	w.ring = bigger
}

// release ends a message in flight; its Packet Identifier becomes free.
func (w *window) release(f *flight) {
	if f.flags&flagSent != 0 {
		w.counted--
	}
	w.used--
	*f = flight{}
	for w.head != w.tail && w.at(w.head).step == free {
		if w.resend == w.head {
			w.resend++
		}
		w.head++
		w.headID = following(w.headID)
	}
}

// settled says whether everything of earlier connections was sent again, passing over what was meanwhile.
func (w *window) settled() bool {
	for w.resend != w.tail {
		if f := w.at(w.resend); f.step != free && f.flags&flagSent == 0 {
			return false
		}
		w.resend++
	}
	return true
}

// reconnect forgets what was sent on the connection that is gone.
func (w *window) reconnect() {
	w.resend, w.held = w.head, w.head
	w.counted = 0
	for p := w.head; p != w.tail; p++ {
		w.at(p).flags &^= flagSent
	}
}

// following is the Packet Identifier after id; 0 is none [MQTT-2.2.1-4].
func following(id uint16) uint16 {
	if id == 65535 {
		return 1
	}
	return id + 1
}

// room is how many messages may be sent now.
func (s *Session) room() int {
	if s.out == nil {
		return int(s.window)
	}
	return max(0, min(int(s.window)-s.out.counted, spanMax-int(s.out.tail-s.out.head)))
}

// settled says whether what was in flight when the Client came back was sent again.
func (s *Session) settled() bool { return s.out == nil || s.out.settled() }
