package session_test

import (
	"bytes"
	"slices"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// shelf is what a store has of one Session.
type shelf struct {
	record  *session.Record
	head    *session.Head
	filters map[string]session.Subscription
	pages   map[uint64]session.LoadedPage
	bodies  map[uint64]int // pages that refer to each
	ended   bool
}

func newShelf() *shelf {
	return &shelf{
		filters: make(map[string]session.Subscription), pages: make(map[uint64]session.LoadedPage), bodies: make(map[uint64]int),
	}
}

// failer is what ends a test: of testing, or of rapid.
type failer interface{ Fatalf(format string, a ...any) }

// apply makes the changes of a group. tight: no page may be there of which nothing is needed.
func (h *shelf) apply(t failer, c *session.Changes, tight bool) {
	if c.Ended {
		*h = *newShelf()
		h.ended = true
		return
	}
	if c.Record != nil {
		h.record = c.Record
	}
	for _, f := range c.Filters {
		if f.Subscription == nil {
			delete(h.filters, f.Filter)
		} else {
			h.filters[f.Filter] = *f.Subscription
		}
	}
	for i := range c.Pages {
		p := &c.Pages[i]
		if _, ok := h.pages[p.First]; ok || len(p.Page) == 0 || p.Page[0].Seq != p.First || len(p.Bodies) != len(p.Runs) {
			t.Fatalf("page %d cannot be written: %+v", p.First, p)
		}
		h.pages[p.First] = session.LoadedPage{First: p.First, Page: encoded(p.Page), Bodies: slices.Clone(p.Bodies)}
		for _, id := range p.Bodies {
			h.bodies[id]++
		}
	}
	for _, g := range c.Gone {
		p, ok := h.pages[g.First]
		if !ok || !slices.Equal(p.Bodies, g.Bodies) {
			t.Fatalf("page %d with bodies %v is to go, there is %v", g.First, g.Bodies, p.Bodies)
		}
		delete(h.pages, g.First)
		for _, id := range g.Bodies {
			if h.bodies[id]--; h.bodies[id] == 0 {
				delete(h.bodies, id)
			}
		}
	}
	if c.Head != nil {
		h.head = c.Head
		h.check(t, tight)
	}
}

// check holds what the Head says against the pages.
func (h *shelf) check(t failer, tight bool) {
	messages, size := 0, int64(0)
	flying := make(map[uint64]bool)
	for _, f := range h.head.Inflight {
		if f.Step < 3 || f.Seq != 0 {
			flying[f.Seq] = true
		}
	}
	for first, p := range h.pages {
		needed := 0
		for _, e := range p.Page {
			at := e.Offset
			for seq := e.Seq; seq < e.Seq+uint64(e.Count); seq++ {
				header, _, _ := packet.ReadHeader(e.Run.Frames[at:], 0)
				if seq >= h.head.Queue {
					messages++
					size += int64(header.FrameSize())
					needed++
				} else if flying[seq] {
					delete(flying, seq)
					needed++
				}
				at += uint32(header.FrameSize())
			}
			if at != e.End {
				t.Fatalf("the frames from %d on end at %d, not at %d", e.Seq, at, e.End)
			}
		}
		if needed == 0 && tight {
			t.Fatalf("nothing of page %d is needed: %+v", first, h.head)
		}
	}
	if messages != h.head.Messages || size != h.head.Bytes {
		t.Fatalf("%d messages of %d bytes wait, the Head says %+v", messages, size, h.head)
	}
	if len(flying) > 0 {
		t.Fatalf("on no page: %v", flying)
	}
}

// leftover tells whether the present Peer was sent something with this Packet Identifier before it was left.
func (h *shelf) leftover(id uint16) bool {
	if h.head == nil {
		return false
	}
	for _, l := range h.head.Left {
		if l.Peer == h.head.Peer && slices.ContainsFunc(l.Sent, func(f session.Inflight) bool { return f.ID == id }) {
			return true
		}
	}
	return false
}

// read gives pages from that which holds a Seq on, so many at most.
func (h *shelf) read(from uint64, most int) (pages []session.LoadedPage, last bool) {
	all := make([]session.LoadedPage, 0, len(h.pages))
	for _, p := range h.pages {
		tail := p.Page[len(p.Page)-1]
		if tail.Seq+uint64(tail.Count) > from {
			all = append(all, session.LoadedPage{First: p.First, Page: encoded(p.Page), Bodies: slices.Clone(p.Bodies)})
		}
	}
	slices.SortFunc(all, func(a, b session.LoadedPage) int { return int(a.First) - int(b.First) })
	if len(all) > most {
		return all[:most], false
	}
	return all, true
}

// encoded is a page as it comes back from a store.
func encoded(p session.Page) session.Page {
	copied := make(session.Page, len(p))
	for i, e := range p {
		r := &packet.Run{
			Version: e.Run.Version, QoS: e.Run.QoS, Retain: e.Run.Retain, HasExpiry: e.Run.HasExpiry, Expiry: e.Run.Expiry, Deadline: e.Run.Deadline,
		}
		if e.Run.Body != nil {
			r.Frames, r.Count, r.Body = bytes.Clone(e.Run.Frames), e.Run.Count, packet.Known(e.Run.Body.ID(nil))
		} else {
			r.Frames, r.Count = bytes.Clone(e.Run.Frames[e.Offset:e.End]), int(e.Count)
			e.Offset, e.End = 0, e.End-e.Offset
		}
		measure(r)
		e.Run = r
		copied[i] = e
	}
	return copied
}

// measure sets what follows from the frames of a Run.
func measure(r *packet.Run) {
	l := packet.LayoutOf(r.Frames, r.Version)
	r.Topic, r.Slab = r.Frames[l.Topic:l.TopicEnd], cap(r.Frames)
	for rest := r.Frames; len(rest) > 0; {
		header, _, _ := packet.ReadHeader(rest, 0)
		r.Largest = max(r.Largest, header.FrameSize())
		rest = rest[header.FrameSize():]
	}
}
