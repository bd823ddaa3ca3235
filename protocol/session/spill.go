package session

import "slices"

// stash lets frames wait in the ledger alone: fresh, and then on a page.
func (s *Session) stash(e queued) {
	l := s.ledger
	if s.state != attached {
		e.run = e.run.Owned()
	}
	if l.messages == 0 {
		l.since = e.at
	}
	l.note(e.run, e.terms, e.offset, e.end, e.left, e.at)
	l.messages += int(e.left)
	l.bytes += int64(e.end - e.offset)
}

// stashes tells whether what comes is to wait in the ledger and not in queue.
func (s *Session) stashes(out *Output) bool {
	return s.ledger != nil && (s.ledger.spilled() || s.state != attached || s.queue != nil && s.queue.bytes >= s.keeps(out))
}

// keeps is how many bytes may wait in queue: fewer when the instance has little memory left.
func (s *Session) keeps(out *Output) int64 {
	if s.scarce(out) {
		return out.Left.Memory
	}
	return s.limits.keepBytes()
}

// scarce tells whether the instance has little memory left.
func (s *Session) scarce(out *Output) bool {
	return out.Left != nil && out.Left.Memory > 0 && out.Left.Memory < s.limits.keepBytes()
}

// relinquishAfter is how long, in milliseconds, a Client has to have taken nothing for relinquish: what is loaded for one that takes something
// would have to be loaded again at once.
const relinquishAfter = 1000

// relinquish lets go of what waits in queue if the instance has little memory left, and the Client takes nothing.
func (s *Session) relinquish(now int64, out *Output) {
	if q := s.queue; s.ledger != nil && s.state == attached && q != nil && q.n > 0 && s.scarce(out) && q.bytes > s.keeps(out) && now >= q.taken+relinquishAfter {
		s.spill()
		s.queue = &queue{taken: q.taken}
	}
}

// Resident is how many bytes of what waits are in memory, about.
func (s *Session) Resident() (bytes int64) {
	if q := s.queue; q != nil {
		bytes += q.bytes
	}
	if q := s.qos0; q != nil {
		bytes += q.bytes
	}
	if l := s.ledger; l.spilled() {
		bytes += l.unwritten
	}
	return bytes
}

// spill lets go of what waits in queue: it is fresh, or on pages.
func (s *Session) spill() {
	l, q := s.ledger, s.queue
	if l == nil || q == nil {
		return
	}
	if e := q.front(); e != nil {
		lapse := s.lapse()
		if l.lapse != lapse {
			l.lapse, l.head = lapse, true
		}
		l.from, l.since = e.seq, e.at
		l.messages += q.messages
		l.bytes += q.bytes
		l.pages = slices.DeleteFunc(l.pages, func(p page) bool { return p.first >= l.from })
	}
	s.queue = nil
}

// lapse is when all that waits on the oldest page has lapsed, or when to look; 0: never, or it is on no page yet.
func (s *Session) lapse() int64 {
	l, q := s.ledger, s.queue
	e := q.front()
	if e == nil {
		return l.lapse
	}
	i := l.pageAt(e.seq)
	if i == len(l.pages) || l.pages[i].first > e.seq {
		return 0
	}
	at := s.lapses(&Stored{Run: e.run, At: e.at})
	for n := 1; n < q.n && at != 0 && q.index(n).seq < l.pages[i].end; n++ {
		at = later(at, s.lapses(&Stored{Run: q.index(n).run, At: q.index(n).at}))
	}
	return at
}

// trim drops the oldest while more waits than may, if that is the policy. It asks for pages if what is to be dropped is there.
func (s *Session) trim(now int64, out *Output) {
	if s.ledger == nil || s.limits.Queue.Overflow != DropOldest {
		return
	}
	most, size := s.bounds(now, out)
	for {
		if messages, bytes := s.waiting(); messages <= most && bytes <= size {
			return
		}
		if !s.dropOldest(out) {
			return
		}
	}
}

// dropOldest drops the message that has waited longest. It returns false if that is not in memory.
func (s *Session) dropOldest(out *Output) bool {
	if e := s.queue.front(); e != nil {
		out.dropped(QueueFull, e.run, e.terms, int(e.offset), 1)
		s.advance(s.queue, 1, uint32(frameSize(e.run.Frames[e.offset:])))
		return true
	}
	l := s.ledger
	if !l.spilled() {
		return false
	}
	if i := l.freshAt(l.from); i < len(l.fresh) && l.fresh[i].Seq <= l.from {
		e := l.fresh[i].rest(l.from)
		l.pass(l.from+1, 1, int64(frameSize(e.run.Frames[e.offset:])))
		l.done(e.seq, 1)
		out.dropped(QueueFull, e.run, e.terms, int(e.offset), 1)
		return true
	}
	s.load(out)
	return false
}

// pass moves on behind frames that do not wait in the ledger any more.
func (l *ledger) pass(from uint64, messages int, bytes int64) {
	l.from = from
	l.messages -= messages
	l.bytes -= bytes
	l.lapse, l.since = 1, 0 // nobody knows, so look
}

// expire drops what lapsed at the front, for a Client that is away, and asks for the next page if it may have lapsed too.
func (s *Session) expire(now int64, out *Output) {
	for e := s.queue.front(); e != nil && s.lapsed(e, now); e = s.queue.front() {
		s.dropLapsed(s.queue, e, now, out)
	}
	l := s.ledger
	switch {
	case l == nil || s.state == attached:
	case s.queue.front() == nil:
		if l.lapse != 0 && l.lapse <= now && l.spilled() {
			s.load(out)
		}
	case !s.overfull():
		s.spill()
	}
}

// overfull tells whether so much waits that the next message drops another.
func (s *Session) overfull() bool {
	q := &s.limits.Queue
	messages, bytes := s.waiting()
	return q.Overflow != Slow && (q.Messages > 0 && messages >= q.Messages || q.Bytes > 0 && bytes >= q.Bytes-q.Bytes/8)
}

// dropLapsed takes what expired or waited too long from the front of a queue.
func (s *Session) dropLapsed(q *queue, e *queued, now int64, out *Output) {
	cause := Aged
	if expired(e.run, e.at, now) {
		cause = Expired
	}
	out.drop(cause, e)
	s.pop(q)
}

// pop takes the whole front of a queue.
func (s *Session) pop(q *queue) {
	e := q.front()
	s.ledger.done(e.seq, int(e.left))
	q.pop()
}

// advance takes n frames, of so many bytes, from the front of a queue; they are not needed any more.
func (s *Session) advance(q *queue, n int, bytes uint32) {
	s.ledger.done(q.front().seq, n)
	q.advance(n, bytes)
}

// release ends a message in flight.
func (s *Session) release(f *flight) {
	if s.ledger != nil {
		s.ledger.done(f.seq, 1)
		s.ledger.head = true
	}
	s.out.release(f)
}
