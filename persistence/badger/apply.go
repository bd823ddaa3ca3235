package badger

import (
	"errors"
	"fmt"
	"strings"

	library "github.com/dgraph-io/badger/v4"

	"github.com/troupemq/troupe/persistence"
)

// MaxKey is the length of the longest key, in bytes. It is the library's limit.
const MaxKey = 65000

// entry is a change as the library gets it.
type entry struct {
	persistence.Op
	mark byte // what the value is: one of the marks
}

// marks of values, which are kept beside them.
const (
	plain     = 0 // the value itself
	reference = 1 // where the pieces of the value are, see value.go
)

// overhead is more than what the library adds to each change of a transaction.
const overhead = 32

// Apply makes all changes of b. It takes two switches of goroutines and copies
// into a mapped file. With little space on the device it fails before anything
// is written, for the library could not be told: a write to a mapped file on a
// full device ends the process. An error that is not ErrNoSpace or a key that
// cannot be is final: all calls fail from then on, until the directory is opened
// again, and the batch may be there then.
func (s *Store) Apply(b *persistence.Batch) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	s.applying.Lock()
	defer s.applying.Unlock()
	for _, op := range b.Ops() {
		if err := checkKey(op.Key); err != nil {
			return err
		}
	}
	if b.Len() == 0 {
		return nil
	}
	// A batch that exceeds a transaction is written three times: to be done
	// again, to the log, into a table.
	need := int64(b.Bytes())
	if !s.fits(b.Len(), b.Bytes()) {
		need *= 3
	}
	if err := s.room(need); err != nil {
		return err
	}
	defer s.forget()
	obsolete, err := s.shorten(b.Ops())
	if err != nil {
		return err
	}
	if err := s.write(s.entries); err != nil {
		return err
	}
	s.wrote(need)
	return s.drop(obsolete)
}

// forget lets go of the batch that was written.
func (s *Store) forget() {
	clear(s.entries)
	if cap(s.entries) > 1<<12 {
		s.entries = nil
	}
}

// libraryPrefix begins the library's own keys.
const libraryPrefix = "!badger!"

func checkKey(key []byte) error {
	if len(key) == 0 || len(key) > MaxKey || key[0] == reserved || strings.HasPrefix(string(key[:min(len(key), len(libraryPrefix))]), libraryPrefix) {
		return fmt.Errorf("persistence: a key of %d bytes beginning with %q: there may be 1 to %d, the first not 0", len(key), key[:min(8, len(key))], MaxKey)
	}
	return nil
}

// write makes changes, in one transaction or by way of a redo record.
func (s *Store) write(entries []entry) error {
	size := 0
	for _, e := range entries {
		size += len(e.Key) + len(e.Value)
	}
	if s.fits(len(entries), size) {
		return s.commit(entries)
	}
	return s.commitLarge(entries)
}

// fits tells whether so many changes of so many bytes are one transaction.
func (s *Store) fits(entries, bytes int) bool {
	return int64(entries) < s.db.MaxBatchCount()-2 && int64(bytes+(entries+2)*overhead) < s.db.MaxBatchSize()
}

// commit makes changes that fit one transaction.
func (s *Store) commit(entries []entry) error {
	t := s.db.NewTransaction(true)
	defer t.Discard()
	for _, e := range entries {
		var err error
		if e.Delete {
			err = t.Delete(e.Key)
		} else {
			err = t.SetEntry(library.NewEntry(e.Key, e.Value).WithMeta(e.mark))
		}
		if err != nil {
			return fmt.Errorf("data directory %s: %w", s.dir, err)
		}
	}
	if err := t.Commit(); err != nil {
		return s.fail(err)
	}
	s.state.Lock()
	s.written = true
	s.state.Unlock()
	// What follows the changes of one log in the next must not be the only thing
	// that a loss of power leaves.
	turned, err := s.logs.follow()
	if turned {
		s.measure()
		s.wake()
	}
	if err == nil && turned {
		err = errors.Join(s.logs.settle(), s.remember())
	}
	if err != nil {
		return s.fail(err)
	}
	return nil
}

// split cuts changes into parts that fit one transaction each.
func (s *Store) split(entries []entry, each func([]entry) error) error {
	first, bytes := 0, 0
	for i, e := range entries {
		if size := len(e.Key) + len(e.Value); s.fits(i-first+1, bytes+size) {
			bytes += size
			continue
		}
		if err := each(entries[first:i]); err != nil {
			return err
		}
		first, bytes = i, len(e.Key)+len(e.Value)
	}
	if first == len(entries) {
		return nil
	}
	return each(entries[first:])
}
