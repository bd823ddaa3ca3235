package session

import (
	"slices"

	"github.com/troupemq/troupe/protocol/packet"
)

// ledger is a durable Session's account of what a store has of it, and of what the store has to be told.
//
// Each frame with QoS 1 or 2 that the Session takes gets a Seq. It is fresh until Collect puts it on a page; the page is safe once the host
// says Committed. At any moment the frames that are still needed are, in the order of Seq: those in flight, those in queue, and from
// `from` on those that are on pages or fresh alone, and not in queue.
//
// Invariants: fresh and pages are in the order of Seq, and all of pages before all of fresh; from <= collected means that pages have to be
// loaded before what is fresh may be queued; live of a page counts its frames that are still needed, and is not 0.
type ledger struct {
	waits bool // what tells somebody that something is safe goes to Output.Held

	next      uint64 // Seq of the next frame
	fresh     []fresh
	pages     []page // those of which something is in flight or in queue
	gone      []Gone // finished, and to be removed from the store
	from      uint64 // frames from here on are not in queue
	collected uint64 // behind the last frame that was put on a page
	safe      uint64 // behind the last that was committed
	pending   []pending
	messages  int   // from `from` on
	bytes     int64 // of their frames
	lapse     int64 // Unix ms at which all of the first page from `from` on has lapsed; 0: it does not, or nobody knows
	coldAt    uint64
	cold      bool // messages in flight wait for their frames to be loaded, from coldAt on
	loading   bool // Output.Load was asked for

	record  bool                // the Record has changed
	head    bool                // the Head has
	filters map[string]struct{} // Topic Filters whose Subscriptions have changed
	over    bool                // the Session is over
	under   any                 // what Deliver is under
}

// fresh is what was taken and is on no page yet.
type fresh struct {
	Stored
	live  uint32 // frames that are still needed
	under any    // what the host wants to be asked about before it is collected
}

func (f *fresh) end() uint64 { return f.Seq + uint64(f.Count) }

// page is one that the store has, or is about to have.
type page struct {
	first  uint64
	end    uint64
	live   uint32
	bodies []uint64
}

// pending is a page that is not committed.
type pending struct {
	group uint64
	end   uint64
}

// Gone is a page of which nothing is needed any more.
type Gone struct {
	First  uint64
	Bodies []uint64 // what it shared with others
}

// Changes is what a store is to be told about a Session.
type Changes struct {
	Record  *Record        // nil: as before
	Filters []FilterChange // in the order of their names
	Head    *Head          // nil: as before
	Pages   []NewPage
	Gone    []Gone
	Ended   bool // the Session is over: all of it is to be removed
}

// FilterChange is a Subscription that was made, changed, or with nil ended.
type FilterChange struct {
	Filter       string
	Subscription *Subscription
}

// NewPage is a page to be written.
type NewPage struct {
	First  uint64
	Page   Page
	Bodies []uint64 // numbers of the shared Runs on it, each once
	Runs   []*packet.Run
}

// pageBytes is from how many bytes of frames on a page is full.
const pageBytes = 128 << 10

// keepBytes is how many bytes of frames a durable Session lets wait in memory for a Client that is connected.
const keepBytes = 256 << 10

// Persist makes the Session durable: it keeps account for a store. It is for a new Session. With waits, what tells
// the Client that something is safe goes to Output.Held.
func (s *Session) Persist(waits bool) {
	s.ledger = &ledger{waits: waits, next: 1, from: 1, collected: 1, safe: 1, record: true}
}

// Outlives tells whether the Session that a CONNECT makes may outlive its Network Connection.
func (s *Session) Outlives(c *packet.Connect) bool {
	if c.Version == packet.V5 {
		return s.limits.expiry(c.SessionExpiry) > 0
	}
	return !c.CleanStart && s.limits.ExpiryMaximum > 0
}

