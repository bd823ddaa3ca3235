package system

import (
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe/internal/eventloop"
)

// Drained is what an actor receives when its mailbox has become empty after it received something: the moment to write what has gathered.
// No other message is handled meanwhile; what arrives is handled afterwards, and followed by another Drained.
type Drained struct{}

// probe is a system message that a mailbox answers while it is posted, with itself.
type probe struct{ mailbox *Mailbox }

// The life of an actor as its mailbox sees it.
const (
	alive    uint8 = iota
	stopping       // it was told to stop
	stopped        // it has ended: what comes is dropped
)

// Mailbox is an actor's mailbox, and the Task that gives the actor its turn on a loop: 64 bytes, and a queue from a pool as long as there
// is something in it. System messages go before others, and while the actor is suspended after a failure they alone are handled.
//
// It is never full: those who send much are slowed by the credit that their conversation defines.
type Mailbox struct {
	kind    *Kind
	invoker actor.MessageInvoker
	// attention breaks off a batch: there are system messages, the actor is suspended or has ended, or is to move. Written under mu.
	attention atomic.Bool

	mu        sync.Mutex
	scheduled bool // in a loop's queue, or running. Invariant: there is a queue then
	suspended bool
	life      uint8
	queue     *queue // nil while nothing is to be done
	loop      eventloop.Loop
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
}

// batchKept is the largest capacity of a slice that goes back to the pool with its queue.
const batchKept = 1024

// RegisterHandlers implements actor.Mailbox. The dispatcher is not used: the loop is it.
func (m *Mailbox) RegisterHandlers(invoker actor.MessageInvoker, _ actor.Dispatcher) {
	m.invoker = invoker
}

// Start implements actor.Mailbox.
func (m *Mailbox) Start() {}

// PostUserMessage implements actor.Mailbox. From any goroutine; it never blocks.
func (m *Mailbox) PostUserMessage(message any) {
	m.mu.Lock()
	if m.life == stopped {
		m.mu.Unlock()
		return
	}
	q := m.open()
	q.user = append(q.user, message)
	if m.scheduled || m.suspended {
		m.mu.Unlock()
		return
	}
	m.scheduled = true
	loop := m.loop
	m.mu.Unlock()
	loop.Schedule(m)
}

// PostSystemMessage implements actor.Mailbox.
func (m *Mailbox) PostSystemMessage(message any) {
	if p, ok := message.(*probe); ok {
		p.mailbox = m
		return
	}
	m.mu.Lock()
	q := m.open()
	q.system = append(q.system, message)
	m.attention.Store(true)
	if m.scheduled {
		m.mu.Unlock()
		return
	}
	m.scheduled = true
	loop := m.loop
	m.mu.Unlock()
	loop.Schedule(m)
}

// UserMessageCount implements actor.Mailbox, as Depth.
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
func (m *Mailbox) Run() {
	budget := throughput
	m.mu.Lock()
	q := m.queue
	m.mu.Unlock()
	for m.work(q, &budget) {
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
func (m *Mailbox) work(q *queue, budget *int) (failed bool) {
	var message any
	defer func() {
		if reason := recover(); reason != nil {
			failed = true
			m.escalate(message, reason, debug.Stack())
		}
	}()
	for {
		for q.next < len(q.batch) && *budget > 0 && !m.attention.Load() {
			message = q.batch[q.next]
			q.batch[q.next] = nil
			q.next++
			q.ran = true
			*budget--
			m.invoker.InvokeUserMessage(message)
		}
		var next step
		switch next, message = m.look(q, *budget); next {
		case rest:
			return false
		case runSystem:
			*budget--
			m.handle(q, message)
		case sendDrained:
			m.invoker.InvokeUserMessage(message)
		}
	}
}

// look decides what comes next, and keeps `scheduled` true to it.
func (m *Mailbox) look(q *queue, budget int) (step, any) {
	m.mu.Lock()
	q.left = len(q.batch) - q.next
	if q.moved || budget <= 0 && m.pending(q) {
		q.moved = false
		loop := m.loop
		m.mu.Unlock()
		loop.Schedule(m)
		return rest, nil
	}
	defer m.mu.Unlock()
	for m.takeSystem(q) {
		message := q.urgent[q.urgentNext]
		q.urgent[q.urgentNext] = nil
		q.urgentNext++
		switch message.(type) {
		case *actor.SuspendMailbox:
			m.suspended = true
		case *actor.ResumeMailbox:
			m.suspended = false
			q.ran = true // what it gathered before it failed
		case *actor.Restart:
			if m.life != alive {
				continue // protoactor would bring it back to life
			}
			return runSystem, message
		default:
			return runSystem, message
		}
	}
	m.attention.Store(m.suspended || m.life == stopped)
	if m.life == stopped {
		q.drop()
	}
	if m.suspended && m.life != stopped {
		m.scheduled = false
		if q.empty() {
			m.release(q)
		}
		return rest, nil
	}
	if m.takeUser(q) {
		return runBatch, nil
	}
	if q.ran && m.life != stopped {
		q.ran = false
		return sendDrained, Drained{}
	}
	m.scheduled = false
	m.release(q)
	return rest, nil
}

// takeSystem reports whether urgent has a message.
func (m *Mailbox) takeSystem(q *queue) bool {
	if q.urgentNext == len(q.urgent) {
		q.urgent, q.system = q.system, q.urgent[:0]
		q.urgentNext = 0
	}
	return len(q.urgent) > 0
}

// takeUser reports whether batch has a message.
func (m *Mailbox) takeUser(q *queue) bool {
	if q.next == len(q.batch) {
		q.batch, q.user = q.user, q.batch[:0]
		q.next = 0
	}
	q.left = len(q.batch) - q.next
	return q.left > 0
}

// pending reports whether there is anything that may be handled now.
func (m *Mailbox) pending(q *queue) bool {
	return len(q.system) > 0 || q.urgentNext < len(q.urgent) || !m.suspended && (q.left > 0 || len(q.user) > 0)
}

// handle passes a system message to protoactor, and notices when the actor has ended.
func (m *Mailbox) handle(q *queue, message any) {
	switch message.(type) {
	case *actor.Watch, *actor.Unwatch:
	case *actor.Stop:
		m.become(max(m.life, stopping))
		q.ran = true
	default:
		q.ran = true
	}
	m.invoker.InvokeSystemMessage(message)
	if m.life == stopping && !m.registered() {
		m.become(stopped)
	}
}

func (m *Mailbox) become(life uint8) {
	m.mu.Lock()
	m.life = life
	m.mu.Unlock()
}

// open is the queue. mu is held.
func (m *Mailbox) open() *queue {
	if m.queue == nil {
		m.queue = m.kind.system.queues.Get().(*queue)
	}
	return m.queue
}

// release gives the empty queue back. mu is held.
func (m *Mailbox) release(q *queue) {
	m.queue = nil
	if max(cap(q.user), cap(q.batch), cap(q.system), cap(q.urgent)) > batchKept {
		return
	}
	q.ran = false
	m.kind.system.queues.Put(q)
}

// empty reports whether nothing waits.
func (q *queue) empty() bool {
	return len(q.user) == 0 && q.next == len(q.batch) && len(q.system) == 0 && q.urgentNext == len(q.urgent)
}

// drop forgets all user messages.
func (q *queue) drop() {
	clear(q.user)
	clear(q.batch)
	q.user, q.batch, q.next, q.left = q.user[:0], q.batch[:0], 0, 0
}
