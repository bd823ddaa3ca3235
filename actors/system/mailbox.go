package system

import (
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe/internal/eventloop"
)

// Drained is what an actor receives when its mailbox has become empty after it received something: the moment to write what has gathered.
// No other message is handled meanwhile; what arrives is handled afterwards, and followed by another Drained.
type Drained struct{}

// Undelivered is what a message may be that must not be lost without a word: its method is called if its actor has ended, or ends before it
// has come to it. It may run on any goroutine, must not block, and may post.
type Undelivered interface{ Undelivered() }

// Mailbox is an actor's mailbox, and what gives the actor its turn on a loop: 48 bytes, and a queue from a pool as long as there is
// something in it. System messages go before others, and while the actor is suspended after a failure they alone are handled.
//
// It is never full: those who send much are slowed by the credit that their conversation defines.
type Mailbox struct {
	kind *Kind

	mu sync.Mutex
	// attention breaks off a batch: there are system messages, the actor is suspended or has ended, or is to move. Written under mu.
	attention atomic.Bool
	scheduled bool // in a loop's queue, or running. Invariant: there is a queue then
	suspended bool
	retired   bool  // Offer refuses
	life      uint8 // written by the actor's turn, under mu
	loop      eventloop.Loop
	// queue is nil while nothing is to be done. It stands last, away from mu in the cache: senders leave it alone, the actor reads it a lot.
	queue *queue
}

// queue is what a mailbox needs while it is not idle.
type queue struct {
	system []any // posted and not yet taken; under mu, as is user
	user   []any
	left   int  // messages of batch not yet handled, as of the last look; under mu
	moved  bool // the loop has changed since it was scheduled; under mu

	// The rest belongs to Run.
	urgent     []any // system messages that were taken
	urgentNext int
	batch      []any // messages that were taken
	next       int
	ran        bool // the actor received something since the last Drained
	current    any  // message that is being received
}

// batchKept is the largest capacity of a slice that goes back to the pool with its queue.
const batchKept = 1024

// SendUserMessage implements actor.Process. From any goroutine; it never blocks.
func (c *cell) SendUserMessage(_ *actor.PID, message any) { c.post(message) }

// Post is what a Send to the actor's PID is, and Depth as of then. For who has the mailbox at hand it saves the way over what the PID
// remembers, which is not in the processor's cache where one publisher writes to thousands, and taking the lock a second time.
func (m *Mailbox) Post(message any) (waiting int) { return m.cell().post(message) }

// Offer is Post, as long as the mailbox has not retired; then it refuses.
func (m *Mailbox) Offer(message any) (waiting int, taken bool) {
	c := m.cell()
	c.mu.Lock()
	if c.retired || c.life == stopped {
		c.mu.Unlock()
		return 0, false
	}
	return c.postLocked(message), true
}

// Retire makes Offer refuse from now on, and returns true, if no message waits. It is for the actor's own turn. What is sent to the
// actor's PID it still gets.
func (m *Mailbox) Retire() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if q := m.queue; q != nil && (len(q.user) > 0 || q.next < len(q.batch)) {
		return false
	}
	m.retired = true
	return true
}

// Warm reads the part that Post begins with.
func (m *Mailbox) Warm() { m.attention.Load() }

// cell is the actor whose mailbox this is. A Mailbox is never anything but the part of a cell.
func (m *Mailbox) cell() *cell {
	return (*cell)(unsafe.Add(unsafe.Pointer(m), -int(unsafe.Offsetof(cell{}.Mailbox))))
}

func (c *cell) post(message any) (waiting int) {
	c.mu.Lock()
	if c.life == stopped {
		c.mu.Unlock()
		lost(c.kind.system.actors, &c.pid, message)
		return 0
	}
	return c.postLocked(message)
}

// postLocked is the rest of post. mu is held, and is given up.
func (c *cell) postLocked(message any) (waiting int) {
	q := c.open()
	q.user = append(q.user, message)
	waiting = len(q.user) + q.left
	if c.scheduled || c.suspended {
		c.mu.Unlock()
		return waiting
	}
	c.scheduled = true
	loop := c.loop
	c.mu.Unlock()
	loop.Schedule(c)
	return waiting
}

// Stop implements actor.Process: it ends this actor.
func (c *cell) Stop(*actor.PID) { c.SendSystemMessage(nil, halt{}) }

// SendSystemMessage implements actor.Process.
func (c *cell) SendSystemMessage(_ *actor.PID, message any) {
	c.mu.Lock()
	q := c.open()
	q.system = append(q.system, message)
	c.attention.Store(true)
	if c.scheduled {
		c.mu.Unlock()
		return
	}
	c.scheduled = true
	loop := c.loop
	c.mu.Unlock()
	loop.Schedule(c)
}

// PID is the actor's.
func (m *Mailbox) PID() *actor.PID { return &m.cell().pid }

// UserMessageCount is Depth by the name that message.Mailbox has for it.
func (m *Mailbox) UserMessageCount() int { return m.Depth() }

// Depth is the number of messages that wait, from any goroutine. Of those being handled in this turn it may count some that are done.
func (m *Mailbox) Depth() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.queue == nil {
		return 0
	}
	return len(m.queue.user) + m.queue.left
}

// Loop is the loop on which the actor runs.
func (m *Mailbox) Loop() eventloop.Loop {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.loop
}

