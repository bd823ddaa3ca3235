package session

import (
	"slices"
	"sort"

	"github.com/troupemq/troupe/protocol/packet"
)

// ledger is a durable Session's account of what a store has of it, and of what the store has to be told.
//
// Each frame with QoS 1 or 2 that the Session takes gets a Seq. It is fresh until Collect puts it on a page; the page is safe once the host
// says Committed. The frames that are still needed are, in the order of Seq: those in flight, those in queue, and all from `from` on, which
// are in the ledger alone: fresh, or on pages that have to be loaded before they may be queued. What is fresh may be older than what is on
// pages, since it waits for its ticket.
//
// Invariants: fresh, and pages, are in the order of Seq, and none lies within another; pages are those that begin before `from`, unless
// they are still to be loaded; live of a page counts its frames that are needed; messages and bytes are those from `from` on; unwritten is the sum over fresh.
type ledger struct {
	waits   bool // what tells somebody that something is safe has to wait until it is
	loading bool // Output.Load was asked for
	cold    bool // messages in flight wait for their frames to be loaded: from coldAt on, before coldEnd
	whole   bool // that Load asked for those
	record  bool // the Record has changed
	there   bool // the Record was collected before
	head    bool // the Head has
	urgent  bool // the Client waits for that
	part    bool // the last Head did not have all of what the Client published
	over    bool // the Session is over

	next      uint64 // Seq of the next frame
	from      uint64 // frames from here on are not in queue
	sent      uint64 // behind the last frame that got a Packet Identifier
	ready     uint64 // the same, as of what is committed
	asked     uint64 // from, when a Load was asked for
	limit     uint64 // all pages between these were safe then
	coldAt    uint64
	coldEnd   uint64
	fresh     []fresh
	pages     []page
	pending   []pending
	gone      []Gone // finished, and to be removed from the store
	messages  int    // from `from` on
	bytes     int64  // of their frames
	unwritten int64  // bytes of all that is fresh
	since     int64  // Unix ms since when the oldest of them has waited; 0: not known
	lapse     int64  // Unix ms at which all of the page at `from` has lapsed, or when to look; 0: it does not
	received  int    // Packet Identifiers in the last Head, if that had but a part

	filters map[string]struct{} // Topic Filters whose Subscriptions have changed
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
	live   uint32 // 0: it is gone, and remembered until the pages around it were loaded
	bodies []uint64
}

// pending is what was collected with a group that is not committed: a page, or if first is end none.
type pending struct {
	group      uint64
	first, end uint64
	sent       uint64 // as it was then
	record     bool   // the Record was collected
}

// Persist makes the Session durable: it keeps account for a store. It is for a new Session. With waits, what tells
// the Client that something is safe has to wait for a commit.
func (s *Session) Persist(waits bool) {
	s.ledger = &ledger{waits: waits, next: 1, from: 1, sent: 1, ready: 1, record: true}
}

// Durable tells whether Persist was called.
func (s *Session) Durable() bool { return s.ledger != nil }

// Outlives tells whether a new Session of the Client that sends c would outlive its connection: one that does not is not
// worth keeping.
func (s *Session) Outlives(c *packet.Connect) bool { return s.limits.Outlives(c) }

// Taken is how far frames were taken: the Seq behind the last.
func (s *Session) Taken() uint64 { return s.ledger.next }

// Collected is how far all frames were collected: the Seq behind the last of those. Some behind it may have been, too.
func (s *Session) Collected() uint64 {
	if l := s.ledger; len(l.fresh) > 0 {
		return l.fresh[0].Seq
	}
	return s.ledger.next
}

// Under says what the messages of the next calls of Deliver are to be collected under: Collect asks for it. nil: nothing.
func (s *Session) Under(ticket any) {
	if s.ledger != nil {
		s.ledger.under = ticket
	}
}

// waits tells whether words of safety have to wait for a commit.
func (s *Session) waits() bool { return s.ledger != nil && s.ledger.waits }

// Dirty tells whether there is something to collect. What Collect may not take yet counts too.
func (s *Session) Dirty() bool {
	l := s.ledger
	return l != nil && (l.record || l.head || l.part || l.over || len(l.fresh) > 0 || len(l.gone) > 0 || len(l.filters) > 0)
}