// Taken is how far frames were taken, Collected how far they were collected: by the Seq behind the last. What tells of a frame is safe
// with a group if it was collected with that, or before.
func (s *Session) Taken() uint64 { return s.ledger.next }

// Collected is explained at Taken.
func (s *Session) Collected() uint64 {
	if l := s.ledger; len(l.fresh) > 0 {
		return l.fresh[0].Seq
	}
	return s.ledger.next
}

// Durable tells whether Persist was called.
func (s *Session) Durable() bool { return s.ledger != nil }

// Under says what the messages of the next calls of Deliver are to be collected under: Collect asks for it. nil: nothing.
func (s *Session) Under(ticket any) {
	if s.ledger != nil {
		s.ledger.under = ticket
	}
}

// waits tells whether words of safety have to wait for a commit.
func (s *Session) waits() bool { return s.ledger != nil && s.ledger.waits }

// Dirty tells whether Collect would find something, leaving aside what it may not collect yet.
func (s *Session) Dirty() bool {
	l := s.ledger
	return l != nil && (l.record || l.head || l.over || len(l.fresh) > 0 || len(l.gone) > 0 || len(l.filters) > 0)
}

// take gives numbers to frames that are sent or put into queue. Nothing is spilled then.
func (l *ledger) take(r *packet.Run, t *Terms, offset, end, count uint32, at int64) (seq uint64) {
	if l == nil {
		return 0
	}
	seq = l.note(r, t, offset, end, count, at)
	l.from = l.next
	return seq
}

// cut says where the frames end that were taken last, which shows when they are sent.
func (l *ledger) cut(end uint32) {
	if l != nil {
		l.fresh[len(l.fresh)-1].End = end
	}
}

// note gives numbers to frames that the Session accepts, and keeps them as fresh.
func (l *ledger) note(r *packet.Run, t *Terms, offset, end, count uint32, at int64) (seq uint64) {
	r.Lent.Keep()
	seq = l.next
	l.next += uint64(count)
	l.head = true
	l.fresh = append(l.fresh, fresh{Stored: Stored{Run: r, Terms: t, At: at, Seq: seq, Offset: offset, End: end, Count: count}, live: count, under: l.under})
	return seq
}

// done notes that n frames from seq on are not needed any more.
func (l *ledger) done(seq uint64, n int) {
	if l == nil || seq == 0 || n == 0 {
		return
	}
	l.head = true
	if len(l.fresh) > 0 && seq >= l.fresh[0].Seq {
		at, _ := slices.BinarySearchFunc(l.fresh, seq, func(f fresh, seq uint64) int { return compareEnd(f.end(), seq) })
		if at < len(l.fresh) && l.fresh[at].Seq <= seq {
			l.fresh[at].live -= min(uint32(n), l.fresh[at].live)
		}
		return
	}
	at, _ := slices.BinarySearchFunc(l.pages, seq, func(p page, seq uint64) int { return compareEnd(p.end, seq) })
	if at == len(l.pages) || l.pages[at].first > seq {
		return // it was not loaded: when it is, nobody will need it
	}
	p := &l.pages[at]
	p.live -= min(uint32(n), p.live)
	if p.live == 0 {
		l.gone = append(l.gone, Gone{p.first, p.bodies})
		l.pages = slices.Delete(l.pages, at, at+1)
	}
}

// compareEnd orders what ends at end against what begins at seq.
func compareEnd(end, seq uint64) int {
	if end <= seq {
		return -1
	}
	return 1
}

// spilled tells whether there are frames that are not in queue.
func (l *ledger) spilled() bool { return l != nil && l.from < l.next }

// chilled tells whether messages in flight have to be loaded first.
func (l *ledger) chilled() bool { return l != nil && l.cold }

// changed notes a Topic Filter.
func (l *ledger) changed(filter string) {
	if l == nil {
		return
	}
	if l.filters == nil {
		l.filters = make(map[string]struct{})
	}
	l.filters[filter] = struct{}{}
}

