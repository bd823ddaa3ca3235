package journal

import (
	"go.uber.org/zap"

	"github.com/troupemq/troupe/persistence"
)

// reapSlice is how many keys of ended sessions are removed at once.
const reapSlice = 512

// writer is what writes to the store. Its methods are work for [Options.Disk],
// and so are called one at a time, away from the actor.
type writer struct {
	o        *Options
	bodies   *persistence.Bodies
	reap     []uint64 // ended sessions of which something is left
	unsynced bool
}

// chores is what a writer would do that nobody waits for.
type chores struct {
	reap bool // remove what is left of ended sessions
	sync bool // make what was written safe from a loss of power
}

func newWriter(o *Options) *writer {
	w := &writer{o: o, bodies: persistence.NewBodies(o.Store), reap: o.Ended}
	w.bodies.Unused(o.Unused)
	return w
}

func (w *writer) chores() chores { return chores{len(w.reap) > 0, w.unsynced} }

// commit makes a group safe. It may be tried again after an error.
func (w *writer) commit(g *group) error {
	changes := make([]persistence.Change, len(g.bodies))
	for i, b := range g.bodies {
		changes[i] = persistence.Change{ID: b.ID, Run: b.Run, Count: b.Count}
	}
	batch := new(persistence.Batch)
	batch.Append(&g.batch)
	if !g.applied {
		if err := w.apply(batch, changes); err != nil {
			return err
		}
		g.applied = true // what follows may be tried again, this must not be: it counts
		w.reap = append(w.reap, g.ended...)
	}
	if w.o.Sync {
		return w.o.Store.Sync()
	}
	w.unsynced = true
	return nil
}

func (w *writer) apply(batch *persistence.Batch, changes []persistence.Change) error {
	err := w.bodies.Settle(changes, batch)
	if err == nil {
		err = w.o.Store.Apply(batch)
	}
	if err != nil {
		w.bodies.Dropped()
		return err
	}
	w.bodies.Applied()
	return nil
}

// reapSome removes a slice of what is left of an ended session.
func (w *writer) reapSome() {
	batch := new(persistence.Batch)
	changes, done, err := persistence.Reap(w.o.Store, w.reap[0], reapSlice, batch)
	if err == nil {
		err = w.apply(batch, changes)
	}
	if err != nil { // it is found again at the next start
		w.o.Log.Warn("what is left of an ended session was not removed", zap.Uint64("session", w.reap[0]), zap.Error(err))
		done = true
	}
	w.unsynced = true
	if done {
		w.reap = w.reap[1:]
	}
}

// settle makes what was written safe from a loss of power.
func (w *writer) settle() {
	w.unsynced = false
	if err := w.o.Store.Sync(); err != nil {
		w.o.Log.Error("what was written is not safe from a loss of power", zap.Error(err))
	}
}
