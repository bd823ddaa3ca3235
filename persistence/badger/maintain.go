package badger

import (
	"context"
	"fmt"

	"go.uber.org/zap"
)

// Bounds of what Maintain merges at once.
const (
	mergeMax   = 4 << 30 // bytes of tables: more would take minutes, during which Close waits
	mergeShare = 8       // a quiet store is merged if more than 1/8 of its bytes or keys are not, or it is small
)

// Maintain gives back space that changed and removed keys take. The owner calls
// it every few minutes. The library merges tables by their number and size while
// there is something to write; that leaves a store that has gone quiet with values
// that were replaced, and with removals beside what they removed. Maintain merges
// all tables into one level when they have grown to twice what they were after
// the last time and four memory tables, and once when nothing was written since
// the last call, or the directory takes almost what it may. It also stops the
// compactors while there is nothing to compact.
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
	tight := s.Tight() != nil
	if tight {
		if err := s.press(); err != nil {
			return fmt.Errorf("data directory %s: %w", s.dir, err)
		}
	}

	before := s.levels()
	small := 4 * s.o.MemTable
	if before.bytes <= 2*settled+small && !((quiet || tight) && before.untidy(small)) || before.bytes > mergeMax || s.roomy(before.bytes) != nil {
		s.rest()
		return s.note()
	}
	if err := s.merge(); err != nil {
		return fmt.Errorf("data directory %s: merging tables: %w", s.dir, err)
	}
	after := s.levels()
	s.measure()
	s.state.Lock()
	s.settled = after.bytes
	s.state.Unlock()
	s.o.Log.Debug("merged all tables", zap.String("directory", s.dir), zap.Int64("bytes_before", before.bytes), zap.Int64("bytes_after", after.bytes))
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

// levels is what the tables have, in all and above the lowest level.
type levels struct {
	top                    int // tables of the top level: the compactors will merge them in any case
	bytes, keys            int64
	bytesAbove, keysAbove  int64
	bytesLowest, keyLowest int64
}

func (s *Store) levels() (l levels) {
	lowest := 0
	for _, t := range s.db.Tables() { // in the order of levels
		if t.Level == 0 {
			l.top++
		}
		if t.Level != lowest {
			lowest, l.bytesLowest, l.keyLowest = t.Level, 0, 0
		}
		l.bytes += int64(t.OnDiskSize)
		l.keys += int64(t.KeyCount)
		l.bytesLowest += int64(t.OnDiskSize)
		l.keyLowest += int64(t.KeyCount)
	}
	l.bytesAbove, l.keysAbove = l.bytes-l.bytesLowest, l.keys-l.keyLowest
	return l
}

// untidy tells whether it is worth to merge levels that do not grow.
func (l levels) untidy(small int64) bool {
	return l.top == 0 && l.bytesAbove > 0 &&
		(l.bytes <= small || l.bytesAbove*mergeShare > l.bytes || l.keysAbove*mergeShare > l.keys)
}