// recorded notes that the Record has changed.
func (s *Session) recorded() {
	if s.ledger != nil {
		s.ledger.record = true
	}
}

// headed notes that the Head has changed.
func (s *Session) headed() {
	if s.ledger != nil {
		s.ledger.head = true
	}
}

// Collect gives what the store has to be told with a group, and takes it for told. Of what Deliver brought it takes the part, from the oldest
// on, for which in says yes; routed says so of Runs that the Client published with QoS 2; number makes numbers for Runs that several
// Sessions share. With quiet, the Record and the end of the Session are left for later.
func (s *Session) Collect(group uint64, in func(ticket any) bool, routed func(*packet.Run) bool, number func() uint64, quiet bool) Changes {
	l := s.ledger
	var c Changes
	if l == nil {
		return c
	}
	if l.over {
		if !quiet {
			c.Ended = true
			*l = ledger{waits: l.waits, next: l.next, from: l.next, collected: l.next, safe: l.next}
		}
		return c
	}
	if l.record && !quiet {
		c.Record = s.recordNow()
		l.record = false
	}
	if len(l.filters) > 0 {
		c.Filters = s.filterChanges()
		l.filters = nil
	}
	c.Pages = s.collectPages(group, in, number)
	c.Gone, l.gone = l.gone, nil
	if l.head {
		var whole bool
		c.Head, whole = s.headNow(routed)
		l.head = !whole
	}
	return c
}

func (s *Session) recordNow() *Record {
	u := s.unusual()
	return &Record{ClientID: s.clientID, Version: s.version, Expiry: s.expiry, EndAt: s.endAt, Will: u.will, WillAt: u.willAt}
}

