package session

import (
	"iter"
	"slices"
)

// Restore makes s the Session that a store has, after Init. It is away; if its Client was connected when the store was last written, that
// connection ends now. What waits and what is in flight is loaded when it is needed.
//
// No time in it is later than the intervals allow from now on: the clock may have been set back.
func (s *Session) Restore(r *Record, h *Head, subscriptions iter.Seq[Subscription], waits bool, now int64) {
	s.known, s.version, s.expiry = true, r.Version, r.Expiry
	s.Persist(waits)
	s.ledger.record, s.ledger.there = false, true
	for sub := range subscriptions {
		s.subs, _, _ = s.subs.put(sub)
	}
	if r.Expiry != NoExpiry {
		s.endAt = now + int64(r.Expiry)*1000
		if r.EndAt != 0 && r.EndAt <= s.endAt {
			s.endAt = r.EndAt
		} else {
			s.ledger.record = true // or it would begin anew with each restart
		}
	}
	if w := r.Will; w != nil {
		at := now + int64(w.DelayInterval)*1000
		if r.WillAt != 0 && r.WillAt <= at {
			at = r.WillAt
		} else {
			s.ledger.record = true
		}
		rare := s.seldom()
		rare.will, rare.willAt = w, at
	}
	if h != nil {
		s.restoreHead(h)
	}
}

func (s *Session) restoreHead(h *Head) {
	l := s.ledger
	l.next = max(1, h.Next)
	l.from = min(max(1, h.Queue), l.next)
	if h.Messages == 0 {
		l.from = l.next
	}
	l.sent, l.ready = l.from, l.from
	l.messages, l.bytes, l.lapse, l.since = h.Messages, h.Bytes, h.Lapse, h.Since
	if h.Peer != "" || len(h.Left) > 0 {
		s.seldom().peers = &peers{current: h.Peer, left: slices.Clone(h.Left)}
	}
	s.nextID = max(1, h.NextID)
	if len(h.Inflight) > 0 {
		s.out = restoreWindow(h)
		s.nextID = s.out.id(s.out.tail)
		s.chill()
	}
	if s.limits.Bridge { // what was in flight may have been completed before its page was loaded, so that nobody knows of that any more
		l.cold, l.coldAt, l.coldEnd = true, 0, l.from
	}
	if len(h.Received) > 0 {
		s.in = &inbound{}
		for _, id := range h.Received {
			s.in.adopt(id, idRouted)
		}
	}
}

// restoreWindow makes the window of what was in flight: an entry for each Packet Identifier from the oldest to the next one.
func restoreWindow(h *Head) *window {
	w := newWindow(h.Inflight[0].ID)
	place := func(id uint16, f flight) {
		for w.id(w.tail) != id && w.tail-w.head < spanMax-1 {
			w.append(flight{})
		}
		if w.id(w.tail) == id && w.tail-w.head < spanMax {
			w.append(f)
		}
	}
	for _, f := range h.Inflight {
		if step := step(f.Step); f.ID != 0 && step >= puback && step <= pubcomp {
			place(f.ID, flight{step: step, seq: f.Seq})
		}
	}
	for w.id(w.tail) != max(1, h.NextID) && w.tail-w.head < spanMax-1 {
		w.append(flight{})
	}
	return w
}

// append puts an entry at the tail.
func (w *window) append(f flight) {
	if w.tail-w.head == uint32(len(w.ring)) {
		w.grow()
	}
	*w.at(w.tail) = f
	w.tail++
	if f.step != free {
		w.used++
	}
}

// chill lets go of the frames of what is in flight, and tells that they have to be loaded if there are any.
func (s *Session) chill() {
	l, w := s.ledger, s.out
	for p := w.head; p != w.tail; p++ {
		if f := w.at(p); f.step == puback || f.step == pubrec || f.seq != 0 {
			f.run, f.terms = nil, nil
			l.cold, l.coldAt, l.coldEnd = true, 0, l.from
		}
	}
}

// reconcile counts anew what is needed of pages and of what is fresh, after a failure.
func (s *Session) reconcile() {
	l := s.ledger
	if l == nil {
		return
	}
	s.spill()
	l.head, l.record = true, true
	l.pages = slices.DeleteFunc(l.pages, func(p page) bool { // those that were gone already stay so
		if p.live > 0 && s.needed(p.first, p.end) == 0 {
			l.gone = append(l.gone, Gone{p.first, p.bodies})
			return true
		}
		return false
	})
	for i := range l.pages {
		l.pages[i].live = s.needed(l.pages[i].first, l.pages[i].end)
	}
	for i := range l.fresh {
		l.fresh[i].live = s.needed(l.fresh[i].Seq, l.fresh[i].end())
	}
}

// needed counts the frames from seq first to before end that are in flight, or wait in the ledger.
func (s *Session) needed(first, end uint64) (n uint32) {
	if s.ledger.from < end {
		n += uint32(end - max(first, s.ledger.from))
	}
	if w := s.out; w != nil {
		for p := w.head; p != w.tail; p++ {
			if f := w.at(p); f.step != free && f.seq >= first && f.seq < end {
				n++
			}
		}
	}
	return n
}

// Rest lets go of what a Session that is away can load again: what is in flight. It returns false if something is not safe yet, or
// on its way.
func (s *Session) Rest() bool {
	l := s.ledger
	if l == nil || s.state != away {
		return false
	}
	s.spill()
	if s.Dirty() || len(l.pending) > 0 || l.loading || s.in != nil && s.in.first < len(s.in.routing) {
		return false
	}
	if s.out != nil {
		s.chill()
	}
	l.pages = nil
	return true
}