// Urgent tells whether the Client waits for what there is to collect, apart from what the host holds: for messages with QoS 2.
func (s *Session) Urgent() bool { return s.ledger != nil && s.ledger.urgent }

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
		last := &l.fresh[len(l.fresh)-1]
		l.unwritten -= int64(last.End - end)
		last.End = end
	}
}

// note gives numbers to frames that the Session accepts, and keeps them as fresh.
func (l *ledger) note(r *packet.Run, t *Terms, offset, end, count uint32, at int64) (seq uint64) {
	r.Lent.Keep()
	seq = l.next
	l.next += uint64(count)
	l.head = true
	l.unwritten += int64(end - offset)
	l.fresh = append(l.fresh, fresh{Stored: Stored{Run: r, Terms: t, At: at, Seq: seq, Offset: offset, End: end, Count: count}, live: count, under: l.under})
	return seq
}

// done notes that n frames from seq on, which were taken together, are not needed any more.
func (l *ledger) done(seq uint64, n int) {
	if l == nil || seq == 0 || n == 0 {
		return
	}
	l.head = true
	if i := l.freshAt(seq); i < len(l.fresh) && l.fresh[i].Seq <= seq {
		l.fresh[i].live -= min(uint32(n), l.fresh[i].live)
		return
	}
	i := l.pageAt(seq)
	if i == len(l.pages) || l.pages[i].first > seq || l.pages[i].live == 0 {
		return // it was not loaded: when it is, nobody will need it
	}
	p := &l.pages[i]
	p.live -= min(uint32(n), p.live)
	if p.live > 0 {
		return
	}
	l.gone = append(l.gone, Gone{p.first, p.bodies})
	if l.cold && p.first < l.coldEnd {
		p.bodies = nil // it may be loaded once more
		return
	}
	l.pages = slices.Delete(l.pages, i, i+1)
}

// freshAt is the place of the first of fresh that ends behind seq, pageAt that of the first of pages.
func (l *ledger) freshAt(seq uint64) int {
	return sort.Search(len(l.fresh), func(i int) bool { return l.fresh[i].end() > seq })
}

func (l *ledger) pageAt(seq uint64) int {
	return sort.Search(len(l.pages), func(i int) bool { return l.pages[i].end > seq })
}

// keep remembers a page.
func (l *ledger) keep(p page) { l.pages = slices.Insert(l.pages, l.pageAt(p.first), p) }

// unsafe tells whether the frame with this Seq is on no page that is safe.
func (l *ledger) unsafe(seq uint64) bool {
	if i := l.freshAt(seq); i < len(l.fresh) && l.fresh[i].Seq <= seq {
		return true
	}
	return slices.ContainsFunc(l.pending, func(p pending) bool { return p.first <= seq && seq < p.end })
}

// stored is up to where nothing but what is safe on pages waits from `from` on.
func (l *ledger) stored() uint64 {
	end := l.next
	if i := l.freshAt(l.from); i < len(l.fresh) {
		end = max(l.from, l.fresh[i].Seq)
	}
	for _, p := range l.pending {
		if p.end > l.from && p.first < end {
			end = max(l.from, p.first)
		}
	}
	return end
}

// spilled tells whether there are frames that are not in queue.
func (l *ledger) spilled() bool { return l != nil && l.from < l.next }

// chilled tells whether messages in flight have to be loaded first.
func (l *ledger) chilled() bool { return l != nil && l.cold }

// known tells whether what the store was told last of the Record is safe.
func (l *ledger) known() bool {
	return !l.record && !slices.ContainsFunc(l.pending, func(p pending) bool { return p.record })
}

// hurry makes Dirty true if something is not safe: somebody waits for it.
func (l *ledger) hurry() { l.head = l.head || len(l.pending) > 0 }

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

// frameAt is the offset of the frame that is n behind the one at offset.
func frameAt(r *packet.Run, offset uint32, n uint64) uint32 {
	for ; n > 0; n-- {
		offset += uint32(frameSize(r.Frames[offset:]))
	}
	return offset
}

// rest is what f has of frames from seq on, as something that waits; nothing is left if it ends before.
func (e *Stored) rest(seq uint64) queued {
	skip := uint64(0)
	if seq > e.Seq {
		skip = min(seq-e.Seq, uint64(e.Count))
	}
	return queued{
		run: e.Run, terms: e.Terms, at: e.At, seq: e.Seq + skip,
		offset: frameAt(e.Run, e.Offset, skip), end: e.End, left: e.Count - uint32(skip),
	}
}
