// Package journal holds the actor that commits to the store in groups.
//
// Who has something to write says Dirty; who publishes gives a Ticket along, of
// which the journal hears when all receivers have taken account of the messages.
// While one group is written, what comes gathers for the next. Then the journal
// gives the tickets that are ready to the group, collects from everybody who is
// dirty what it has to write by now, hands it all to the one who
// writes, and tells everybody when it is as safe as the instance promises. What
// was acknowledged by its receivers before its group began is thus never written.
//
// The actor itself never waits for the disk. It is fail-stop: if it fails, the
// instance ends, since nobody knows then what was written.
package journal

import (
	"errors"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/internal/eventloop"
	"github.com/troupemq/troupe/internal/telemetry"
	"github.com/troupemq/troupe/persistence"
)

const (
	// lazyAfter is how long what nobody waits for may wait for company, in milliseconds.
	lazyAfter = 100
	// retryAfter is how long the journal waits for room on a full disk before it tries again, in milliseconds.
	retryAfter = 500
	// settleAfter is how long what was written may stay unsynced where groups do not wait for that, in milliseconds.
	settleAfter = 1000
)

// Options is how a journal works.
type Options struct {
	Store persistence.Store
	// Sync makes each group safe from a loss of power before it is told of.
	Sync bool
	// Interval is how long what nobody waits for is gathered, in milliseconds; 0: a short while. With durability
	// `memory`, where nobody ever waits, this is the loss window.
	Interval int64
	// Began is told before a group is collected, and Done once it is committed; nil: nobody is.
	Began, Done func()
	// Tight tells whether the store has so little room that only what makes more should be written, as an error that says
	// why; nil: it always has. It is called as part of what Disk has done. While it is tight messages wait as if the disk were full, and what
	// Clients take is written.
	Tight func() error
	// Full is told when the disk is full or tight, and when it is not any more; nil: nobody is.
	Full func(bool)
	// Failed is told that writing failed for good: nothing is written any more.
	Failed   func(error)
	Counters *telemetry.Counters
	Log      *zap.Logger
	// Ended are sessions of which something may be left in the store.
	Ended []uint64
	// Unused is the number from which on no body is in the store at the start.
	Unused uint64
	// Disk has somebody else do work that may wait for the disk: one piece at a time, in the order of the calls. It does not
	// block as long as no more than two pieces are waiting, and has done all once the instance has ended.
	Disk func(work func())
}

// Journal is the actor.
type Journal struct {
	o    Options
	loop eventloop.Loop
	self *actor.PID
	root *actor.RootContext

	group   uint64
	running *group             // collected from or being written; nil: none
	ready   []*message.Ticket  // for the next group
	dirty   []*actor.PID       // likewise
	known   map[*actor.PID]int // places in dirty
	urgent  bool               // somebody waits for the next group
	flushes []chan<- struct{}

	synced int64 // Unix ms of the last sync that nobody waited for
	timer  *eventloop.Timer
	armed  int64 // Unix ms the timer is set to; 0: not
	due    int64 // Unix ms at which dirty has waited for long enough; 0: it is empty
	full   bool  // the disk is, and that was logged
	tight  bool  // it has little room, and that was logged
	looked int64 // Unix ms when that was last seen
	broken bool  // nothing is written any more
	writer *writer
	chores chores // what the writer has to do when there is nothing else
	busy   bool   // with a chore
}

// group is what is written together.
type group struct {
	number  uint64
	tickets []*message.Ticket
	waiting int // sources that have not answered
	batch   persistence.Batch
	bodies  []message.Body
	ended   []uint64
	applied bool // the store has the changes, and may have to be synced yet
	wants   []*actor.PID
	flushes []chan<- struct{}
}

// written is the writer's word about a group, or about a chore.
type written struct {
	group  *group
	err    error
	chores chores // what is left to be done
	tight  error  // what Tight says; meaningless after an error
}

type tick struct{}

// New makes the actor. It runs on loop.
func New(o Options, loop eventloop.Loop) *Journal {
	if o.Full == nil {
		o.Full = func(bool) {}
	}
	if o.Began == nil {
		o.Began, o.Done = func() {}, func() {}
	}
	return &Journal{o: o, loop: loop, known: make(map[*actor.PID]int)}
}

