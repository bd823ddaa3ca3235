package session

// loadLow is the number of messages in queue below which more are loaded.
const loadLow = 256

// Load asks the host for pages from that which holds From on. It answers with Loaded.
type Load struct{ From uint64 }

// LoadedPage is one page as the store has it.
type LoadedPage struct {
	First  uint64
	Page   Page
	Bodies []uint64
}

// stash lets frames wait in the ledger alone: on a page, or until they are on one.
func (s *Session) stash(e queued) {
	l := s.ledger
	if s.state != attached {
		e.run = e.run.Owned()
	}
	l.note(e.run, e.terms, e.offset, e.end, e.left, e.at)
	l.messages += int(e.left)
	l.bytes += int64(e.end - e.offset)
}

// stashes tells whether what comes is to wait in the ledger and not in queue.
func (s *Session) stashes() bool {
	return s.ledger != nil && (s.ledger.spilled() || s.state != attached || s.queue != nil && s.queue.bytes >= keepBytes)
}

// spill lets go of what waits in queue: it is on pages, or fresh.
func (s *Session) spill() {
	l, q := s.ledger, s.queue
	if l == nil || q == nil {
		return
	}
	if e := q.front(); e != nil {
		l.from = e.seq
		l.messages += q.messages
		l.bytes += q.bytes
		l.lapse = q.lapsesAt(s)
		kept := l.pages[:0]
		for _, p := range l.pages {
			if p.first < l.from {
				kept = append(kept, p)
			}
		}
		l.pages = kept
		l.head = true
	}
	s.queue = nil
}

// lapsesAt is when all that waits has lapsed; 0: not.
func (q *queue) lapsesAt(s *Session) int64 {
	at := int64(0)
	for i := range q.n {
		e := q.index(i)
		due := s.lapses(&Stored{Run: e.run, At: e.at})
		if due == 0 {
			return 0
		}
		at = max(at, due)
	}
	return at
}

// load asks for pages if something needs them that is there.
func (s *Session) load(out *Output) {
	l := s.ledger
	if l == nil || l.loading {
		return
	}
	switch {
	case l.cold:
		out.Load = &Load{l.coldAt}
	case l.from < l.safe:
		out.Load = &Load{l.from}
	default:
		return
	}
	l.loading = true
}

// refill keeps queue filled while the Client takes from it.
func (s *Session) refill(out *Output) {
	l := s.ledger
	if l == nil || !l.cold && !l.spilled() || s.queue != nil && s.queue.messages >= loadLow {
		return
	}
	if !l.cold && l.from >= l.collected {
		s.adopt()
		return
	}
	s.load(out)
}

// adopt puts into queue what is fresh: everything on pages is there already.
func (s *Session) adopt() {
	l := s.ledger
	for i := range l.fresh {
		f := &l.fresh[i]
		if f.end() <= l.from {
			continue
		}
		skip := uint64(0)
		if l.from > f.Seq {
			skip = l.from - f.Seq
		}
		offset := frameAt(f.Run, f.Offset, skip)
		s.requeue(queued{run: f.Run, terms: f.Terms, at: f.At, offset: offset, end: f.End, left: f.Count - uint32(skip), seq: f.Seq + skip})
	}
	l.from, l.messages, l.bytes, l.lapse = l.next, 0, 0, 0
}

// requeue puts into queue what waited in the ledger.
func (s *Session) requeue(e queued) {
	if s.queue == nil {
		s.queue = &queue{}
	}
	s.order++
	e.order = s.order
	s.queue.push(e)
}

// Loaded brings the pages that Load asked for, in their order; last: there are none behind them.
func (s *Session) Loaded(pages []LoadedPage, last bool, now int64, out *Output) {
	l := s.ledger
	if l == nil || s.state == ended {
		return
	}
	l.loading = false
	for i := range pages {
		s.loadPage(&pages[i])
	}
	if last {
		l.cold = false
		if l.from < l.safe { // pages that should be there are not: what waits is what is not written yet
			s.missing(out)
		}
	}
	if !l.cold && s.out != nil {
		s.out.lost()
	}
	s.age(now)
	s.trim(now, out)
	if s.state != attached {
		s.expire(now, out)
		return
	}
	s.drain(now, out)
}

// loadPage takes the frames of one page that are needed.
func (s *Session) loadPage(p *LoadedPage) {
	l := s.ledger
	live, end := uint32(0), p.First
	for i := range p.Page {
		e := &p.Page[i]
		end = e.Seq + uint64(e.Count)
		live += s.warm(e)
		if end <= l.from {
			continue
		}
		skip := uint64(0)
		if l.from > e.Seq {
			skip = l.from - e.Seq
		}
		offset := frameAt(e.Run, e.Offset, skip)
		left := e.Count - uint32(skip)
		s.requeue(queued{run: e.Run, terms: e.Terms, at: e.At, offset: offset, end: e.End, left: left, seq: e.Seq + skip})
		live += left
		l.messages -= int(left)
		l.bytes -= int64(e.End - offset)
		l.from = end
	}
	if l.cold {
		l.coldAt = max(l.coldAt, end)
		l.cold = s.out.coldAfter(end)
	}
	s.account(p, end, live)
}

// account remembers a page that was loaded, unless it is known.
func (s *Session) account(p *LoadedPage, end uint64, live uint32) {
	l := s.ledger
	at := 0
	for at < len(l.pages) && l.pages[at].first < p.First {
		at++
	}
	switch {
	case at < len(l.pages) && l.pages[at].first == p.First:
	case live == 0:
		l.gone = append(l.gone, Gone{p.First, p.Bodies})
	default:
		l.pages = append(l.pages, page{})
		copy(l.pages[at+1:], l.pages[at:])
		l.pages[at] = page{first: p.First, end: end, live: live, bodies: p.Bodies}
	}
}

