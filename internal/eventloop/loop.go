package eventloop

import (
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

const (
	// passes is how often a turn drains the run queue before it looks at the sockets again: tasks schedule one another.
	passes = 8

	// What the connections that are ready in one turn may read together, and each of them at least and at most, in bytes.
	budgetTurn = 1 << 20
	budgetLow  = 8 << 10
	budgetHigh = ScratchSize

	// What is put off while a flood is read waits for so many turns at most, and so many tasks do.
	wavesMost = 4
	lateMost  = 4096

	// roundsMost is how often a turn goes on to the next of those that flood, as long as they have not used up its share of bytes.
	roundsMost = 32
)

// clock is what time it is in Unix milliseconds. It starts with the wall clock and goes on with the monotonic one, so that a step of the
// wall clock does not fire every Keep Alive at once.
type clock struct {
	base  time.Time
	milli int64
}

func newClock() *clock {
	now := time.Now()
	return &clock{base: now, milli: now.UnixMilli()}
}

func (c *clock) now() int64 { return c.milli + time.Since(c.base).Milliseconds() }

// at is the time of a Unix millisecond of this clock.
func (c *clock) at(milli int64) time.Time {
	return c.base.Add(time.Duration(milli-c.milli) * time.Millisecond)
}

// loop is one goroutine that takes turns: events of its sockets, timers, tasks. The order within a turn is that of the kernel's events,
// then of time, then of scheduling; what is greedy comes last.
type loop struct {
	clock  *clock
	log    *zap.Logger
	done   chan struct{} // closed when the goroutine has ended
	asleep atomic.Bool   // who turns it off must wake the poller
	abort  atomic.Bool   // end after this turn, whatever is queued
	now    atomic.Int64

	mu      sync.Mutex
	queue   []Task // scheduled and not yet taken
	closing bool   // end when the queue is empty
	ended   bool   // nothing is taken any more

	// The rest belongs to the goroutine.
	batch   []Task // taken from the queue; before next: already run
	next    int
	wheel   *Wheel
	scratch []byte
	budget  int
	poller  *poller
	taken   int    // bytes that were read since the greedy ones were told to
	flooded bool   // the greedy ones are being served
	late    []Task // put off until they are through
	waves   int    // turns since the first of them
}

func newLoop(c *clock, log *zap.Logger) (*loop, error) {
	p, err := newPoller()
	if err != nil {
		return nil, err
	}
	l := &loop{clock: c, log: log, done: make(chan struct{}), wheel: NewWheel(c.now()), scratch: make([]byte, ScratchSize), budget: budgetHigh, poller: p}
	l.now.Store(c.now())
	return l, nil
}

func (l *loop) Now() int64               { return l.now.Load() }
func (l *loop) Scratch() []byte          { return l.scratch }
func (l *loop) ReadBudget() int          { return l.budget }
func (l *loop) Start(t *Timer, at int64) { l.wheel.Start(t, at) }
func (l *loop) Stop(t *Timer)            { l.wheel.Stop(t) }

// Schedule appends t to the queue. The flag is read after the queue was changed, and the loop looks at the queue after it has set the flag:
// one of the two sees the other.
func (l *loop) Schedule(t Task) {
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		return
	}
	l.queue = append(l.queue, t)
	l.mu.Unlock()
	l.wake()
}

func (l *loop) wake() {
	if l.asleep.Load() && l.asleep.CompareAndSwap(true, false) {
		l.poller.wake()
	}
}

// run is the loop's goroutine.
func (l *loop) run() {
	defer close(l.done)
	for l.turn() {
	}
}

// turn reports whether there is to be another one.
func (l *loop) turn() (more bool) {
	more = true // after a failure too
	defer l.survive()
	l.drain() // what a task that failed has left of its batch
	l.poll()
	l.now.Store(l.clock.now())
	l.poller.dispatch(l)
	l.wheel.Advance(l.now.Load())
	l.work()
	l.flood()
	return !l.over()
}

// flood serves those that are greedy. What was put off meanwhile runs when they are through, and once in a while.
func (l *loop) flood() {
	greedy := &l.poller.greedy
	calm := greedy.calm
	served := greedy.dispatch(l)
	flooded := served > 0
	// Many that have little each take as much together as a few that have much, and cost the kernel one look at all of them.
	for share, round := served*budgetHigh, 1; served > 0; round++ {
		l.taken = 0
		l.flooded = true
		l.work()
		l.flooded = false
		if share -= l.taken; l.taken == 0 || share < budgetHigh || round == roundsMost {
			break
		}
		greedy.calm = calm
		served = greedy.dispatch(l)
	}
	if len(l.late) == 0 {
		return
	}
	if l.waves++; !flooded || l.waves >= wavesMost {
		l.mu.Lock()
		l.queue = append(l.queue, l.late...)
		l.mu.Unlock()
		clear(l.late)
		l.late, l.waves = l.late[:0], 0
		l.work()
	}
}

// Flooded implements Loop. When very many wait it is better to go on at once.
func (l *loop) Flooded() bool { return l.flooded && len(l.late) < lateMost }

// Later implements Loop.
func (l *loop) Later(t Task) { l.late = append(l.late, t) }

// work runs what is scheduled, and what that schedules.
func (l *loop) work() {
	for range passes {
		if !l.take() {
			return
		}
		l.drain()
	}
}

// poll collects the events of the sockets. It sleeps only if nothing is queued, until an event, a timer or a Task.
func (l *loop) poll() {
	if l.idle() {
		l.asleep.Store(true)
		if l.idle() {
			l.poller.park(l)
			l.asleep.Store(false)
			return
		}
		l.asleep.Store(false)
	}
	l.poller.poll()
}

// idle reports whether the queue leaves nothing to do.
func (l *loop) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue) == 0 && len(l.late) == 0 && !l.closing && l.poller.greedy.empty()
}

// take makes the queue the next batch. Invariant: the batch before has been drained.
func (l *loop) take() bool {
	l.mu.Lock()
	l.batch, l.queue = l.queue, l.batch[:0]
	l.mu.Unlock()
	l.next = 0
	return len(l.batch) > 0
}

// drain runs the batch from where it stands.
func (l *loop) drain() {
	for l.next < len(l.batch) {
		t := l.batch[l.next]
		l.batch[l.next] = nil
		l.next++
		t.Run()
	}
}

// over ends the loop if it is closing and nothing is left, or at once if it is to be aborted.
func (l *loop) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing && (len(l.queue) == 0 && len(l.late) == 0 || l.abort.Load()) {
		l.ended = true
		l.queue = nil
	}
	return l.ended
}

// close makes the loop end when its queue has run dry.
func (l *loop) close() {
	l.mu.Lock()
	l.closing = true
	l.mu.Unlock()
	l.wake()
}

// survive keeps a failing task or handler from taking everybody else on the loop with it. Actors recover in their mailboxes: what comes
// here is a fault of the wiring.
func (l *loop) survive() {
	if reason := recover(); reason != nil {
		l.log.Error("a task on the event loop failed", zap.Any("reason", reason), zap.ByteString("stack", debug.Stack()))
	}
}
