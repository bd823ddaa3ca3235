package actortest

import (
	"slices"

	"github.com/troupemq/troupe/internal/eventloop"
)

// passes is how often a turn may drain its queue before it looks at streams and
// timers again.
const passes = 8

// loop is an eventloop.Loop that moves when the scheduler says so. Its turn is
// that of a real one: events of streams, timers, tasks.
type loop struct {
	scheduler *Scheduler
	number    int64
	now       int64
	wheel     *eventloop.Wheel
	queue     []eventloop.Task
	left      int // tasks of this turn
	sockets   []*Socket
	scratch   []byte
	running   bool
	dead      bool // by a crash: nothing happens on it any more
}

var _ eventloop.Loop = (*loop)(nil)

func newLoop(s *Scheduler, number int) *loop {
	return &loop{
		scheduler: s, number: int64(number), now: s.now,
		wheel: eventloop.NewWheel(s.now), scratch: make([]byte, eventloop.ScratchSize),
	}
}

// Schedule implements eventloop.Loop.
func (l *loop) Schedule(t eventloop.Task) {
	if l.dead {
		return
	}
	if slices.Contains(l.queue, t) {
		l.scheduler.breach("a task was scheduled twice")
	}
	l.queue = append(l.queue, t)
	l.scheduler.overtake()
}

// Flooded implements eventloop.Loop: every now and then there is a flood.
func (l *loop) Flooded() bool {
	l.own("Flooded")
	return l.scheduler.rng.IntN(2) == 0
}

// Later implements eventloop.Loop.
func (l *loop) Later(t eventloop.Task) {
	l.own("Later")
	l.Schedule(t)
}

// Now implements eventloop.Loop.
func (l *loop) Now() int64 {
	l.scheduler.overtake()
	return l.now
}

// Start implements eventloop.Loop.
func (l *loop) Start(t *eventloop.Timer, at int64) {
	l.own("Start")
	l.wheel.Start(t, at)
}

// Stop implements eventloop.Loop.
func (l *loop) Stop(t *eventloop.Timer) {
	l.own("Stop")
	l.wheel.Stop(t)
}

// Scratch implements eventloop.Loop.
func (l *loop) Scratch() []byte {
	l.own("Scratch")
	return l.scratch
}

// ReadBudget implements eventloop.Loop.
func (l *loop) ReadBudget() int {
	l.own("ReadBudget")
	return 1 + l.scheduler.rng.IntN(eventloop.ScratchSize/8)
}

// own holds users of the loop to the calls that are for its turns only.
func (l *loop) own(call string) {
	if !l.scheduler.on(l) {
		l.scheduler.breach("%s was called away from its loop", call)
	}
}

// busy tells whether a step would do something.
func (l *loop) busy() bool {
	if len(l.queue) > 0 {
		return true
	}
	if next := l.wheel.Next(); next != 0 && next <= l.scheduler.now {
		return true
	}
	return slices.ContainsFunc(l.sockets, func(s *Socket) bool { return s.events() != 0 })
}

// step begins a turn if the last one is over, and runs one task.
func (l *loop) step() {
	s := l.scheduler
	s.running = append(s.running, l)
	l.running = true
	if l.left == 0 {
		l.begin()
	}
	if len(l.queue) > 0 {
		at := 0
		if s.shuffle {
			at = s.rng.IntN(len(l.queue))
		}
		t := l.queue[at]
		l.queue = slices.Delete(l.queue, at, at+1)
		l.left--
		s.options.Recorder.Note("step", l.number, int64(at), int64(len(l.queue)))
		t.Run()
	}
	if len(l.queue) == 0 {
		l.left = 0 // it would sleep now, and read the clock when it is woken
	}
	l.running = false
	s.running = s.running[:len(s.running)-1]
}

func (l *loop) begin() {
	s := l.scheduler
	l.now = s.now
	s.options.Recorder.Note("turn", l.number, l.now)
	for _, socket := range slices.Clone(l.sockets) {
		if socket.loop == l {
			socket.dispatch()
		}
	}
	l.wheel.Advance(l.now)
	l.left = len(l.queue) * (1 + s.rng.IntN(passes))
}
