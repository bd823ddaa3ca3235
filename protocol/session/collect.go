package session

import (
	"slices"
	"strings"

	"github.com/troupemq/troupe/protocol/packet"
)

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

// Gone is a page of which nothing is needed any more.
type Gone struct {
	First  uint64
	Bodies []uint64 // what it shared with others
}

// Collect gives what the store has to be told with a group, and takes it for told. Of what Deliver brought it takes that
// for which in says yes; routed says so of Runs that the Client published with QoS 2; number makes numbers for Runs that several
// Sessions share. With quiet, the Record and the end of the Session are left for later: what Gate holds back waits for them.
func (s *Session) Collect(group uint64, in func(ticket any) bool, routed func(*packet.Run) bool, number func() uint64, quiet bool) Changes {
	l := s.ledger
	var c Changes
	if l == nil {
		return c
	}
	if l.over {
		if !quiet {
			c.Ended = true
			*l = ledger{waits: l.waits, next: l.next, from: l.next, sent: l.next, ready: l.next}
		}
		return c
	}
	l.urgent = false
	if l.record && (!quiet || !l.there) { // a store without it has nothing of the Session
		c.Record = s.recordNow()
		l.record, l.there = false, true
	}
	if len(l.filters) > 0 {
		c.Filters = s.filterChanges()
		l.filters = nil
	}
	c.Pages = s.collectPages(in, number)
	c.Gone, l.gone = l.gone, nil
	if l.head || l.part {
		h, whole := s.headNow(routed)
		if l.head || whole || len(h.Received) != l.received {
			c.Head = h
		}
		l.head, l.part, l.received = false, !whole, len(h.Received)
	}
	if c.Record == nil && c.Filters == nil && c.Head == nil && len(c.Pages) == 0 && len(c.Gone) == 0 {
		return c
	}
	l.pending = append(l.pending, pending{group: group, sent: l.sent, record: c.Record != nil})
	for i := range c.Pages {
		p := c.Pages[i].Page
		last := &p[len(p)-1]
		l.pending = append(l.pending, pending{group: group, first: c.Pages[i].First, end: last.Seq + uint64(last.Count), sent: l.sent})
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
	slices.SortFunc(changes, func(a, b FilterChange) int { return strings.Compare(a.Filter, b.Filter) })
	return changes
}

// collectPages puts on pages what is fresh and may be. A page ends where something may not, or is on another.
func (s *Session) collectPages(in func(ticket any) bool, number func() uint64) []NewPage {
	l := s.ledger
	var pages []NewPage
	var open page
	size, lapse, most := 0, int64(0), s.limits.pageBytes()
	behind := uint64(0)
	end := func() {
		if open.end > 0 {
			s.keepPage(open, lapse)
		}
		open = page{}
	}
	kept := l.fresh[:0]
	for i := range l.fresh {
		f := &l.fresh[i]
		if f.Seq != behind {
			end()
		}
		behind = f.end()
		if !in(f.under) {
			end()
			kept = append(kept, *f)
			continue
		}
		l.head = true
		l.unwritten -= int64(f.End - f.Offset)
		if f.live == 0 {
			continue
		}
		if size >= most {
			end()
		}
		due := s.lapses(&f.Stored)
		if open.end == 0 {
			pages = append(pages, NewPage{First: f.Seq})
			open, size, lapse = page{first: f.Seq}, 0, due
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
		lapse = later(lapse, due)
	}
	end()
	clear(l.fresh[len(kept):])
	l.fresh = kept
	if len(kept) == 0 {
		l.fresh = nil
	}
	return pages
}

// keepPage remembers a page of which something is in flight or in queue; the others are found again when they are loaded.
func (s *Session) keepPage(p page, lapse int64) {
	l := s.ledger
	if p.first < l.from {
		l.keep(p)
	}
	if p.first <= l.from && l.from < p.end {
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

// later is the later of two times; 0 is never.
func later(a, b int64) int64 {
	if a == 0 || b == 0 {
		return 0
	}
	return max(a, b)
}

// headNow is the Head as it has to be with what was collected, and tells whether that is all there is. What is in flight and was not
// collected is left out: after a crash its publisher sends it again.
func (s *Session) headNow(routed func(*packet.Run) bool) (h *Head, whole bool) {
	l := s.ledger
	h = &Head{Next: l.next, Queue: l.from, NextID: s.nextID, Lapse: s.lapse()}
	if e := s.queue.front(); e != nil {
		h.Queue = e.seq
	}
	h.Messages, h.Bytes = s.waiting()
	for i := l.freshAt(h.Queue); i < len(l.fresh); i++ {
		e := l.fresh[i].rest(h.Queue)
		h.Messages -= int(e.left)
		h.Bytes -= int64(e.end - e.offset)
	}
	if w := s.out; w != nil {
		for p := w.head; p != w.tail; p++ {
			f := w.at(p)
			if f.step == free {
				continue
			}
			if i := l.freshAt(f.seq); f.seq != 0 && i < len(l.fresh) && l.fresh[i].Seq <= f.seq {
				continue
			}
			h.Inflight = append(h.Inflight, Inflight{ID: w.id(p), Step: uint8(f.step), Seq: f.seq})
		}
	}
	whole = true
	if in := s.in; in != nil {
		h.Received, whole = in.received(routed)
	}
	if s.limits.Bridge {
		h.Since = s.Oldest()
		h.Peer, h.Left = s.unusual().peers.now(s.in, routed)
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
		case r.run.QoS != packet.QoS2 || r.peer != "":
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

// Committed tells that the store has what was collected with a group, and all before it. What waited for that is written.
func (s *Session) Committed(group uint64, now int64, out *Output) {
	l := s.ledger
	if l == nil {
		return
	}
	n := 0
	for n < len(l.pending) && l.pending[n].group <= group {
		l.ready = max(l.ready, l.pending[n].sent)
		n++
	}
	l.pending = slices.Delete(l.pending, 0, n)
	if len(l.pending) == 0 {
		l.pending = nil
	}
	if s.state != ended {
		s.trim(now, out)
		s.drain(now, out)
	}
}