// Receive implements actor.Actor.
func (j *Journal) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		j.self, j.root = ctx.Self(), ctx.ActorSystem().Root
		j.timer = eventloop.NewTimer(func() { j.root.Send(j.self, tick{}) })
		j.writer = newWriter(&j.o)
		j.chores = j.writer.chores()
		j.look()
		j.tidy()
	case *message.Ready:
		if !j.broken {
			j.ready = append(j.ready, m.Ticket)
		}
	case *message.Dirty:
		if _, ok := j.known[m.Source]; !ok {
			j.known[m.Source] = len(j.dirty)
			j.dirty = append(j.dirty, m.Source)
		}
		j.urgent = j.urgent || m.Urgent
	case *message.Staged:
		j.staged(m)
	case *written:
		j.written(m)
	case *message.Flush:
		j.flushes = append(j.flushes, m.Done)
		if j.broken {
			j.flushed()
		}
	case tick:
		j.armed = 0
		switch {
		case j.broken:
		case j.full:
			j.write(j.running)
		default:
			j.urgent = j.urgent || j.due != 0 && j.loop.Now() >= j.due
			j.tidy()
		}
	case system.Drained:
		j.begin()
	case *actor.Stopping, *actor.Restarting:
		j.stop()
	}
}

// begin starts the next group if there is a reason for it.
func (j *Journal) begin() {
	switch {
	case j.running != nil || j.broken:
		return
	case (len(j.ready) == 0 || j.tight) && !j.urgent && len(j.flushes) == 0:
		if len(j.dirty) > 0 {
			if j.due == 0 {
				j.due = j.loop.Now() + max(j.o.Interval, lazyAfter)
			}
			j.arm(j.due)
		}
		return
	}
	j.group++
	g := &group{number: j.group, waiting: len(j.dirty), flushes: j.flushes}
	if !j.tight {
		g.tickets, j.ready = j.ready, nil
	}
	j.running, j.flushes, j.urgent, j.due = g, nil, false, 0
	j.o.Began()
	for _, t := range g.tickets {
		t.Enter(g.number)
	}
	for _, source := range j.dirty {
		j.root.Send(source, &message.Collect{Group: g.number, Journal: j.self, Root: j.root, Source: source, Tight: j.tight})
	}
	clear(j.known)
	clear(j.dirty)
	j.dirty = j.dirty[:0]
	j.collected()
}

func (j *Journal) staged(m *message.Staged) {
	g := j.running
	if g == nil || j.broken || m.Group != g.number || g.waiting == 0 {
		return
	}
	if m.Batch != nil {
		g.batch.Append(m.Batch)
	}
	g.bodies = append(g.bodies, m.Bodies...)
	g.ended = append(g.ended, m.Ended...)
	if m.Wants {
		g.wants = append(g.wants, m.Source)
	}
	g.waiting--
	j.collected()
}

// collected hands the group over once everybody has answered.
func (j *Journal) collected() {
	g := j.running
	switch {
	case g.waiting > 0:
	case g.batch.Len() == 0 && len(g.bodies) == 0 && len(g.ended) == 0:
		j.committed()
	default:
		j.write(g)
	}
}

// write has the writer commit a group.
func (j *Journal) write(g *group) {
	j.o.Disk(func() {
		err := j.writer.commit(g)
		j.root.Send(j.self, &written{group: g, err: err, chores: j.writer.chores(), tight: j.writer.tight()})
	})
}

// tidy has the writer do a chore, unless there is something more important.
func (j *Journal) tidy() {
	switch {
	case j.busy || j.broken || j.running != nil:
	case j.tight && !j.chores.reap && j.loop.Now() >= j.looked+retryAfter:
		j.look()
	case j.tight && j.chores == (chores{}):
		j.arm(j.looked + retryAfter)
	case j.chores == (chores{}):
	case j.chores.reap:
		j.busy = true
		j.o.Disk(func() {
			err := j.writer.reapSome()
			j.root.Send(j.self, &written{err: err, chores: j.writer.chores(), tight: j.writer.tight()})
		})
	case j.loop.Now() < j.synced+settleAfter:
		j.arm(j.synced + settleAfter)
	default:
		j.busy, j.synced = true, j.loop.Now()
		j.o.Disk(func() {
			err := j.writer.settle()
			j.root.Send(j.self, &written{err: err, chores: j.writer.chores(), tight: j.writer.tight()})
		})
	}
}

