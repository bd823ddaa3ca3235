package session

import "slices"

// Load asks the host for pages from that which holds From on. It answers once with Loaded.
type Load struct{ From uint64 }

// LoadedPage is one page as the store has it.
type LoadedPage struct {
	First  uint64
	Page   Page
	Bodies []uint64
}

// end is the Seq behind the last frame.
func (p *LoadedPage) end() uint64 {
	if len(p.Page) == 0 {
		return p.First
	}
	last := &p.Page[len(p.Page)-1]
	return last.Seq + uint64(last.Count)
}

// load asks for pages if something needs them that is there.
func (s *Session) load(out *Output) {
	l := s.ledger
	if l.loading {
		return
	}
	l.asked, l.limit, l.whole = l.from, l.stored(), l.cold && s.state == attached
	switch {
	case l.whole:
		out.Load = &Load{l.coldAt}
	case l.from < l.limit:
		out.Load = &Load{l.from}
	default:
		return // until that is committed
	}
	l.loading = true
}

// refill keeps queue filled while the Client takes from it.
func (s *Session) refill(out *Output) {
	l := s.ledger
	for l != nil && (l.cold || l.spilled() && s.low(out)) {
		i := l.freshAt(l.from)
		if l.cold || i == len(l.fresh) || l.fresh[i].Seq > l.from {
			s.load(out)
			return
		}
		f := &l.fresh[i]
		e := f.rest(l.from)
		s.requeue(e)
		l.pass(f.end(), int(e.left), int64(e.end-e.offset))
		s.balance(out)
	}
}

// low tells whether so little is in queue that more is to be loaded: where memory is scarce nothing, and the Client takes something.
func (s *Session) low(out *Output) bool {
	if s.scarce(out) {
		return s.queue.front() == nil && s.room() > 0
	}
	return s.queue == nil || s.queue.messages < s.limits.loadLow()
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

// balance counts what should have waited when nothing does any more.
func (s *Session) balance(out *Output) {
	if l := s.ledger; l.from == l.next {
		out.Counts.DroppedBroken += uint64(max(0, l.messages))
		l.messages, l.bytes, l.lapse, l.since = 0, 0, 0, 0
	}
}

// Loaded brings the pages that Load asked for, in their order; last: there are none behind them.
func (s *Session) Loaded(pages []LoadedPage, last bool, now int64, out *Output) {
	l := s.ledger
	if l == nil || !l.loading {
		return
	}
	l.loading = false
	follows := l.asked <= l.from // else what waits was let go of meanwhile, and these are not the next
	for i := range pages {
		p := &pages[i]
		if p.First >= l.limit {
			last = true // there may be some between that were committed since
			break
		}
		s.loadPage(p, follows)
		if l.whole {
			l.coldAt = max(l.coldAt, p.end())
		}
	}
	if last && follows && l.from < l.limit {
		l.pass(l.limit, 0, 0)
		l.head = true
	}
	if l.whole && l.cold && (last || l.coldAt >= l.coldEnd) {
		s.warmed(out)
	}
	s.balance(out)
	s.trim(now, out)
	if s.queue.front() != nil {
		s.age(now)
	}
	if s.state != attached {
		s.expire(now, out)
		return
	}
	s.drain(now, out)
}

// loadPage takes the frames of one page that are needed, those that wait if follows.
func (s *Session) loadPage(p *LoadedPage, follows bool) {
	l := s.ledger
	end, known := p.end(), true
	if i := l.pageAt(p.First); i == len(l.pages) || l.pages[i].first > p.First {
		known = false
	}
	cold := l.whole && l.cold && p.First >= l.coldAt && p.First < l.coldEnd
	straddles := p.First < l.from && l.from < end
	if !cold && end <= l.from || !follows && p.First >= l.from {
		return // nothing of it is wanted
	}
	live := uint32(0)
	for i := range p.Page {
		e := &p.Page[i]
		if p.First < l.coldEnd || straddles {
			live += s.warm(e)
		}
		waits := e.rest(l.from)
		live += waits.left
		if follows && waits.left > 0 {
			s.requeue(waits)
			l.pass(e.Seq+uint64(e.Count), int(waits.left), int64(waits.end-waits.offset))
		}
	}
	switch {
	case known:
	case live > 0:
		l.keep(page{first: p.First, end: end, live: live, bodies: p.Bodies})
	case cold:
		l.gone = append(l.gone, Gone{p.First, p.Bodies})
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

// warmed tells that all pages of what is in flight were loaded: what has no frame now is broken.
func (s *Session) warmed(out *Output) {
	l := s.ledger
	l.cold = false
	l.pages = slices.DeleteFunc(l.pages, func(p page) bool { return p.live == 0 })
	w := s.out
	if w == nil {
		return
	}
	for p := w.head; p != w.tail; p++ {
		if f := w.at(p); f.run == nil && (f.step == puback || f.step == pubrec) {
			out.Counts.DroppedBroken++
			s.headed()
			w.release(f)
		}
	}
}
