package session

import (
	"math"

	"github.com/troupemq/troupe/protocol/packet"
)

// queue holds what waits to be sent, in a ring that grows.
//
// Invariants: messages and bytes are the sums over the entries; the last young entries may pin more
// memory than their own.
type queue struct {
	ring     []queued // length 0 or a power of two
	head, n  int
	messages int
	bytes    int64
	young    int
	deadline int64 // Unix ms, not later than the earliest at which a message expires; 0: none does
	taken    int64 // Unix ms when the Client last took something, or the first began to wait
}

// queued is the last frames of a Run that wait.
type queued struct {
	run    *packet.Run
	terms  *Terms
	at     int64  // Unix ms when it began to wait
	order  uint64 // among all that wait for this Client
	seq    uint64 // of the first frame that waits, in the ledger; 0: the Session is not durable, or the frames have QoS 0
	offset uint32 // of the first frame that waits
	end    uint32 // behind the last
	left   uint32 // frames
}

func (q *queue) front() *queued {
	if q == nil || q.n == 0 {
		return nil
	}
	return &q.ring[q.head]
}

func (q *queue) index(i int) *queued { return &q.ring[(q.head+i)&(len(q.ring)-1)] }

func (q *queue) push(e queued) {
	if q.n == len(q.ring) {
		bigger := make([]queued, max(8, 2*len(q.ring)))
		for i := range q.n {
			bigger[i] = *q.index(i)
		}
		q.ring, q.head = bigger, 0
	}
	q.n++
	*q.index(q.n - 1) = e
	q.young++
	q.messages += int(e.left)
	q.bytes += int64(e.end - e.offset)
	if e.run.HasExpiry {
		if due := due(e.run, e.at); q.deadline == 0 || due < q.deadline {
			q.deadline = due
		}
	}
}

// advance takes n frames, of so many bytes, from the front.
func (q *queue) advance(n int, bytes uint32) {
	e := q.front()
	e.offset += bytes
	e.left -= uint32(n)
	if e.seq != 0 {
		e.seq += uint64(n)
	}
	q.messages -= n
	q.bytes -= int64(bytes)
	if e.left == 0 {
		q.shift()
	}
}

// pop takes the whole front.
func (q *queue) pop() {
	e := q.front()
	q.messages -= int(e.left)
	q.bytes -= int64(e.end - e.offset)
	q.shift()
}

func (q *queue) shift() {
	*q.front() = queued{}
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.n--
	q.young = min(q.young, q.n)
	if q.n == 0 {
		q.deadline = 0
	}
}

// own makes the entries that may pin a receive buffer hold just their own bytes.
func (q *queue) own() {
	if q == nil {
		return
	}
	for i := q.n - q.young; i < q.n; i++ {
		e := q.index(i)
		e.run = e.run.Owned()
	}
	q.young = 0
}

// purge drops what expired, of a durable Session at the front alone.
func (q *queue) purge(now int64, l *ledger, out *Output) {
	if q.deadline == 0 || now < q.deadline {
		return
	}
	if l != nil { // what waits has no gaps, so that it is told by where it begins
		for e := q.front(); e != nil && expired(e.run, e.at, now); e = q.front() {
			l.done(e.seq, int(e.left))
			out.drop(Expired, e)
			q.pop()
		}
		return
	}
	all := *q
	q.head, q.n, q.messages, q.bytes, q.young, q.deadline = 0, 0, 0, 0, 0, 0
	q.ring = make([]queued, len(all.ring))
	for i := range all.n {
		if e := all.index(i); expired(e.run, e.at, now) {
			out.drop(Expired, e)
		} else {
			q.push(*e)
		}
	}
	q.young = min(all.young, q.n)
}

// drop is dropped for what waits.
func (o *Output) drop(cause Cause, e *queued) {
	o.dropped(cause, e.run, e.terms, int(e.offset), int(e.left))
}