// look has the writer look whether there is room.
func (j *Journal) look() {
	j.looked = j.loop.Now()
	if j.o.Tight == nil {
		return
	}
	j.busy = true
	j.o.Disk(func() {
		j.root.Send(j.self, &written{chores: j.writer.chores(), tight: j.writer.tight()})
	})
}

// press notes whether there is little room.
func (j *Journal) press(tight error) {
	if j.tight == (tight != nil) {
		return
	}
	j.tight = tight != nil
	j.looked = j.loop.Now()
	j.o.Full(j.tight || j.full)
	if j.tight {
		j.o.Counters.StoreTight.Store(1)
		j.o.Log.Warn("the data directory has come near to what it may take: messages that have to be kept wait, until Clients have taken some",
			zap.Error(tight))
		return
	}
	j.o.Counters.StoreTight.Store(0)
	j.o.Log.Info("there is room in the data directory again, messages are kept")
}

func (j *Journal) written(m *written) {
	j.chores = m.chores
	if m.err == nil && !j.broken {
		j.press(m.tight)
	}
	if m.group == nil {
		j.busy = false
	}
	full := errors.Is(m.err, persistence.ErrNoSpace)
	switch {
	case j.broken: // it was under way when something else failed
	case m.err != nil && !full:
		j.fail(m.err)
	case m.group == nil && full: // who waits for something that is written will say more of it
		j.arm(j.loop.Now() + retryAfter)
	case m.group == nil:
		j.tidy()
	case full:
		j.o.Counters.StoreFull.Add(1)
		if !j.full {
			j.full = true
			j.o.Counters.StoreStalled.Store(1)
			j.o.Full(true)
			j.o.Log.Error("the disk is full: nothing is acknowledged that has to be written, until there is room", zap.Error(m.err))
		}
		j.arm(j.loop.Now() + retryAfter)
	default:
		if j.full {
			j.full = false
			j.o.Counters.StoreStalled.Store(0)
			j.o.Full(j.tight)
			j.o.Log.Info("there is room on the disk again, what waited is written")
		}
		j.committed()
	}
}

// fail is the end of all writing.
func (j *Journal) fail(err error) {
	j.broken, j.ready = true, nil
	j.o.Counters.StoreStalled.Store(1)
	j.o.Counters.StoreFailed.Add(1)
	j.o.Log.Error("the store failed: nothing is acknowledged any more that has to be written", zap.Error(err))
	j.flushed()
	j.o.Failed(err)
}

// flushed tells those who wait for everything that there is nothing to wait for.
func (j *Journal) flushed() {
	if g := j.running; g != nil {
		j.flushes = append(j.flushes, g.flushes...)
		g.flushes = nil
	}
	for _, done := range j.flushes {
		close(done)
	}
	j.flushes = nil
}

// committed tells those who wait for the group, each once.
func (j *Journal) committed() {
	g := j.running
	j.running = nil
	j.o.Done()
	j.o.Counters.StoreGroups.Add(1)
	m := &message.Committed{Group: g.number}
	told := make(map[*actor.PID]bool, len(g.wants)+len(g.tickets))
	tell := func(pid *actor.PID) {
		if !told[pid] {
			told[pid] = true
			j.root.Send(pid, m)
		}
	}
	for _, pid := range g.wants {
		tell(pid)
	}
	for _, t := range g.tickets {
		tell(t.Publisher)
	}
	for _, done := range g.flushes {
		close(done)
	}
	j.tidy()
}

// arm lets a tick come at a time, in Unix ms, or earlier if one is coming then.
func (j *Journal) arm(at int64) {
	if j.armed == 0 || at < j.armed {
		j.armed = at
		j.loop.Start(j.timer, at)
	}
}

func (j *Journal) stop() {
	if j.timer != nil {
		j.loop.Stop(j.timer)
	}
	j.flushed()
}
