package badger

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/troupemq/troupe/persistence"
)

// quota is what the directory may take, and what it takes as far as is known:
// nobody walks through it for each batch. The files of a merge that is under way
// are not counted: there would be twice as many for a moment, and then fewer than
// before. So while tables are merged the directory may take more by what the
// compactors take in passing (see measure), or with Maintain by as much as the
// tables have; and by a log or two that are tables already and not removed yet.
type quota struct {
	most  atomic.Int64 // bytes; 0: any number
	taken atomic.Int64 // when it was measured, and what was written since
	tight atomic.Bool
	dirty atomic.Bool // something was written since the log was last made a table for that
}

// What is left of the quota for changes that make room: the rest of the last
// eighth. What was tight is not any more when 3/16 are free.
const (
	tightFrom = 14 // sixteenths of the quota
	tightTo   = 13
)

// SetMaxDisk bounds what the directory takes, in bytes; 0: any number.
func (s *Store) SetMaxDisk(bytes int64) {
	s.quota.most.Store(bytes)
	if s.enter() == nil {
		s.account()
		s.leave()
	}
}

// Taken is how many bytes the directory takes, about.
func (s *Store) Taken() int64 { return s.quota.taken.Load() }

// Tight tells whether so much of the quota is taken that only what makes room
// should be written, as an error that says how much; nil if there is room. From there on
// [Store.Maintain] makes what was removed give its space back.
func (s *Store) Tight() error {
	q := &s.quota
	most := q.most.Load()
	if most == 0 {
		q.tight.Store(false)
		return nil
	}
	if s.enter() != nil {
		return nil // who writes will be told
	}
	defer s.leave()
	limit := most / 16 * tightFrom
	if q.tight.Load() {
		limit = most / 16 * tightTo
	}
	if q.taken.Load() >= limit {
		s.account()
	}
	q.tight.Store(q.taken.Load() >= limit)
	if !q.tight.Load() {
		return nil
	}
	return s.exceeded(most)
}

// within tells whether so many bytes more are within the quota.
func (s *Store) within(bytes int64) error {
	q := &s.quota
	most := q.most.Load()
	if most == 0 || q.taken.Load()+bytes <= most {
		return nil
	}
	if s.account(); q.taken.Load()+bytes <= most {
		return nil
	}
	return s.exceeded(most)
}

func (s *Store) exceeded(most int64) error {
	return fmt.Errorf("%w: %s takes %d MiB and may take %d (max_disk)", persistence.ErrNoSpace, s.dir, s.quota.taken.Load()>>20, most>>20)
}

// wrote counts a batch.
func (s *Store) wrote(bytes int64) {
	s.quota.taken.Add(bytes)
	s.quota.dirty.Store(true)
}

// account measures what is taken: by tables that are in use, and all other files.
func (s *Store) account() {
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return // it stays as it was, and grows
	}
	taken := int64(0)
	for _, f := range files {
		if filepath.Ext(f.Name()) == tableFile {
			continue
		}
		if info, err := f.Info(); err == nil {
			taken += allocated(info)
		}
	}
	for _, t := range s.db.Tables() {
		taken += int64(t.OnDiskSize)
	}
	s.quota.taken.Store(taken)
}

// pressKey is what is dropped to make a table of the log.
func pressKey() []byte { return []byte{reserved, 'p'} }

// press makes a table of what is in memory and in the log, though it is not
// full, so that what was removed can be merged away with what it removes: a
// removal is small, and few of them would stand in the log for hours. The library
// does that when a prefix is dropped.
func (s *Store) press() error {
	s.applying.Lock()
	defer s.applying.Unlock()
	if !s.quota.dirty.Swap(false) || s.roomy(2*s.o.MemTable) != nil {
		return nil
	}
	if err := s.commit([]entry{{Op: persistence.Op{Key: pressKey()}}}); err != nil {
		return err
	}
	s.compactors.mu.Lock()
	err := s.db.DropPrefix(pressKey())
	s.running() // the library starts the compactors afterwards
	s.compactors.mu.Unlock()
	if err == nil {
		_, err = s.logs.follow()
	}
	if err == nil {
		err = s.logs.settle()
	}
	if err == nil {
		err = s.remember()
	}
	if err != nil {
		return s.fail(err)
	}
	s.measure()
	return nil
}
