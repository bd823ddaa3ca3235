package badger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	library "github.com/dgraph-io/badger/v4"

	"github.com/troupemq/troupe/persistence"
)

// format is the number of the layout of keys and records. It grows with each
// change that an older version could not read.
const format = 1

// Names in the part for the store itself.
const (
	formatName = "format" // decimal
	bootsName  = "boots"  // 8 bytes, big endian
)

// checkFormat refuses a directory of a later format, and changes an earlier one.
func (s *Store) checkFormat() error {
	text, err := s.Get(nil, persistence.PartMeta.Named(formatName))
	if errors.Is(err, persistence.ErrNotFound) {
		return s.checkNew()
	}
	if err != nil {
		return err
	}
	found, err := strconv.ParseUint(string(text), 10, 64)
	switch {
	case err != nil || found == 0:
		return corrupt(s.dir, fmt.Sprintf("its format is %q, which is no number", text))
	case found > format:
		return fmt.Errorf("%w: %s has format %d, this version of the program knows %d at most: use the version that wrote it or a later one, or restore a backup from before",
			persistence.ErrNewer, s.dir, found, format)
	}
	for ; found < format; found++ {
		if err := s.upgrade(found); err != nil {
			return fmt.Errorf("data directory %s: changing format %d to %d: %w", s.dir, found, found+1, err)
		}
	}
	return nil
}

// upgrade changes a directory of a format into one of the next, in one batch with
// the new number, so that a process that ends within leaves one or the other.
func (s *Store) upgrade(from uint64) error {
	switch from {
	default: // format 1 is the first
		return errors.ErrUnsupported
	}
}

// checkNew gives a format to a directory that has none, which must be empty.
func (s *Store) checkNew() error {
	empty := true
	err := s.db.View(func(t *library.Txn) error {
		it := t.NewIterator(library.IteratorOptions{})
		defer it.Close()
		it.Rewind()
		empty = !it.Valid()
		return nil
	})
	if err != nil {
		return err
	}
	if !empty {
		return corrupt(filepath.Join(s.dir, library.ManifestFilename), "there is data, and no record of its format")
	}
	var b persistence.Batch
	b.Put(persistence.PartMeta.Named(formatName), strconv.AppendUint(nil, format, 10))
	return s.Apply(&b)
}

// greet counts the boot, and makes that safe before anybody uses the number.
func (s *Store) greet() error {
	key := persistence.PartMeta.Named(bootsName)
	value, err := s.Get(nil, key)
	switch {
	case errors.Is(err, persistence.ErrNotFound):
	case err != nil:
		return err
	case len(value) != 8:
		return corrupt(s.dir, "the number of boots is damaged")
	default:
		s.boot = binary.BigEndian.Uint64(value)
	}
	s.boot++
	var b persistence.Batch
	b.Put(key, binary.BigEndian.AppendUint64(nil, s.boot))
	if err := s.Apply(&b); err != nil {
		return err
	}
	return s.Sync()
}
