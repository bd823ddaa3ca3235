package badger

import (
	"encoding/binary"
	"fmt"

	library "github.com/dgraph-io/badger/v4"

	"github.com/troupemq/troupe/persistence"
)

// The library would put a value beyond a megabyte into its value log, which is
// cleaned by guesses, and a transaction has to have room for it. Values longer
// than a piece are therefore kept in pieces under a number of their own, written
// before the batch in which the key gets a reference to that number. Nobody sees
// pieces without a reference; Open removes them, by the list of large values.

// large is a value in pieces.
type large struct {
	id     uint64
	pieces uint32
}

func largeKey(id uint64) []byte { return binary.BigEndian.AppendUint64([]byte{reserved, 'v'}, id) }

func pieceKey(id uint64, n uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64([]byte{reserved, 'w'}, id), n)
}

// piece is the length of the longest value that is kept as it is: two of them and
// a key are less than what fits a transaction and goes into a table.
func (s *Store) piece() int { return int(min(256<<10, s.db.MaxBatchSize()/8)) }

// shorten turns the changes of a batch into s.entries, with large values in
// pieces on the disk, and tells which large values nobody needs afterwards.
func (s *Store) shorten(ops []persistence.Op) (obsolete []large, err error) {
	s.entries = s.entries[:0]
	var fresh map[string]large
	for _, op := range ops {
		if len(s.large) > 0 || fresh != nil {
			key := string(op.Key)
			if v, ok := s.large[key]; ok {
				obsolete = append(obsolete, v)
				delete(s.large, key)
			}
			if v, ok := fresh[key]; ok {
				obsolete = append(obsolete, v)
				delete(fresh, key)
			}
		}
		if op.Delete || len(op.Value) <= s.piece() {
			s.entries = append(s.entries, entry{Op: op})
			continue
		}
		v, err := s.cut(op)
		if err != nil {
			return nil, err
		}
		if fresh == nil {
			fresh = make(map[string]large)
		}
		fresh[string(op.Key)] = v
		s.entries = append(s.entries, entry{Op: persistence.Op{Key: op.Key, Value: v.encode(len(op.Value))}, mark: reference})
	}
	if fresh == nil {
		return obsolete, nil
	}
	if s.large == nil {
		s.large = make(map[string]large)
	}
	for key, v := range fresh {
		s.large[key] = v
	}
	return obsolete, s.sync() // no reference may be safe before its pieces are
}

// cut writes the pieces of a value, after a note of whose they are.
func (s *Store) cut(op persistence.Op) (large, error) {
	size := s.piece()
	s.lastLarge++
	v := large{id: s.boot<<32 | s.lastLarge, pieces: uint32((len(op.Value) + size - 1) / size)}
	note := append(binary.BigEndian.AppendUint32(nil, v.pieces), op.Key...)
	if err := s.commit([]entry{{Op: persistence.Op{Key: largeKey(v.id), Value: note}}}); err != nil {
		return v, err
	}
	for n := range v.pieces {
		part := op.Value[int(n)*size : min(len(op.Value), int(n+1)*size)]
		if err := s.commit([]entry{{Op: persistence.Op{Key: pieceKey(v.id, n), Value: part}}}); err != nil {
			return v, err
		}
	}
	return v, nil
}

// drop removes large values to which nothing refers any more.
func (s *Store) drop(values []large) error {
	if len(values) == 0 {
		return nil
	}
	if err := s.sync(); err != nil { // the old reference must be gone first
		return err
	}
	for _, v := range values {
		removals := make([]entry, 0, v.pieces+1)
		for n := range v.pieces {
			removals = append(removals, entry{Op: persistence.Op{Key: pieceKey(v.id, n), Delete: true}})
		}
		removals = append(removals, entry{Op: persistence.Op{Key: largeKey(v.id), Delete: true}})
		if err := s.split(removals, s.commit); err != nil {
			return err
		}
	}
	return nil
}

// collect reads at Open the list of large values, and removes those without a
// reference.
func (s *Store) collect() error {
	var orphans []large
	s.large = make(map[string]large)
	err := s.db.View(func(t *library.Txn) error {
		it := t.NewIterator(library.IteratorOptions{Prefix: []byte{reserved, 'v'}})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			note, err := it.Item().ValueCopy(nil)
			if err != nil {
				return err
			}
			if len(note) < 5 || len(it.Item().Key()) != 10 {
				return corrupt(s.dir, "a record of a large value is damaged")
			}
			v := large{id: binary.BigEndian.Uint64(it.Item().Key()[2:]), pieces: binary.BigEndian.Uint32(note)}
			if referred(t, note[4:], v.id) {
				s.large[string(note[4:])] = v
			} else {
				orphans = append(orphans, v)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.drop(orphans)
}

// referred tells whether a key refers to a large value.
func referred(t *library.Txn, key []byte, id uint64) (yes bool) {
	item, err := t.Get(key)
	if err != nil || item.UserMeta() != reference {
		return false
	}
	err = item.Value(func(v []byte) error {
		yes = len(v) == 20 && binary.BigEndian.Uint64(v) == id
		return nil
	})
	return yes && err == nil
}

// encode is the value of a reference: number, length, pieces.
func (v large) encode(size int) []byte {
	b := binary.BigEndian.AppendUint64(nil, v.id)
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(b, uint64(size)), v.pieces)
}

// assemble appends the value that a reference means to dst.
func assemble(t *library.Txn, dst, ref []byte) ([]byte, error) {
	if len(ref) != 20 {
		return dst, fmt.Errorf("%w: a reference to a large value is damaged", persistence.ErrCorrupt)
	}
	id, size, pieces := binary.BigEndian.Uint64(ref), binary.BigEndian.Uint64(ref[8:]), binary.BigEndian.Uint32(ref[16:])
	start := len(dst)
	for n := range pieces {
		item, err := t.Get(pieceKey(id, n))
		if err == nil {
			err = item.Value(func(v []byte) error { dst = append(dst, v...); return nil })
		}
		if err != nil {
			return dst[:start], fmt.Errorf("%w: piece %d of %d of a large value: %v", persistence.ErrCorrupt, n, pieces, err)
		}
	}
	if uint64(len(dst)-start) != size {
		return dst[:start], fmt.Errorf("%w: a large value has %d bytes of %d", persistence.ErrCorrupt, len(dst)-start, size)
	}
	return dst, nil
}
