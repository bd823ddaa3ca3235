package badger

import (
	"encoding/binary"
	"errors"
	"fmt"

	library "github.com/dgraph-io/badger/v4"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/persistence"
)

// A batch that exceeds a transaction is first kept as a whole in pieces, then a
// marker says that they are complete: from that moment on the batch is done,
// whatever happens. Then the changes are made, in several transactions, then
// marker and pieces are removed. Open removes pieces without a marker, and makes
// the changes again if there is one.

// reserved is the first byte of keys that are the store's own.
const reserved = 0

func markerKey() []byte { return []byte{reserved, 'r'} }

func redoKey(n uint32) []byte { return binary.BigEndian.AppendUint32([]byte{reserved, 'r', 0}, n) }

// commitLarge makes changes that need several transactions as one. Readers that
// begin meanwhile wait.
func (s *Store) commitLarge(entries []entry) error {
	pieces, err := s.record(entries)
	if err != nil {
		return err
	}
	if err := s.mark(pieces); err != nil {
		return err
	}
	return s.redo(entries, pieces)
}

// record keeps changes in pieces.
func (s *Store) record(entries []entry) (pieces int, err error) {
	var all []entry
	var piece []byte
	for i, e := range entries {
		piece = appendEntry(piece, e)
		if len(piece) >= s.piece() || i == len(entries)-1 {
			all = append(all, entry{Op: persistence.Op{Key: redoKey(uint32(len(all))), Value: piece}})
			piece = nil
		}
	}
	return len(all), s.split(all, s.commit)
}

// mark says that the pieces are complete, once they are safe.
func (s *Store) mark(pieces int) error {
	if err := s.sync(); err != nil {
		return err
	}
	count := binary.BigEndian.AppendUint32(nil, uint32(pieces))
	return s.commit([]entry{{Op: persistence.Op{Key: markerKey(), Value: count}}})
}

// redo makes the changes of which a marker says that they are to be made.
func (s *Store) redo(entries []entry, pieces int) error {
	s.gate.Lock()
	defer s.gate.Unlock()
	if err := s.split(entries, s.commit); err != nil {
		return s.fail(err)
	}
	if err := s.sync(); err != nil {
		return err
	}
	if err := s.commit([]entry{{Op: persistence.Op{Key: markerKey(), Delete: true}}}); err != nil {
		return s.fail(err)
	}
	return s.removeRedo(pieces)
}

func (s *Store) removeRedo(pieces int) error {
	removals := make([]entry, pieces)
	for i := range removals {
		removals[i].Op = persistence.Op{Key: redoKey(uint32(i)), Delete: true}
	}
	return s.split(removals, s.commit)
}

// finish does at Open what a process that ended had left of a large batch.
func (s *Store) finish() error {
	var pieces int
	var entries []entry
	marked := -1
	err := s.db.View(func(t *library.Txn) error {
		item, err := t.Get(markerKey())
		if err == nil {
			err = item.Value(func(v []byte) error { marked = int(binary.BigEndian.Uint32(v)); return nil })
		}
		if err != nil && !errors.Is(err, library.ErrKeyNotFound) {
			return err
		}
		it := t.NewIterator(library.IteratorOptions{Prefix: append(markerKey(), 0)})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			pieces++
			if marked < 0 {
				continue
			}
			text, err := it.Item().ValueCopy(nil)
			if err != nil {
				return err
			}
			for len(text) > 0 {
				e, rest, ok := cutEntry(text)
				if !ok {
					return corrupt(s.dir, "a record of a large batch is damaged")
				}
				entries, text = append(entries, e), rest
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case marked < 0 && pieces == 0:
		return nil
	case marked < 0:
		s.o.Log.Info("dropping a large batch that was not complete when the last process ended", zap.String("directory", s.dir))
		return s.removeRedo(pieces)
	case marked > pieces:
		return corrupt(s.dir, fmt.Sprintf("a record of a large batch has %d of %d pieces", pieces, marked))
	}
	s.o.Log.Info("finishing a large batch that the last process began", zap.String("directory", s.dir), zap.Int("changes", len(entries)))
	return s.redo(entries, pieces)
}

// appendEntry writes a change: mark and whether it is a removal, key, value.
func appendEntry(b []byte, e entry) []byte {
	kind := e.mark << 1
	if e.Delete {
		kind |= 1
	}
	b = append(b, kind)
	b = append(binary.AppendUvarint(b, uint64(len(e.Key))), e.Key...)
	return append(binary.AppendUvarint(b, uint64(len(e.Value))), e.Value...)
}

// cutEntry reads what appendEntry wrote, and tells what stands behind it.
func cutEntry(b []byte) (e entry, rest []byte, ok bool) {
	if len(b) == 0 {
		return e, nil, false
	}
	e.mark, e.Delete = b[0]>>1, b[0]&1 != 0
	b = b[1:]
	for _, part := range []*[]byte{&e.Key, &e.Value} {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return e, nil, false
		}
		*part, b = b[n:n+int(size)], b[n+int(size):]
	}
	return e, b, true
}
