package journal

import (
	"time"

	"go.uber.org/zap"

	"github.com/troupemq/troupe/persistence"
)

const (
	// settleAfter is how long what was written may stay unsynced where groups do not wait for that.
	settleAfter = time.Second
	// reapSlice is how many keys of ended sessions are removed at once.
	reapSlice = 512
)

// writer is the one who writes to the store, on a goroutine of its own.
type writer struct {
	o      *Options
	bodies *persistence.Bodies
	done   func(*group, error)
	groups chan *group
	end    chan struct{} // closed when the goroutine has ended

	reap     []uint64 // ended sessions of which something is left
	unsynced bool
}

func newWriter(o *Options, done func(*group, error)) *writer {
	return &writer{o: o, bodies: persistence.NewBodies(o.Store), done: done, groups: make(chan *group, 1), end: make(chan struct{}), reap: o.Ended}
}

// write hands a group over; there is never more than one.
func (w *writer) write(g *group) { w.groups <- g }

// stop lets the goroutine end. It does not wait for it.
func (w *writer) stop() { close(w.groups) }

// run writes groups, and between them does what nobody waits for.
func (w *writer) run() {
	defer close(w.end)
	timer := time.NewTimer(settleAfter)
	defer timer.Stop()
	for {
		if len(w.reap) > 0 {
			select {
			case g, ok := <-w.groups:
				if !ok {
					return
				}
				w.done(g, w.commit(g))
			default:
				w.reapSome()
			}
			continue
		}
		if w.unsynced {
			timer.Reset(settleAfter)
			select {
			case g, ok := <-w.groups:
				if !ok {
					return
				}
				w.done(g, w.commit(g))
			case <-timer.C:
				w.settle()
			}
			continue
		}
		g, ok := <-w.groups
		if !ok {
			return
		}
		w.done(g, w.commit(g))
	}
}

// commit makes a group safe.
func (w *writer) commit(g *group) error {
	changes := make([]persistence.Change, len(g.bodies))
	for i, b := range g.bodies {
		changes[i] = persistence.Change{ID: b.ID, Run: b.Run, Count: b.Count}
	}
	batch := new(persistence.Batch)
	batch.Append(&g.batch)
	if err := w.apply(batch, changes); err != nil {
		return err
	}
	w.reap = append(w.reap, g.ended...)
	if w.o.Sync {
		return w.o.Store.Sync()
	}
	w.unsynced = true
	return nil
}

func (w *writer) apply(batch *persistence.Batch, changes []persistence.Change) error {
	if err := w.bodies.Settle(changes, batch); err != nil {
		w.bodies.Dropped()
		return err
	}
	if err := w.o.Store.Apply(batch); err != nil {
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
		w.o.Log.Error("the store was not synced", zap.Error(err))
	}
}
