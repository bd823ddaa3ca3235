package session

// Recover puts a Session in order whose actor failed in the middle of a call, as after a lost
// connection: what is broken is dropped and counted, sums are made anew, then Detach.
func (s *Session) Recover(now int64, out *Output) {
	if s.state == ended {
		out.Ended = true // the host may not have heard
		return
	}
	if s.out = s.out.repair(s.ledger.chilled(), out); s.out != nil {
		s.nextID = s.out.id(s.out.tail)
	}
	s.nextID = max(1, s.nextID)
	if l := s.ledger; l == nil {
		s.queue = s.queue.repair(out)
	} else if q := s.queue.repair(new(Output)); q != nil || s.queue == nil {
		s.queue = q // what it left out comes back from where it is kept
	} else {
		l.pass(min(l.from, l.sent), min(0, -s.queue.messages), min(0, -s.queue.bytes))
		s.queue = nil
	}
	s.qos0 = s.qos0.repair(out)
	if s.in != nil {
		s.in.repair()
	}
	s.subs = s.subs.repair()
	s.reconcile()
	rare := s.unusual()
	if s.state == away && (s.endAt != 0 || s.expiry == NoExpiry && (rare.will == nil || rare.willAt != 0)) {
		s.leave(out) // it had left: what it waits for stays
		return
	}
	if s.known {
		s.state = closing // it may have been about to leave
	}
	s.Detach(now, out)
}

func (w *window) repair(cold bool, out *Output) *window {
	if w == nil {
		return nil
	}
	if span := w.tail - w.head; span > spanMax || int(span) > len(w.ring) || w.headID == 0 {
		out.Counts.DroppedBroken += uint64(max(0, w.used))
		return nil
	}
	w.used, w.counted = 0, 0
	for p := w.head; p != w.tail; p++ {
		f := w.at(p)
		lost := f.step > pubcomp || (f.step == puback || f.step == pubrec) &&
			(f.run == nil && (f.seq == 0 || !cold) || f.run != nil && (f.terms == nil || int(f.offset) >= len(f.run.Frames)))
		if lost {
			out.Counts.DroppedBroken++
			*f = flight{}
		}
		if f.step != free {
			w.used++
			f.flags &^= flagSent
		}
	}
	for w.head != w.tail && w.at(w.head).step == free {
		w.head++
		w.headID = following(w.headID)
	}
	w.resend, w.held = w.head, w.head
	return w
}

func (q *queue) repair(out *Output) *queue {
	if q == nil {
		return nil
	}
	if q.n < 0 || q.n > len(q.ring) || q.head < 0 || q.head >= max(1, len(q.ring)) || len(q.ring)&(len(q.ring)-1) != 0 {
		out.Counts.DroppedBroken += uint64(max(0, q.messages))
		return nil
	}
	sound := &queue{}
	for i := range q.n {
		e := *q.index(i)
		if e.run == nil || e.terms == nil || e.left == 0 || e.offset >= e.end || int(e.end) > len(e.run.Frames) {
			out.Counts.DroppedBroken += uint64(max(1, e.left))
			continue
		}
		sound.push(e)
	}
	return sound
}

func (in *inbound) repair() {
	in.first = min(max(0, in.first), len(in.routing))
	for len(in.routing) > in.first && in.routing[len(in.routing)-1].run == nil {
		in.routing = in.routing[:len(in.routing)-1]
	}
	kept := in.routing[:0]
	for _, r := range in.routing[in.first:] {
		if r.run != nil {
			kept = append(kept, r)
		}
	}
	clear(in.routing[len(kept):])
	in.routing, in.first = kept, 0
	in.ids.used = 0
	in.ids.each(func(*uint32) { in.ids.used++ })
}

func (t *subscriptions) repair() *subscriptions {
	if t == nil {
		return nil
	}
	var sound *subscriptions
	for _, s := range t.list {
		if s.Filter != "" {
			sound, _, _ = sound.put(s)
		}
	}
	return sound
}