// warm gives messages in flight their frames, and counts those of e that are in flight.
func (s *Session) warm(e *Stored) (live uint32) {
	w := s.out
	if w == nil {
		return 0
	}
	for p := w.head; p != w.tail; p++ {
		f := w.at(p)
		if f.step == free || f.seq < e.Seq || f.seq >= e.Seq+uint64(e.Count) {
			continue
		}
		live++
		if f.run == nil {
			f.run, f.terms, f.at = e.Run, e.Terms, e.At
			f.offset = frameAt(e.Run, e.Offset, f.seq-e.Seq)
		}
	}
	return live
}

// coldAfter tells whether a message in flight from seq on has no frame.
func (w *window) coldAfter(seq uint64) bool {
	if w == nil {
		return false
	}
	for p := w.head; p != w.tail; p++ {
		if f := w.at(p); f.run == nil && f.seq >= seq && (f.step == puback || f.step == pubrec) {
			return true
		}
	}
	return false
}

// lost ends what is in flight by the Head and on no page: it was sent and never safe, so its publisher sends it again.
func (w *window) lost() {
	for p := w.head; p != w.tail; p++ {
		if f := w.at(p); f.run == nil && (f.step == puback || f.step == pubrec) {
			w.release(f)
		}
	}
}

// missing goes on behind pages that are not there.
func (s *Session) missing(out *Output) {
	l := s.ledger
	l.from = l.safe
	messages, bytes := 0, int64(0)
	for i := range l.fresh {
		messages += int(l.fresh[i].Count)
		bytes += int64(l.fresh[i].End - l.fresh[i].Offset)
	}
	if lost := l.messages - messages; lost > 0 && l.from == l.collected {
		out.Counts.DroppedBroken += uint64(lost)
		l.messages, l.bytes = messages, bytes
	}
	l.head = true
}

// trim drops the oldest while more waits than may, if that is the policy. It asks for pages if what is to be dropped is there.
func (s *Session) trim(now int64, out *Output) {
	q := &s.limits.Queue
	if s.ledger == nil || q.Overflow != DropOldest || s.patient(now) {
		return
	}
	for {
		messages, bytes := s.waiting()
		if (q.Messages <= 0 || messages <= q.Messages) && (q.Bytes <= 0 || bytes <= q.Bytes) {
			return
		}
		if !s.dropOldest(out) {
			return
		}
	}
}

// dropOldest drops the message that has waited longest. It returns false if that is not in memory.
func (s *Session) dropOldest(out *Output) bool {
	l := s.ledger
	if e := s.queue.front(); e != nil {
		out.Counts.DroppedQueueFull++
		s.advance(s.queue, 1, uint32(frameSize(e.run.Frames[e.offset:])))
		return true
	}
	if l == nil {
		return false
	}
	if l.from < l.collected {
		s.load(out)
		return false
	}
	for i := range l.fresh {
		f := &l.fresh[i]
		if f.end() <= l.from {
			continue
		}
		at := frameAt(f.Run, f.Offset, max(l.from, f.Seq)-f.Seq)
		size := frameSize(f.Run.Frames[at:])
		seq := max(l.from, f.Seq)
		l.from = seq + 1
		l.messages--
		l.bytes -= int64(size)
		l.done(seq, 1)
		out.Counts.DroppedQueueFull++
		return true
	}
	return false
}

// expire drops what lapsed at the front, for a Client that is away, and asks for the next page if it may have lapsed too.
func (s *Session) expire(now int64, out *Output) {
	for e := s.queue.front(); e != nil && s.lapsed(e, now); e = s.queue.front() {
		s.dropLapsed(s.queue, e, now, out)
	}
	l := s.ledger
	if l == nil || s.state == attached {
		return
	}
	if l.lapse != 0 && l.lapse <= now && s.queue.front() == nil {
		l.lapse = 0
		l.head = true
		s.load(out)
		return
	}
	if s.queue != nil && !s.overfull() {
		s.spill()
	}
}

// overfull tells whether so much waits that the next message drops another.
func (s *Session) overfull() bool {
	q := &s.limits.Queue
	messages, bytes := s.waiting()
	return q.Messages > 0 && messages >= q.Messages || q.Bytes > 0 && bytes >= q.Bytes-q.Bytes/8
}

// dropLapsed takes what expired or waited too long from the front of a queue.
func (s *Session) dropLapsed(q *queue, e *queued, now int64, out *Output) {
	counter := &out.Counts.DroppedAged
	if expired(e.run, e.at, now) {
		counter = &out.Counts.DroppedExpired
	}
	*counter += uint64(s.pop(q))
}

// pop takes the whole front of a queue and returns how many frames that was.
func (s *Session) pop(q *queue) int {
	e := q.front()
	s.ledger.done(e.seq, int(e.left))
	return q.pop()
}

// advance takes n frames, of so many bytes, from the front of a queue; they are not needed any more.
func (s *Session) advance(q *queue, n int, bytes uint32) {
	s.ledger.done(q.front().seq, n)
	q.advance(n, bytes)
}

// release ends a message in flight.
func (s *Session) release(f *flight) {
	s.ledger.done(f.seq, 1)
	s.headed()
	s.out.release(f)
}
