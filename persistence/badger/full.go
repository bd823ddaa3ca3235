package badger

import (
	"os"
	"reflect"
	"sync/atomic"
	"unsafe"

	library "github.com/dgraph-io/badger/v4"
	librarytable "github.com/dgraph-io/badger/v4/table"
	"go.uber.org/zap"
)

// blockMost is how many tables the library may try to make while it is closed.
const blockMost = 4 * triesMost

// block keeps the library from making a table of what is in memory when it is
// closed, if the device may have no room for that: it would write into a mapped
// file, and the signal that it gets instead of an error ends the process, with all
// stores in it. A file that has the name of the next table is an error to it, and
// giveUp knows what to do then. What is in memory is in the log as well, of which
// [Open] makes that table. The caller calls unblock when the library is closed.
func (s *Store) block() (unblock func()) {
	short := enough(s.dir, s.own())
	if short == nil {
		return func() {}
	}
	s.o.Log.Info("the log is left as it is, to be made a table when the directory is opened", zap.Error(short))
	s.compactors.mu.Lock()
	stopCompactions(s.db) // they take names too
	s.compactors.mu.Unlock()
	var names []string
	for id := nextTable(s.db); len(names) < blockMost; id++ {
		name := librarytable.NewFilename(id, s.dir)
		f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			break
		}
		_ = f.Close() // nothing was written
		names = append(names, name)
	}
	return func() {
		for _, name := range names {
			_ = os.Remove(name) // or Open does, as it removes all tables that it does not know
		}
	}
}

// nextTable is the number that the library's next table gets, as of v4.9.6; it
// tells nobody.
func nextTable(db *library.DB) uint64 {
	next := reflect.ValueOf(db).Elem().FieldByName("lc").Elem().FieldByName("nextFileID")
	return (*atomic.Uint64)(unsafe.Pointer(next.UnsafeAddr())).Load()
}
