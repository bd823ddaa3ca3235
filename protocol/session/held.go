package session

import "github.com/troupemq/troupe/protocol/packet"

// A message with QoS 2 gets its Packet Identifier and is not written until both are safe: after a crash its Client could not tell
// another with the same identifier from it, nor it from the one that its publisher sends again. It has flagHeld until then, and takes its place in the window.

// hold takes n frames of r from offset on into the window and returns the offset behind them.
func (s *Session) hold(r *packet.Run, t *Terms, offset, n int, since int64, seq uint64) int {
	for range n {
		s.out.push(r, t, uint32(offset), packet.QoS2, since, seq)
		s.out.at(s.out.tail - 1).flags |= flagHeld
		s.nextID = following(s.nextID)
		seq++
		offset += frameSize(r.Frames[offset:])
	}
	return offset
}

// holds tells whether f has to be held back still.
func (s *Session) holds(f *flight) bool {
	return f.step == pubrec && s.waits() && (f.seq >= s.ledger.ready || s.ledger.unsafe(f.seq))
}

// tell writes what was held back and is safe, in order.
func (s *Session) tell(now int64, out *Output) {
	w := s.out
	if w == nil || !s.waits() {
		return
	}
	if int32(w.held-w.head) < 0 {
		w.held = w.head
	}
	for ; w.held != w.tail; w.held++ {
		f := w.at(w.held)
		if f.flags&(flagHeld|flagSent) != flagHeld|flagSent {
			continue
		}
		if s.holds(f) {
			return
		}
		f.flags &^= flagHeld
		if !s.appendFlight(f, packet.QoS2, w.id(w.held), false, now, out) {
			s.release(f)
		}
	}
}
