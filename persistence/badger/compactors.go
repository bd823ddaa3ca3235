package badger

import (
	"sync"
	"time"
	_ "unsafe" // for linkname

	library "github.com/dgraph-io/badger/v4"
	"go.uber.org/zap"
)

// The library's compactors look for work twenty times a second each, for ever,
// which is what a store without work must not cost. There is work only after a
// log has become a table. The library stops and starts them for itself, but lets
// nobody else do it; so these two of its functions are linked by name. They are
// as of v4.9.6: a version without them fails to link.

//go:linkname stopCompactions github.com/dgraph-io/badger/v4.(*DB).stopCompactions
func stopCompactions(*library.DB)

//go:linkname startCompactions github.com/dgraph-io/badger/v4.(*DB).startCompactions
func startCompactions(*library.DB)

// compactors are the library's, as far as they are told to run.
type compactors struct {
	mu      sync.Mutex  // held while they are stopped or started
	resting bool        // they are stopped: there is nothing to do
	halted  bool        // they are stopped: there is no room to do it
	watch   *time.Timer // looks for that room while there is something to do; nil: it never was
	ended   bool        // the store is closing
}

// watchEvery is how often it is looked for room while there is something to do. A
// compactor looks for work as often.
const watchEvery = 50 * time.Millisecond

// rest stops the compactors if they have nothing to do.
func (s *Store) rest() {
	c := &s.compactors
	c.mu.Lock()
	defer c.mu.Unlock()
	logs, err := named(s.dir, logFile)
	if c.resting || c.halted || err != nil || len(logs) > 1 { // a full log is gone once it is a table
		return
	}
	for _, l := range s.db.Levels() {
		if l.Score > 0 || l.Level == 0 && l.NumTables > 0 {
			return
		}
	}
	stopCompactions(s.db)
	c.resting = true
}

// wake starts the compactors: a log is about to become a table.
func (s *Store) wake() {
	c := &s.compactors
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.resting || c.halted {
		startCompactions(s.db)
	}
	s.running()
}

// merge merges all tables into one level. The library stops the compactors for
// that, and starts them afterwards.
func (s *Store) merge() error {
	s.compactors.mu.Lock()
	defer s.compactors.mu.Unlock()
	defer s.running()
	return s.db.Flatten(1)
}

// running notes that the compactors may work, and watches their room: who writes
// looks for it before, but they go on when nobody writes any more, and what another program
// takes of the device meanwhile they would find out by a signal that ends the
// process, with all stores in it. The caller holds the lock.
func (s *Store) running() {
	c := &s.compactors
	c.resting, c.halted = false, false
	if c.ended {
		return
	}
	if c.watch == nil {
		c.watch = time.AfterFunc(watchEvery, s.look)
		return
	}
	c.watch.Reset(watchEvery)
}

// look stops the compactors while the device has less than they may take, and
// starts them again.
func (s *Store) look() {
	c := &s.compactors
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.resting || c.ended {
		return
	}
	short := enough(s.dir, s.passing.Load()+s.own())
	switch {
	case short != nil && !c.halted:
		s.o.Log.Warn("tables are not merged until there is room", zap.Error(short))
		stopCompactions(s.db) // which waits for what they have begun
	case short == nil && c.halted:
		startCompactions(s.db)
	}
	c.halted = short != nil
	c.watch.Reset(watchEvery)
}

// unwatch ends the watch.
func (s *Store) unwatch() {
	c := &s.compactors
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	if c.watch != nil {
		c.watch.Stop()
	}
}
