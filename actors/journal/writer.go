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

// tight tells whether there is little room, and why.
func (w *writer) tight() (why error) {
	if w.o.Tight == nil {
		return nil
	}
	var failed error
	defer persistence.Caught(&failed) // whoever writes will see it too
	return w.o.Tight()
}

// commit makes a group safe. It may be tried again after ErrNoSpace.
func (w *writer) commit(g *group) (err error) {
	defer persistence.Caught(&err)
	changes := make([]persistence.Change, len(g.bodies))
	for i, b := range g.bodies {
		changes[i] = persistence.Change{ID: b.ID, Run: b.Run, Count: b.Count}
	}
	batch := new(persistence.Batch)
	batch.Append(&g.batch)
	if !g.applied {
		err := w.bodies.Settle(changes, batch)
		if err == nil {
			err = w.write(batch)
		}
		if err != nil {
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

// write applies a batch that has what Bodies added.
func (w *writer) write(batch *persistence.Batch) error {
	if err := w.o.Store.Apply(batch); err != nil {
		w.bodies.Dropped()
		return err
	}
	w.bodies.Applied()
	return nil
}

// reapSome removes a slice of what is left of an ended session. It may be tried
// again after ErrNoSpace.
func (w *writer) reapSome() (err error) {
	defer persistence.Caught(&err)
	batch, sid := new(persistence.Batch), w.reap[0]
	changes, done, err := persistence.Reap(w.o.Store, sid, reapSlice, batch)
	if err == nil {
		err = w.bodies.Settle(changes, batch)
	}
	if err != nil { // nobody misses it, and it is found again at the next start
		w.o.Log.Warn("what is left of an ended session cannot be read, and is not removed", zap.Uint64("session", sid), zap.Error(err))
		w.reap = w.reap[1:]
		w.bodies.Dropped()
		return nil
	}
	if err := w.write(batch); err != nil {
		return err
	}
	w.unsynced = true
	if done {
		w.reap = w.reap[1:]
	}
	return nil
}

// settle makes what was written safe from a loss of power. It may be tried again
// after ErrNoSpace.
func (w *writer) settle() (err error) {
	defer persistence.Caught(&err)
	if err := w.o.Store.Sync(); err != nil {
		return err
	}
	w.unsynced = false
	return nil
}
