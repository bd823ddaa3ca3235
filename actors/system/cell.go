package system

import (
	"runtime/debug"
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe/internal/eventloop"
)

// cell is an actor's place in the system: its PID, its mailbox, its state between two messages, and its place among its siblings, in one
// piece of 192 bytes. To protoactor it is the Process behind the PID; to a loop it is a Task. What the actor itself sees of it is a [view].
//
// All but the mailbox belongs to the actor's own turn, except next and prev, which belong to the parent's.
type cell struct {
	pid actor.PID
	Mailbox
	actor   actor.Actor                // nil once it has ended
	produce func(*Mailbox) actor.Actor // nil if it is never restarted
	parent  *cell                      // nil: the guardian
	next    *cell                      // siblings, in the order of their birth
	prev    *cell
	extra   *extra
}

// extra is what few actors have: children, somebody who watches them, failures.
type extra struct {
	first, last *cell // children that have not ended
	count       int
	watchers    []*actor.PID
	failures    *actor.RestartStatistics // written by the supervisor
}

// System messages between cells, besides those of protoactor.
type (
	// halt tells an actor to stop.
	halt struct{}
	// ended tells the parent that a child has.
	ended struct{ child *cell }
	// failed asks the parent what is to become of a child.
	failed struct {
		child    *cell
		failure  *Failure
		failures *actor.RestartStatistics
	}
)

// The life of an actor.
const (
	alive      uint8 = iota
	restarting       // its children are ending, then a blank one takes its place
	stopping         // it was told to stop, or its children are ending
	stopped          // it has ended: what comes is dropped
)

// newCell makes an actor that is about to start. parent is nil for those at the top.
func (k *Kind) newCell(parent *cell, loop eventloop.Loop, name string, v *Supervision, produce func(*Mailbox) actor.Actor) *cell {
	c := &cell{parent: parent}
	c.kind, c.loop = k, loop
	c.pid.Address, c.pid.Id = k.system.cells.address, name
	c.actor = produce(&c.Mailbox)
	if v.Action == Restart {
		c.produce = produce
	}
	k.system.cells.enter(c)
	return c
}

// start lets the actor have its first turn.
func (c *cell) start() { c.SendSystemMessage(&c.pid, &actor.Started{}) }

func (c *cell) context() *view { return (*view)(c) }

func (c *cell) more() *extra {
	if c.extra == nil {
		c.extra = new(extra)
	}
	return c.extra
}

// adopt makes a cell the youngest child.
func (c *cell) adopt(child *cell) {
	e := c.more()
	child.prev = e.last
	if e.last != nil {
		e.last.next = child
	} else {
		e.first = child
	}
	e.last = child
	e.count++
}

// bereave takes a child that has ended out of the family.
func (c *cell) bereave(child *cell) {
	e := c.extra
	if child.prev != nil {
		child.prev.next = child.next
	} else {
		e.first = child.next
	}
	if child.next != nil {
		child.next.prev = child.prev
	} else {
		e.last = child.prev
	}
	child.next, child.prev = nil, nil
	e.count--
}

// invoke gives the actor a message.
func (c *cell) invoke(message any) {
	q := c.queue
	q.current = message
	switch m := actor.UnwrapEnvelopeMessage(message).(type) {
	case *actor.PoisonPill:
		c.Stop(&c.pid)
	case actor.AutoRespond:
		c.actor.Receive(c.context())
		c.context().Respond(m.GetAutoResponse(c.context()))
	default:
		c.actor.Receive(c.context())
	}
	q.current = nil
}

// contain gives the actor a message of its end. If it fails over that, it ends all the same.
func (c *cell) contain(message any) {
	defer func() {
		if reason := recover(); reason != nil {
			c.queue.current = nil
			c.escalate(message, reason, debug.Stack())
		}
	}()
	c.invoke(message)
}

// lifecycle handles a system message.
func (c *cell) lifecycle(message any) {
	if c.life == stopped {
		if m, ok := message.(*actor.Watch); ok {
			c.kind.system.tell(m.Watcher, &actor.Terminated{Who: &c.pid})
		}
		return
	}
	switch m := message.(type) {
	case ended:
		c.bereave(m.child)
		c.terminated(&actor.Terminated{Who: &m.child.pid})
	case *failed:
		c.kind.children.judge(m)
	case halt:
		c.stop()
	case *actor.Restart:
		c.become(restarting)
		c.invoke(&actor.Restarting{})
		c.stopChildren()
		c.settle()
	case *actor.Watch:
		if c.life >= stopping {
			c.kind.system.tell(m.Watcher, &actor.Terminated{Who: &c.pid})
			return
		}
		e := c.more()
		if !slices.ContainsFunc(e.watchers, m.Watcher.Equal) {
			e.watchers = append(e.watchers, m.Watcher)
		}
	case *actor.Unwatch:
		if c.extra != nil {
			c.extra.watchers = slices.DeleteFunc(c.extra.watchers, m.Watcher.Equal)
		}
	case *actor.Terminated: // of one that it watches
		c.terminated(m)
	default:
		c.invoke(message)
	}
}

// terminated tells the actor that another one has ended, and ends with its last child.
func (c *cell) terminated(m *actor.Terminated) {
	if c.life >= stopping {
		c.contain(m)
	} else {
		c.invoke(m)
	}
	c.settle()
}

// stop ends the actor once its children have.
func (c *cell) stop() {
	if c.life >= stopping {
		return
	}
	c.become(stopping)
	c.contain(&actor.Stopping{})
	c.stopChildren()
	c.settle()
}

func (c *cell) stopChildren() {
	if c.extra == nil {
		return
	}
	for child := c.extra.last; child != nil; child = child.prev {
		child.SendSystemMessage(&child.pid, halt{})
	}
}

// settle goes on with a restart or a stop that no child holds up any more.
func (c *cell) settle() {
	switch {
	case c.extra != nil && c.extra.count > 0:
	case c.life == restarting:
		c.actor = c.produce(&c.Mailbox)
		c.become(alive)
		c.SendSystemMessage(&c.pid, &actor.ResumeMailbox{})
		c.invoke(&actor.Started{})
	case c.life == stopping:
		c.finish()
	}
}

// finish ends the actor.
func (c *cell) finish() {
	c.kind.system.cells.leave(c)
	c.contain(&actor.Stopped{})
	c.become(stopped)
	c.actor, c.produce = nil, nil
	if c.extra != nil {
		for _, watcher := range c.extra.watchers {
			c.kind.system.tell(watcher, &actor.Terminated{Who: &c.pid})
		}
		c.extra = nil
	}
	if c.parent != nil {
		c.parent.SendSystemMessage(&c.parent.pid, ended{c})
	} else {
		c.kind.system.guardian.ended(c)
	}
}

func (c *cell) become(life uint8) {
	c.mu.Lock()
	c.life = life
	c.mu.Unlock()
}

// path is the names from the top down to the actor.
func (c *cell) path() string {
	if c.parent == nil {
		return c.pid.Id
	}
	return c.parent.path() + "/" + c.pid.Id
}
