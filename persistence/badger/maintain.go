package badger

import (
	"context"
	"fmt"

	"go.uber.org/zap"
)

// Bounds of what Maintain merges at once.
const (
	mergeMax   = 4 << 30 // bytes of tables: more would take minutes, during which Close waits
	mergeShare = 8       // of a quiet store only what is more than 1/8 is merged
)

// Maintain gives back space that changed and removed keys take. The owner calls
// it every few minutes. The library merges tables by their number and size while
// there is something to write; that leaves a store that has gone quiet, or one
// whose few keys change for ever, with more garbage than data. Maintain merges
// all tables into one level when they have grown to twice what they were after
// the last time and four memory tables, and once when nothing was written since
// the last call. It also stops the compactors while there is nothing to compact.
// A store that is quiet and merged costs it microseconds.
func (s *Store) Maintain(ctx context.Context) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	if err := ctx.Err(); err != nil {
		return err
	}
	s.state.Lock()
	quiet := !s.written
	s.written = false
	settled := s.settled
	s.state.Unlock()

	top, total, above := s.levels()
	grown := total > 2*settled+4*s.o.MemTable
	if !grown && !(quiet && top == 0 && above*mergeShare > total) || total > mergeMax || s.room(total) != nil {
		s.rest()
		return s.note()
	}
	if err := s.merge(); err != nil {
		return fmt.Errorf("data directory %s: merging tables: %w", s.dir, err)
	}
	_, after, _ := s.levels()
	s.state.Lock()
	s.settled = after
	s.state.Unlock()
	s.o.Log.Debug("merged all tables", zap.String("directory", s.dir), zap.Int64("bytes_before", total), zap.Int64("bytes_after", after))
	return s.note()
}

// note remembers the MANIFEST as it is after a compaction.
func (s *Store) note() error {
	s.applying.Lock()
	defer s.applying.Unlock()
	if err := s.remember(); err != nil {
		return fmt.Errorf("data directory %s: %w", s.dir, err)
	}
	return nil
}

// levels is the size of the tables of the top level, which the compactors will
// merge in any case, of all, and of those above the lowest.
func (s *Store) levels() (top, total, above int64) {
	lowest := int64(0)
	for _, l := range s.db.Levels() {
		total += l.Size
		switch {
		case l.Level == 0:
			top = l.Size
		case l.NumTables > 0:
			lowest = l.Size
		}
	}
	return top, total, total - lowest
}