// Move gives the actor to another loop. From within the actor the next message is handled there; from elsewhere it may still finish one
// on the old loop.
func (m *Mailbox) Move(to eventloop.Loop) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.loop = to
	if m.scheduled {
		m.queue.moved = true
		m.attention.Store(true)
	}
}

// Run implements eventloop.Task: it handles messages until there are none, or until it is the turn of others.
func (c *cell) Run() {
	budget := throughput
	c.mu.Lock()
	q := c.queue
	c.mu.Unlock()
	for c.work(q, &budget) {
	}
}

// step is what look found to be done next.
type step uint8

const (
	rest        step = iota // nothing, in this turn
	runBatch                // there are messages in the batch
	runSystem               // handle this system message
	sendDrained             // tell the actor that its mailbox is empty
)

// work reports whether a message made the actor fail, and there may thus be more to do.
func (c *cell) work(q *queue, budget *int) (failed bool) {
	var message any
	defer func() {
		if reason := recover(); reason != nil {
			failed = true
			q.current = nil
			c.escalate(message, reason, debug.Stack())
		}
	}()
	for {
		for q.next < len(q.batch) && *budget > 0 && !c.attention.Load() {
			message = q.batch[q.next]
			q.batch[q.next] = nil
			q.next++
			q.ran = true
			*budget--
			c.invoke(message)
		}
		var next step
		switch next, message = c.look(q, *budget); next {
		case rest:
			return false
		case runSystem:
			*budget--
			c.handle(q, message)
		case sendDrained:
			c.invoke(message)
		}
	}
}

// look decides what comes next, and keeps `scheduled` true to it.
func (c *cell) look(q *queue, budget int) (step, any) {
	c.mu.Lock()
	q.left = len(q.batch) - q.next
	if q.moved || budget <= 0 && c.pending(q) {
		q.moved = false
		loop := c.loop
		c.mu.Unlock()
		loop.Schedule(c)
		return rest, nil
	}
	var dropped []any
	defer func() {
		c.mu.Unlock()
		for _, m := range dropped {
			lost(c.kind.system.actors, &c.pid, m)
		}
	}()
	for c.takeSystem(q) {
		message := q.urgent[q.urgentNext]
		q.urgent[q.urgentNext] = nil
		q.urgentNext++
		switch message.(type) {
		case *actor.SuspendMailbox:
			c.suspended = true
		case *actor.ResumeMailbox:
			c.suspended = false
			q.ran = true // what it gathered before it failed
		case *actor.Restart:
			if c.life >= stopping {
				continue // it is too late
			}
			return runSystem, message
		default:
			return runSystem, message
		}
	}
	c.attention.Store(c.suspended || c.life == stopped)
	if c.life == stopped {
		dropped = q.drop()
	}
	if c.suspended && c.life != stopped {
		c.scheduled = false
		if q.empty() {
			c.release(q)
		}
		return rest, nil
	}
	if c.takeUser(q) {
		return runBatch, nil
	}
	if q.ran && c.life != stopped {
		q.ran = false
		return sendDrained, Drained{}
	}
	c.scheduled = false
	c.release(q)
	return rest, nil
}

// takeSystem reports whether urgent has a message.
func (c *cell) takeSystem(q *queue) bool {
	if q.urgentNext == len(q.urgent) {
		q.urgent, q.system = q.system, q.urgent[:0]
		q.urgentNext = 0
	}
	return len(q.urgent) > 0
}

// takeUser reports whether batch has a message.
func (c *cell) takeUser(q *queue) bool {
	if q.next == len(q.batch) {
		q.batch, q.user = q.user, q.batch[:0]
		q.next = 0
	}
	q.left = len(q.batch) - q.next
	return q.left > 0
}

// pending reports whether there is anything that may be handled now.
func (c *cell) pending(q *queue) bool {
	return len(q.system) > 0 || q.urgentNext < len(q.urgent) || !c.suspended && (q.left > 0 || len(q.user) > 0)
}

// handle passes a system message on.
func (c *cell) handle(q *queue, message any) {
	switch message.(type) {
	case *actor.Watch, *actor.Unwatch:
	default:
		q.ran = true
	}
	c.lifecycle(message)
}

// open is the queue. mu is held.
func (c *cell) open() *queue {
	if c.queue == nil {
		c.queue = c.kind.system.queues.Get().(*queue)
	}
	return c.queue
}

// release gives the empty queue back. mu is held.
func (c *cell) release(q *queue) {
	c.queue = nil
	if max(cap(q.user), cap(q.batch), cap(q.system), cap(q.urgent)) > batchKept {
		return
	}
	q.ran = false
	c.kind.system.queues.Put(q)
}

// empty reports whether nothing waits.
func (q *queue) empty() bool {
	return len(q.user) == 0 && q.next == len(q.batch) && len(q.system) == 0 && q.urgentNext == len(q.urgent)
}

// drop forgets all user messages, and returns them.
func (q *queue) drop() (dropped []any) {
	if q.next < len(q.batch) || len(q.user) > 0 {
		dropped = slices.Concat(q.batch[q.next:], q.user)
	}
	clear(q.user)
	clear(q.batch)
	q.user, q.batch, q.next, q.left = q.user[:0], q.batch[:0], 0, 0
	return dropped
}
