package registry

import (
	"container/heap"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/internal/eventloop"
)

// wakesMost bounds the sessions that are read at a time because their time has
// come.
const wakesMost = 256

// alarmsSpare is how many alarms there may be besides two for each session.
const alarmsSpare = 1024

// sleep is what a registry knows of sessions that are asleep. Such a one is an
// entry with a door and no actor; what comes to the door wakes it, and so does
// the time at which it has something to do: to expire, to publish its Will.
type sleep struct {
	alarms    alarms
	timer     *eventloop.Timer
	reading   map[*message.Door]bool  // are about to wake
	dismissed map[*message.Door]entry // their Clients have them no more: they wake to end
}

// alarm is when to wake a session. It may be awake by then, or have another
// alarm.
type alarm struct {
	at   int64 // Unix ms
	door *message.Door
}

// alarms is a heap with the earliest first.
type alarms []alarm

func (a alarms) Len() int           { return len(a) }
func (a alarms) Less(i, j int) bool { return a[i].at < a[j].at }
func (a alarms) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *alarms) Push(x any)        { *a = append(*a, x.(alarm)) }
func (a *alarms) Pop() any {
	last := len(*a) - 1
	x := (*a)[last]
	(*a)[last] = alarm{}
	*a = (*a)[:last]
	return x
}

type due struct{}

func (r *Registry) start(ctx actor.Context) {
	if r.o.House == nil {
		return
	}
	self, root := ctx.Self(), ctx.ActorSystem().Root
	r.o.House.Belong(self)
	r.sleep = sleep{reading: make(map[*message.Door]bool), dismissed: make(map[*message.Door]entry)}
	r.sleep.timer = eventloop.NewTimer(func() { root.Send(self, due{}) })
	for _, m := range r.o.Restored {
		r.sessions[m.Door.ClientID] = entry{door: m.Door}
		if m.At != 0 {
			r.sleep.alarms = append(r.sleep.alarms, alarm{m.At, m.Door})
		}
	}
	r.o.Restored = nil
	heap.Init(&r.sleep.alarms)
	r.arm()
}

func (r *Registry) stop() {
	if r.sleep.timer != nil {
		r.o.Loop.Stop(r.sleep.timer)
	}
}

// arm sets the timer to the next alarm, unless many are being read: the last of
// them sets it.
func (r *Registry) arm() {
	if len(r.sleep.alarms) > 0 && len(r.sleep.reading) < wakesMost {
		r.o.Loop.Start(r.sleep.timer, max(r.sleep.alarms[0].at, r.o.Loop.Now()))
	}
}

// kept notes the door of a session that has become durable.
func (r *Registry) kept(m *message.Kept) {
	if e, ok := r.sessions[m.Door.ClientID]; ok && e.is(m.Session) {
		e.door = m.Door
		r.sessions[m.Door.ClientID] = e
	} else if e, ok := r.leaving[m.Session.Id]; ok {
		e.door = m.Door
		r.leaving[m.Session.Id] = e
	}
}

// asleep lets a session go that has closed its door.
func (r *Registry) asleep(ctx actor.Context, m *message.Asleep) {
	ctx.Stop(m.Session)
	if e, ok := r.leaving[m.Session.Id]; ok {
		delete(r.leaving, m.Session.Id)
		r.dismiss(entry{door: m.Door, connects: e.connects - m.Connects})
	} else if e, ok := r.sessions[m.Door.ClientID]; ok && e.is(m.Session) {
		r.sessions[m.Door.ClientID] = entry{door: m.Door, connects: e.connects - m.Connects}
	}
	if m.At != 0 {
		r.remember(m.At, m.Door)
	}
	if m.Door.Awaited() { // its word came before this one
		r.wake(ctx, m.Door)
	}
}

// dismiss notes that a session which is asleep is to wake for its end alone.
func (r *Registry) dismiss(e entry) { r.sleep.dismissed[e.door] = e }

// remember sets an alarm. A session that sleeps often leaves alarms behind that
// mean nothing any more; when they are many the heap is made anew, with the
// earliest for each that is asleep: one that comes too early does no harm.
func (r *Registry) remember(at int64, d *message.Door) {
	heap.Push(&r.sleep.alarms, alarm{at, d})
	if len(r.sleep.alarms) > alarmsSpare+2*len(r.sessions) {
		earliest := make(map[*message.Door]int64, len(r.sessions))
		for _, a := range r.sleep.alarms {
			if before, ok := earliest[a.door]; r.sleeps(a.door) && (!ok || a.at < before) {
				earliest[a.door] = a.at
			}
		}
		r.sleep.alarms = make(alarms, 0, len(earliest))
		for door, at := range earliest {
			r.sleep.alarms = append(r.sleep.alarms, alarm{at, door})
		}
		heap.Init(&r.sleep.alarms)
	}
	r.arm()
}

// sleeps tells whether a session has no actor.
func (r *Registry) sleeps(d *message.Door) bool {
	e, ok := r.sessions[d.ClientID]
	_, dismissed := r.sleep.dismissed[d]
	return dismissed || ok && e.door == d && e.session == nil
}

// wake reads a session that is asleep from the store.
func (r *Registry) wake(ctx actor.Context, d *message.Door) {
	if !r.sleeps(d) || r.sleep.reading[d] {
		return
	}
	r.sleep.reading[d] = true
	self, root := ctx.Self(), ctx.ActorSystem().Root
	r.o.Read(d, func(m *message.Woken) { root.Send(self, m) })
}

// woken gives a session its actor again, which opens the door.
func (r *Registry) woken(ctx actor.Context, m *message.Woken) {
	d := m.Door
	if !r.sleep.reading[d] {
		return
	}
	delete(r.sleep.reading, d)
	defer r.arm()
	if m.Saved == nil {
		r.wake(ctx, d)
		return
	}
	session := r.o.Awake(ctx, r.name(d.ClientID), m)
	if e, ok := r.sleep.dismissed[d]; ok {
		delete(r.sleep.dismissed, d)
		e.session = session
		r.leave(e)
		return
	}
	e := r.sessions[d.ClientID]
	e.session = session
	r.sessions[d.ClientID] = e
	if r.draining != nil {
		ctx.Send(session, r.draining)
	}
}

// due wakes those whose time has come.
func (r *Registry) due(ctx actor.Context) {
	now := r.o.Loop.Now()
	for len(r.sleep.alarms) > 0 && r.sleep.alarms[0].at <= now && len(r.sleep.reading) < wakesMost {
		r.wake(ctx, heap.Pop(&r.sleep.alarms).(alarm).door)
	}
	r.arm()
}
