package badger

import (
	_ "unsafe" // for linkname

	library "github.com/dgraph-io/badger/v4"
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

// rest stops the compactors if they have nothing to do.
func (s *Store) rest() {
	s.compacting.Lock()
	defer s.compacting.Unlock()
	logs, err := named(s.dir, logFile)
	if s.resting || err != nil || len(logs) > 1 { // a full log is gone once it is a table
		return
	}
	for _, l := range s.db.Levels() {
		if l.Score > 0 || l.Level == 0 && l.NumTables > 0 {
			return
		}
	}
	stopCompactions(s.db)
	s.resting = true
}

// wake starts the compactors: a log is about to become a table.
func (s *Store) wake() {
	s.compacting.Lock()
	defer s.compacting.Unlock()
	if s.resting {
		startCompactions(s.db)
		s.resting = false
	}
}

// merge merges all tables into one level. The library stops the compactors for
// that, and starts them afterwards.
func (s *Store) merge() error {
	s.compacting.Lock()
	defer s.compacting.Unlock()
	s.resting = false
	return s.db.Flatten(1)
}
