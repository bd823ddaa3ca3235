package local

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/troupemq/troupe/protocol/packet"
)

// Overflow is what gives way when as much waits for the program as may.
type Overflow uint8

const (
	// DropOldest drops what waited longest.
	DropOldest Overflow = iota
	// DropNewest drops what came last.
	DropNewest
	// Slow drops nothing with QoS 1 and 2: from half of the bound on publishers of
	// such messages are slowed down, so that little comes beyond it. QoS 0 is
	// dropped beyond it.
	Slow
)

// Queue is what waits for the program: the actor of a subscription puts messages
// into it, the goroutines of the subscription take them out. There is a lock
// between them, since neither a mailbox nor a channel lets go of its oldest.
type Queue struct {
	limit    int
	overflow Overflow
	now      func() int64  // Unix ms, for messages that expire
	expired  *atomic.Int64 // counts those that did

	mu      sync.Mutex
	some    sync.Cond // something waits, or the end has come
	waiting []waiting
	first   int    // of waiting that is there
	relief  func() // tells the actor, who asked, that little waits
	asked   bool
	tight   bool // half of the bound was reached, and a quarter not since
	closed  bool
	dropped int64
	empty   []func()        // told once when nothing waits
	ctx     context.Context // done with it
	end     func()
}

type waiting struct {
	message  *packet.Publish
	deadline int64 // Unix ms; 0: never
}

// NewQueue makes a queue in which limit messages wait. now is the time in Unix
// ms; expired counts messages that waited for longer than they may.
func NewQueue(limit int, overflow Overflow, now func() int64, expired *atomic.Int64) *Queue {
	q := &Queue{limit: limit, overflow: overflow, now: now, expired: expired}
	q.ctx, q.end = context.WithCancel(context.Background())
	q.some.L = &q.mu
	return q
}

// put adds messages, and returns whether any waited before and how many gave way. What is retained was asked
// for and comes as it is taken, so that it need not fit.
func (q *Queue) put(messages []waiting, retained bool) (behind bool, dropped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false, 0
	}
	behind = len(q.waiting) > 0
	for _, w := range messages {
		if !retained && len(q.waiting)-q.first >= q.limit {
			switch {
			case q.overflow == DropOldest:
				q.shift()
				dropped++
			case q.overflow == DropNewest || w.message.QoS == packet.QoS0:
				dropped++
				continue
			}
		}
		q.waiting = append(q.waiting, w)
	}
	q.dropped += int64(dropped)
	if len(messages) == 1 {
		q.some.Signal()
	} else {
		q.some.Broadcast()
	}
	return behind, dropped
}

// shift takes the first message out.
func (q *Queue) shift() waiting {
	w := q.waiting[q.first]
	q.waiting[q.first] = waiting{}
	q.first++
	if q.first == len(q.waiting) {
		q.waiting, q.first = q.waiting[:0], 0
		if cap(q.waiting) > queueKept {
			q.waiting = nil
		}
	} else if q.first >= queueKept && q.first > len(q.waiting)/2 {
		q.waiting, q.first = append(q.waiting[:0:0], q.waiting[q.first:]...), 0
	}
	return w
}

// queueKept is for how many messages an empty queue keeps its memory.
const queueKept = 64

// Take waits for the next message. It returns false when the subscription has
// ended; what waited then is gone. From any goroutine.
func (q *Queue) Take() (m *packet.Publish, more bool) {
	relieved := false
	var empty []func()
	defer func() {
		if relieved {
			q.relief()
		}
		for _, tell := range empty {
			tell()
		}
	}()
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		for len(q.waiting) == 0 && !q.closed {
			q.some.Wait()
		}
		if q.closed {
			return nil, false
		}
		w := q.shift()
		if len(q.waiting) == 0 {
			empty, q.empty = q.empty, nil
		}
		if q.asked && q.low() {
			relieved, q.asked, q.tight = true, false, false
		}
		if w.deadline != 0 {
			left := w.deadline - q.now()
			if left <= 0 {
				q.expired.Add(1)
				continue
			}
			w.message.MessageExpiry = uint32((left + 999) / 1000) // [MQTT-3.3.2-6]
		}
		return w.message, true
	}
}

// low tells whether there is room for much more. mu is held.
func (q *Queue) low() bool { return len(q.waiting)-q.first <= q.limit/4 }

// attend says who is told that little waits, when he has asked. It is for the
// actor, before it puts anything in; relief runs on any goroutine.
func (q *Queue) attend(relief func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.relief = relief
}

// strained tells whether publishers are to be slowed down. If so, the actor is
// told when they need not be any more.
func (q *Queue) strained() bool {
	if q.overflow != Slow {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || !q.tight && 2*(len(q.waiting)-q.first) < q.limit {
		return false
	}
	q.asked, q.tight = true, true
	return true
}

// crowded tells whether more of what was asked for should wait. If so, the actor
// is told when it need not.
func (q *Queue) crowded() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.low() {
		return false
	}
	q.asked = true
	return true
}

// whenEmpty has somebody told when nothing waits, on any goroutine. It is not
// told of the end.
func (q *Queue) whenEmpty(tell func()) {
	q.mu.Lock()
	if len(q.waiting) > 0 {
		q.empty = append(q.empty, tell)
		q.mu.Unlock()
		return
	}
	q.mu.Unlock()
	tell()
}

// Close ends it: nothing comes out of it from now on. It returns how many
// messages waited.
func (q *Queue) Close() (lost int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	lost = len(q.waiting) - q.first
	q.closed, q.waiting, q.first, q.asked, q.empty = true, nil, 0, false, nil
	q.end()
	q.some.Broadcast()
	return lost
}

// Ended is closed by Close.
func (q *Queue) Ended() <-chan struct{} { return q.ctx.Done() }

// Context is done with Close, for what the program does with a message.
func (q *Queue) Context() context.Context { return q.ctx }

// Dropped is how many messages gave way.
func (q *Queue) Dropped() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

// Len is how many messages wait.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting) - q.first
}