func (s *Session) filterChanges() []FilterChange {
	changes := make([]FilterChange, 0, len(s.ledger.filters))
	for filter := range s.ledger.filters {
		change := FilterChange{Filter: filter}
		if at, ok := s.subs.find(filter); ok {
			sub := s.subs.list[at]
			change.Subscription = &sub
		}
		changes = append(changes, change)
	}
	slices.SortFunc(changes, func(a, b FilterChange) int { return compareText(a.Filter, b.Filter) })
	return changes
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// collectPages puts on pages what is fresh and may be.
func (s *Session) collectPages(group uint64, in func(ticket any) bool, number func() uint64) []NewPage {
	l := s.ledger
	var pages []NewPage
	taken, size := 0, 0
	var open *page
	lapse := int64(0)
	for ; taken < len(l.fresh) && in(l.fresh[taken].under); taken++ {
		f := &l.fresh[taken]
		l.collected = f.end()
		if f.live == 0 {
			continue
		}
		if open == nil || size >= pageBytes {
			s.keepPage(open, lapse)
			pages = append(pages, NewPage{First: f.Seq})
			open, size, lapse = &page{first: f.Seq}, 0, s.lapses(&f.Stored)
		}
		p := &pages[len(pages)-1]
		p.Page = append(p.Page, f.Stored)
		if f.Run.Body != nil {
			if id := f.Run.Body.ID(number); !slices.Contains(p.Bodies, id) {
				p.Bodies, p.Runs = append(p.Bodies, id), append(p.Runs, f.Run)
			}
		}
		open.end, open.bodies = f.end(), p.Bodies
		open.live += f.live
		size += int(f.End - f.Offset)
		if due := s.lapses(&f.Stored); due == 0 || lapse == 0 {
			lapse = 0
		} else {
			lapse = max(lapse, due)
		}
	}
	s.keepPage(open, lapse)
	if taken == 0 {
		return nil
	}
	l.pending = append(l.pending, pending{group, l.collected})
	clear(l.fresh[:taken])
	l.fresh = l.fresh[taken:]
	if len(l.fresh) == 0 {
		l.fresh = nil
	}
	return pages
}

// keepPage remembers a page of which something is in flight or in queue; the others are found again when they are loaded.
func (s *Session) keepPage(p *page, lapse int64) {
	l := s.ledger
	switch {
	case p == nil:
	case p.first < l.from:
		l.pages = append(l.pages, *p)
	case p.first == l.from:
		l.lapse = lapse
	}
}

// lapses is the Unix ms at which a message is of no use any more; 0: never.
func (s *Session) lapses(e *Stored) int64 {
	at := int64(0)
	if e.Run.HasExpiry {
		at = due(e.Run, e.At)
	}
	if age := s.limits.Queue.Age; age > 0 && (at == 0 || e.At+age < at) {
		at = e.At + age
	}
	return at
}

// headNow is the Head as it has to be for what was collected, and tells whether that is all there is.
func (s *Session) headNow(routed func(*packet.Run) bool) (h *Head, whole bool) {
	l := s.ledger
	h = &Head{Next: l.next, Queue: l.from, NextID: s.nextID, Lapse: l.lapse}
	if e := s.queue.front(); e != nil {
		h.Queue = e.seq
	}
	h.Messages, h.Bytes = s.waiting()
	for i := range l.fresh { // what the store does not have yet is not counted as there
		f := &l.fresh[i]
		if f.end() > h.Queue {
			skip := uint64(0)
			if h.Queue > f.Seq {
				skip = h.Queue - f.Seq
			}
			h.Messages -= int(uint64(f.Count) - skip)
			h.Bytes -= int64(f.End - frameAt(f.Run, f.Offset, skip))
		}
	}
	h.Messages, h.Bytes = max(0, h.Messages), max(0, h.Bytes)
	if w := s.out; w != nil {
		for p := w.head; p != w.tail; p++ {
			if f := w.at(p); f.step != free {
				h.Inflight = append(h.Inflight, Inflight{ID: w.id(p), Step: uint8(f.step), Seq: f.seq})
			}
		}
	}
	whole = true
	if in := s.in; in != nil {
		h.Received, whole = in.received(routed)
	}
	return h, whole
}

// received is the Packet Identifiers that are safe with what is collected, or were before, and whether these are all.
func (in *inbound) received(routed func(*packet.Run) bool) (ids []uint16, whole bool) {
	whole = true
	in.ids.each(func(e *uint32) {
		if *e&idRouted != 0 {
			ids = append(ids, uint16(*e>>8))
		}
	})
	for _, r := range in.routing[in.first:] {
		switch {
		case r.run.QoS != packet.QoS2:
		case !r.done && !routed(r.run):
			whole = false
		case !r.code.IsError():
			eachID(r.run, func(id uint16) {
				if e := in.ids.find(id); e != nil && *e&idRouted == 0 {
					ids = append(ids, id)
				}
			})
		}
	}
	return ids, whole
}

// frameAt is the offset of the frame that is n behind the one at offset.
func frameAt(r *packet.Run, offset uint32, n uint64) uint32 {
	for ; n > 0; n-- {
		offset += uint32(frameSize(r.Frames[offset:]))
	}
	return offset
}

// waiting is what Backlog has of QoS 1 and 2.
func (s *Session) waiting() (messages int, bytes int64) {
	if s.queue != nil {
		messages, bytes = s.queue.messages, s.queue.bytes
	}
	if s.ledger != nil {
		messages += s.ledger.messages
		bytes += s.ledger.bytes
	}
	return messages, bytes
}

// Committed tells that the store has what was collected with a group, and all before it.
func (s *Session) Committed(group uint64, now int64, out *Output) {
	l := s.ledger
	if l == nil {
		return
	}
	n := 0
	for n < len(l.pending) && l.pending[n].group <= group {
		l.safe = l.pending[n].end
		n++
	}
	l.pending = slices.Delete(l.pending, 0, n)
	if len(l.pending) == 0 {
		l.pending = nil
	}
	if s.state == attached {
		s.drain(now, out)
	}
}