// enqueue lets the frames of r from offset on wait, QoS 1 and 2, within the bounds of the queue.
func (s *Session) enqueue(r *packet.Run, t *Terms, offset, left int, now int64, out *Output) {
	q, l := s.queue, &s.limits.Queue
	if q == nil {
		q = &queue{}
		if s.ledger == nil || s.state == attached {
			s.queue = q
		}
	}
	if q.n == 0 && !s.ledger.spilled() {
		q.taken = now
	}
	messages, bytes := s.bounds(now, out)
	e := queued{run: r, terms: t, at: now, offset: uint32(offset), end: uint32(len(r.Frames)), left: uint32(left)}
	over := func() bool {
		waiting, size := s.waiting()
		return waiting+int(e.left) > messages || size+int64(e.end-e.offset) > bytes
	}
	if over() {
		q.purge(now, s.ledger, out)
	}
	if l.Overflow != DropOldest && over() {
		e.left, e.end = 0, e.offset
		for {
			size := uint32(frameSize(r.Frames[e.end:]))
			e.left++
			e.end += size
			if over() {
				e.left--
				e.end -= size
				break
			}
		}
		out.dropped(QueueFull, r, t, int(e.end), left-int(e.left))
	}
	alone := messages < 1 || e.left == 1 && int64(e.end-e.offset) > bytes // no room could be made for it
	for e.left > 0 && over() {
		if !alone && s.dropOldest(out) {
			continue
		}
		if s.ledger.spilled() && !alone {
			break // the oldest are on a page, and dropped once they are loaded
		}
		out.dropped(QueueFull, r, t, int(e.offset), 1)
		e.offset += uint32(frameSize(r.Frames[e.offset:]))
		e.left--
	}
	if e.left == 0 {
		return
	}
	s.relinquish(now, out)
	if s.stashes(out) {
		s.stash(e)
		s.age(now)
		return
	}
	e.seq = s.ledger.take(e.run, e.terms, e.offset, e.end, e.left, e.at)
	s.wait(q, e, now)
}

// bounds are what may wait: by the limits, and by what others leave.
func (s *Session) bounds(now int64, out *Output) (messages int, bytes int64) {
	l := &s.limits.Queue
	if l.Overflow == Slow {
		return math.MaxInt, math.MaxInt64 // what was on its way when Strained began is taken
	}
	messages, bytes = l.Messages, l.Bytes
	if l.Overflow == Reject || s.patient(now) {
		// The host was told by Full or Strained and may have routed what was on its way.
		messages, bytes = 2*messages, 2*bytes
	}
	if messages <= 0 {
		messages = math.MaxInt
	}
	if bytes <= 0 {
		bytes = math.MaxInt64
	}
	if out.Left != nil {
		messages, bytes = min(messages, out.Left.Messages), min(bytes, out.Left.Bytes)
	}
	return messages, bytes
}

// enqueueQoS0 lets r wait until the connection takes more.
func (s *Session) enqueueQoS0(r *packet.Run, t *Terms, now int64, out *Output) {
	l := &s.limits.Queue
	size, most := int64(len(r.Frames)), l.QoS0Bytes
	if s.qos0 == nil {
		s.qos0 = &queue{}
	}
	if left := out.Left; left != nil && left.Memory > 0 {
		most = max(0, min(most, left.Memory-s.Resident()+s.qos0.bytes))
	}
	if l.Overflow == DropOldest && size <= most {
		for s.qos0.bytes+size > most {
			out.drop(Congested, s.qos0.front())
			s.qos0.pop()
		}
	}
	if s.qos0.bytes+size > most {
		out.dropped(Congested, r, t, 0, r.Count)
		return
	}
	s.wait(s.qos0, queued{run: r, terms: t, at: now, end: uint32(len(r.Frames)), left: uint32(r.Count)}, now)
}

func (s *Session) wait(q *queue, e queued, now int64) {
	e.run.Lent.Keep()
	s.order++
	e.order = s.order
	q.push(e)
	if s.state != attached {
		q.own()
	}
	s.age(now)
}

// Strained asks the host to slow those down who publish to this Session with QoS 1 and 2: it is connected, and so much waits for it that
// its queue would overflow soon. It begins at half of a bound and ends at a quarter, and at once when the Client has taken nothing for the
// Limits' Patience: who is stuck holds nobody up for longer. What is on its way meanwhile is taken up to twice the bound. With Slow it begins at
// the bound and ends at three quarters, connected or not.
func (s *Session) Strained(now int64) bool {
	l := &s.limits.Queue
	messages, bytes := s.waiting()
	least := func(bound int64) int64 { return bound / 2 }
	switch {
	case l.Overflow == Slow && s.strained:
		least = func(bound int64) int64 { return bound - bound/4 }
	case l.Overflow == Slow:
		least = func(bound int64) int64 { return bound }
	case s.strained:
		least = func(bound int64) int64 { return bound / 4 }
	}
	s.strained = messages > 0 && l.Overflow != Reject && (l.Overflow == Slow || s.patient(now)) &&
		(l.Messages > 0 && int64(messages) >= least(int64(l.Messages)) || l.Bytes > 0 && bytes >= least(l.Bytes))
	return s.strained
}

// patient tells whether the Client is there and takes what waits for it.
func (s *Session) patient(now int64) bool {
	return s.state == attached && s.queue != nil && now-s.queue.taken < s.limits.Queue.Patience
}
