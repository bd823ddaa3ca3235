package eventloop

import "math/bits"

// The wheel's geometry: 7 levels of 64 slots over ticks of 16 ms reach over two thousand years, so that no time has to be cut short but
// those of the far end of the number's range.
const (
	tickBits = 4 // a tick is 16 ms
	slotBits = 6
	slots    = 1 << slotBits
	levels   = 7
	horizon  = 1<<(slotBits*levels) - 1 // in ticks from the current turn of the top level
	slotMask = slots - 1
)

// Alarm is told that the time of a [Timer] has come, on the loop's turn. It must be cheap, as a [Handler].
type Alarm interface {
	Expire()
}

// Timer sounds an alarm when its time has come. It is meant to be embedded in what it belongs to: 40 bytes, no allocation to arm it.
// The zero Timer does nothing; give it its alarm with Init before it is started.
type Timer struct {
	alarm Alarm
	next  *Timer
	prev  *Timer
	// high and low are the tick when it fires. Invariant: it is in slot (level, tick) of its wheel as long as armed.
	low  uint32
	high uint16 // a tick of 48 bits is beyond every horizon of the next hundred thousand years
	slot int16  // 1 + level*slots + slot while armed, else 0
}

// NewTimer returns a timer that calls fn.
func NewTimer(fn func()) *Timer { return &Timer{alarm: call(fn)} }

type call func()

func (f call) Expire() { f() }

// Init sets the alarm of a timer that is embedded in another struct. The timer must not be armed.
func (t *Timer) Init(a Alarm) { t.alarm = a }

// Armed reports whether the timer is waiting to fire.
func (t *Timer) Armed() bool { return t.slot != 0 }

func (t *Timer) tick() int64 { return int64(t.high)<<32 | int64(t.low) }

func (t *Timer) setTick(tick int64) { t.high, t.low = uint16(tick>>32), uint32(tick) }

// Wheel is a hierarchical timing wheel: it arms and disarms in constant time, and an armed timer costs nothing until it is due, however many
// there are. It has no clock: Advance says what time it is. It is not safe for use by several goroutines. Timers of one tick (16 ms) fire
// in an order that depends on how they were armed alone, so that a simulation repeats itself.
type Wheel struct {
	now      int64          // the tick up to which all timers have fired
	occupied [levels]uint64 // bit s of level l: slots[l][s] is not empty
	slots    [levels][slots]list
	armed    int
}

// list is a queue of timers: first in, first out.
type list struct{ first, last *Timer }

// NewWheel returns a wheel that stands at the Unix millisecond now.
func NewWheel(now int64) *Wheel { return &Wheel{now: max(now, 0) >> tickBits} }

// Len is the number of armed timers.
func (w *Wheel) Len() int { return w.armed }

// Start arms t for the Unix millisecond at, or moves it there. A time that is past fires with the next tick, one that is
// thousands of years ahead at the wheel's horizon.
func (w *Wheel) Start(t *Timer, at int64) {
	w.Stop(t)
	tick := w.now + 1
	if at > tick<<tickBits {
		tick = (at-1)>>tickBits + 1 // rounded up: never early
	}
	t.setTick(min(tick, w.now|horizon))
	w.insert(t)
	w.armed++
}

// Stop disarms t if it is armed.
func (w *Wheel) Stop(t *Timer) {
	if t.slot == 0 {
		return
	}
	w.remove(t)
	w.armed--
}

// Next is the Unix millisecond at which Advance next has something to do, 0 if nothing is armed. It is not after the first timer's time;
// it may be before, when timers have to come down a level.
func (w *Wheel) Next() int64 {
	level, slot, ok := w.first()
	if !ok {
		return 0
	}
	return w.tickOf(level, slot) << tickBits
}

// Advance fires what is due at the Unix millisecond now, in order of ticks. Timers may be armed and disarmed by what fires.
func (w *Wheel) Advance(now int64) {
	target := now >> tickBits
	for {
		level, slot, ok := w.first()
		if !ok {
			break
		}
		tick := w.tickOf(level, slot)
		if tick > target {
			break
		}
		w.now = max(w.now, tick)
		if level == 0 {
			w.fire(slot)
		} else {
			w.descend(level, slot)
		}
	}
	w.now = max(w.now, target)
}

// fire calls the timers of a slot of the lowest level. What they arm anew is for a later tick and thus another slot, or for this slot's next
// round, which is not before the level above has come down.
func (w *Wheel) fire(slot int) {
	for {
		t := w.slots[0][slot].first
		if t == nil || t.tick() > w.now {
			return
		}
		w.Stop(t)
		t.alarm.Expire()
	}
}

// descend spreads a slot whose time has come over the levels below.
func (w *Wheel) descend(level, slot int) {
	l := &w.slots[level][slot]
	t := l.first
	*l = list{}
	w.occupied[level] &^= 1 << slot
	for t != nil {
		next := t.next
		t.next, t.prev = nil, nil
		w.insert(t)
		t = next
	}
}

// first finds the occupied slot with the earliest time: the levels below hold what comes before the next slot of the level above.
func (w *Wheel) first() (level, slot int, ok bool) {
	for level = range levels {
		if w.occupied[level] == 0 {
			continue
		}
		// Invariant: on every level the occupied slots are not before the current one, since insert picks the level by the highest bit
		// in which the tick differs from now.
		return level, bits.TrailingZeros64(w.occupied[level]), true
	}
	return 0, 0, false
}

// tickOf is the tick at which a slot's time has come.
func (w *Wheel) tickOf(level, slot int) int64 {
	shift := slotBits * level
	return w.now>>(shift+slotBits)<<(shift+slotBits) | int64(slot)<<shift
}

func (w *Wheel) insert(t *Timer) {
	level, tick := 0, t.tick()
	if differ := uint64(tick ^ w.now); differ != 0 {
		level = (bits.Len64(differ) - 1) / slotBits
	}
	slot := int(tick>>(slotBits*level)) & slotMask
	t.slot = int16(1 + level*slots + slot)
	l := &w.slots[level][slot]
	if t.prev = l.last; t.prev != nil {
		t.prev.next = t
	} else {
		l.first = t
	}
	l.last = t
	w.occupied[level] |= 1 << slot
}

func (w *Wheel) remove(t *Timer) {
	level, slot := int(t.slot-1)/slots, int(t.slot-1)&slotMask
	l := &w.slots[level][slot]
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		l.first = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	} else {
		l.last = t.prev
	}
	if l.first == nil {
		w.occupied[level] &^= 1 << slot
	}
	t.next, t.prev, t.slot = nil, nil, 0
}
