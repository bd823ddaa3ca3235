package session

import "github.com/troupemq/troupe/protocol/packet"

// A message with QoS 2 gets its Packet Identifier and is not written until both are safe: after a crash its Client could not tell
// another with the same identifier from it, nor it from the one that its publisher sends again. It has flagHeld until then, and takes its
// place in the window. What comes behind it with QoS 1 waits with it, so that the order of a publisher is kept over both.

// hold takes n frames of r from offset on into the window and returns the offset behind them.
func (s *Session) hold(r *packet.Run, t *Terms, offset, n int, qos packet.QoS, since int64, seq uint64) int {
	s.ledger.urgent = true
	for range n {
		s.out.push(r, t, uint32(offset), qos, since, seq)
		s.out.at(s.out.tail - 1).flags |= flagHeld
		s.nextID = following(s.nextID)
		seq++
		offset += frameSize(r.Frames[offset:])
	}
	return offset
}

// holds tells whether f has to be held back still.
func (s *Session) holds(f *flight) bool {
	return (f.step == pubrec || s.once) && s.waits() && (f.seq >= s.ledger.ready || s.ledger.unsafe(f.seq))
}

// holding tells whether something is held back.
func (s *Session) holding() bool {
	w := s.out
	if int32(w.held-w.head) < 0 {
		w.held = w.head
	}
	for ; w.held != w.tail; w.held++ {
		if w.at(w.held).flags&(flagHeld|flagSent) == flagHeld|flagSent {
			return true
		}
	}
	return false
}

// tell writes what was held back and is safe, in order.
func (s *Session) tell(now int64, out *Output) {
	w := s.out
	if w == nil || !s.waits() {
		return
	}
	for s.holding() {
		f := w.at(w.held)
		if s.holds(f) {
			return
		}
		f.flags &^= flagHeld
		qos := packet.QoS1
		if f.step == pubrec {
			qos = packet.QoS2
		}
		if !s.appendFlight(f, qos, w.id(w.held), false, now, out) {
			s.release(f)
		}
	}
}
