package actortest

import "slices"

// device is what stores are on: it does what is asked of it away from all loops,
// and takes its time.
type device struct {
	scheduler *Scheduler
	writes    []errand // one at a time, in order
	reads     []errand // in any order
	writing   bool
}

// errand is work for the device, which does it at some time from due on.
type errand struct {
	work func()
	due  int64 // Unix ms
}

// slowest is how many milliseconds an errand takes at most.
const slowest = 30

// Write has work done, one piece after the other.
func (s *Scheduler) Write(work func()) {
	s.device.writes = append(s.device.writes, s.device.errand(work))
}

// Read has work done, in any order.
func (s *Scheduler) Read(work func()) { s.device.reads = append(s.device.reads, s.device.errand(work)) }

// Working tells whether something is asked of the device that is not done.
func (s *Scheduler) Working() bool { return len(s.device.writes) > 0 || s.Reading() }

// Reading tells whether some of it is to be read.
func (s *Scheduler) Reading() bool { return len(s.device.reads) > 0 }

func (d *device) errand(work func()) errand {
	e := errand{work: work, due: d.scheduler.now}
	if d.scheduler.rng.IntN(4) == 0 {
		e.due += int64(d.scheduler.rng.IntN(slowest))
	}
	return e
}

func (d *device) busy() bool {
	due := func(e errand) bool { return e.due <= d.scheduler.now }
	return !d.writing && len(d.writes) > 0 && due(d.writes[0]) || slices.ContainsFunc(d.reads, due)
}

// step does one errand that is due.
func (d *device) step() {
	s := d.scheduler
	s.running = append(s.running, nil) // no loop's turn
	defer func() { s.running = s.running[:len(s.running)-1] }()
	able := make([]int, 0, 8)
	for i, e := range d.reads {
		if e.due <= s.now {
			able = append(able, i)
		}
	}
	writes := !d.writing && len(d.writes) > 0 && d.writes[0].due <= s.now
	if writes && (len(able) == 0 || s.rng.IntN(2) == 0) {
		e := d.writes[0]
		d.writing = true
		s.options.Recorder.Note("write to the device", int64(len(d.writes)))
		e.work()
		d.writes, d.writing = d.writes[1:], false
		return
	}
	at := able[s.rng.IntN(len(able))]
	e := d.reads[at]
	d.reads = slices.Delete(d.reads, at, at+1)
	s.options.Recorder.Note("read from the device", int64(at), int64(len(d.reads)))
	e.work()
}

// Crash ends all loops, their timers, tasks and streams without another step; the
// scheduler has new ones. Clients find their connections lost: with abruptly at
// once, else they may get what was written before. What was to be written to the
// device next is returned, nil if there is nothing: it may be under way, and what
// it tells anybody is not heard. It is called between two steps.
func (s *Scheduler) Crash(abruptly bool) (underWay func()) {
	s.options.Recorder.Note("crash", s.now)
	for i, l := range s.loops {
		l.dead = true
		s.loops[i] = newLoop(s, i)
	}
	for _, w := range s.wires {
		if w.closed {
			if abruptly {
				w.down = lane{}
			}
			continue
		}
		if abruptly || s.rng.IntN(2) == 0 {
			w.cut()
		}
		w.closed, w.closedAt = true, s.now
	}
	if len(s.device.writes) > 0 {
		underWay = s.device.writes[0].work
	}
	s.device = device{scheduler: s}
	return underWay
}
