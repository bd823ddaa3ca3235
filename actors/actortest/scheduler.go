package actortest

import (
	"fmt"
	"math/rand/v2"

	"github.com/troupemq/troupe/internal/eventloop"
)

// began is the Unix millisecond at which every simulation begins.
const began = 1_700_000_000_000

// Options say how a simulation goes.
type Options struct {
	Seed  uint64
	Loops int
	// Overtake is one in how many calls of a loop other loops take steps
	// before it goes on, as if they ran at the same time; 0: none.
	Overtake int
	Recorder *Recorder
}

// Scheduler runs loops one step at a time. It is used by one goroutine.
type Scheduler struct {
	options Options
	rng     *rand.Rand
	now     int64
	loops   []*loop
	running []*loop // those in the middle of a step; the last one is at it
	device  device
	wires   []*wire // not yet done with
	outside bool    // another goroutine schedules: nothing else may run
	shuffle bool
	tasks   int64 // steps so far
	broken  []string
}

// New makes a scheduler whose clock stands still.
func New(o Options) *Scheduler {
	if o.Recorder == nil {
		o.Recorder = NewRecorder(nil)
	}
	s := &Scheduler{options: o, rng: rand.New(rand.NewPCG(o.Seed, 0x7472_6f75_7065)), now: began}
	s.device.scheduler = s
	for i := range o.Loops {
		s.loops = append(s.loops, newLoop(s, i))
	}
	return s
}

// Loops are the loops to build actors on, always in the same order.
func (s *Scheduler) Loops() []eventloop.Loop {
	loops := make([]eventloop.Loop, len(s.loops))
	for i, l := range s.loops {
		loops[i] = l
	}
	return loops
}

// Shuffle says whether the tasks of a loop run in any order from now on, and not
// only in the one in which they were scheduled.
func (s *Scheduler) Shuffle(on bool) { s.shuffle = on }

// Now is the time in Unix milliseconds. A loop may not have noticed yet.
func (s *Scheduler) Now() int64 { return s.now }

// Elapse lets time go by.
func (s *Scheduler) Elapse(milliseconds int64) {
	s.now += milliseconds
	s.options.Recorder.Note("elapse", milliseconds)
}

// Broken lists what was done against the contract of the loops and streams.
func (s *Scheduler) Broken() []string { return s.broken }

func (s *Scheduler) breach(format string, args ...any) {
	s.broken = append(s.broken, fmt.Sprintf(format, args...))
}

// Step lets one loop that has something to do take a step; false if there is none.
func (s *Scheduler) Step() bool {
	var able [16]*loop
	busy := able[:0]
	for _, l := range s.loops {
		if !l.running && l.busy() {
			busy = append(busy, l)
		}
	}
	choices := len(busy)
	if s.device.busy() {
		choices++
	}
	if choices == 0 {
		return false
	}
	s.tasks++
	if one := s.rng.IntN(choices); one < len(busy) {
		busy[one].step()
	} else {
		s.device.step()
	}
	return true
}

// idleMost is how many steps make a simulation that goes round in circles.
const idleMost = 200_000

// Settle takes steps until no loop has anything to do at this time.
func (s *Scheduler) Settle() {
	for range idleMost {
		if !s.Step() {
			return
		}
	}
	s.breach("the loops do not come to rest")
}

// overtake lets other loops go ahead of the one that is in the middle of a step.
func (s *Scheduler) overtake() {
	if s.options.Overtake == 0 || s.outside || len(s.running) == 0 || s.rng.IntN(s.options.Overtake) != 0 {
		return
	}
	for range 1 + s.rng.IntN(4) {
		if !s.Step() {
			return
		}
	}
}

// on tells whether l is the loop that runs now.
func (s *Scheduler) on(l *loop) bool {
	return len(s.running) > 0 && s.running[len(s.running)-1] == l
}
