package badger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	library "github.com/dgraph-io/badger/v4"

	"github.com/troupemq/troupe/persistence"
)

// errFull is what the system says when a device is full.
const errFull = syscall.ENOSPC

func containsText(err error, text string) bool { return strings.Contains(err.Error(), text) }

// Usage tells what the store uses. It looks at every key, but reads no value.
func (s *Store) Usage() (persistence.Usage, error) {
	if err := s.enter(); err != nil {
		return persistence.Usage{}, err
	}
	defer s.leave()
	u := persistence.Usage{Free: s.free(), Parts: make(map[persistence.Part]persistence.Amount)}
	var err error
	if u.Disk, err = diskUse(s.dir); err != nil {
		return u, fmt.Errorf("data directory: %w", err)
	}
	u.Memory = 3 * s.o.MemTable / 2 // of a skip list and what its last transaction may exceed it by
	for _, table := range s.db.Tables() {
		u.Memory += int64(table.IndexSz + table.BloomFilterSize)
	}
	t := s.reader()
	defer t.Discard()
	it := t.NewIterator(library.IteratorOptions{})
	defer it.Close()
	for it.Seek([]byte{reserved + 1}); it.Valid(); it.Next() {
		item := it.Item()
		size := max(item.KeySize(), item.EstimatedSize())
		if item.UserMeta() == reference {
			if size, err = largeSize(item); err != nil {
				return u, s.readError(err)
			}
		}
		part := persistence.Part(item.Key()[0])
		a := u.Parts[part]
		u.Parts[part] = persistence.Amount{Keys: a.Keys + 1, Bytes: a.Bytes + size}
	}
	return u, nil
}

// largeSize is the size of a key whose value is in pieces.
func largeSize(item *library.Item) (size int64, err error) {
	err = item.Value(func(v []byte) error {
		if len(v) == 20 {
			size = item.KeySize() + int64(binary.BigEndian.Uint64(v[8:]))
		}
		return nil
	})
	return size, err
}

// free is what is left on the device for this process, in bytes; -1: not known.
func (s *Store) free() int64 { return freeSpace(s.dir) }

// room tells whether so many bytes may be written, with what the compactors take
// in passing.
func (s *Store) room(bytes int64) error {
	if err := s.within(bytes); err != nil {
		return err
	}
	return s.roomy(bytes)
}

// roomy tells whether the device has so much room, whatever the quota.
func (s *Store) roomy(bytes int64) error {
	return enough(s.dir, max(s.o.MinFree, s.own())+s.passing.Load()+bytes)
}

// own is what the library may write that nobody is asked about any more: a table of
// the log that is full, and the next log.
func (s *Store) own() int64 { return 2 * s.o.MemTable }

// openable tells whether the device has room to open the directory. Who only
// wants to look into a directory on a device that is full needs room for what
// the library writes at once: the heads of its files, and a table of each log but the last.
func (s *Store) openable() error {
	if s.o.MinFree > 0 {
		return enough(s.dir, s.o.MinFree)
	}
	logs, err := named(s.dir, logFile)
	if err != nil {
		return err
	}
	return enough(s.dir, headsMost+int64(max(0, len(logs)-1))*s.o.MemTable*5/4)
}

// headsMost is more than what opening writes into files that it makes.
const headsMost = 256 << 10

// Bounds of what the compactors take in passing, each of the two.
const (
	topMost   = 8  // memory tables in the top level, which are merged at once, and as many that they overlap
	tableMost = 12 // tables of a level that one of the level above overlaps, with that
)

// measure notes how much the compactors may take in passing: they write new tables
// before they remove the old ones, into mapped files, and so may not find the
// device full. That is no more than there is.
func (s *Store) measure() {
	total, largest := int64(0), int64(0)
	for _, t := range s.db.Tables() {
		total += int64(t.OnDiskSize)
		largest = max(largest, int64(t.OnDiskSize))
	}
	s.passing.Store(min(total, 2*topMost*s.o.MemTable+2*tableMost*largest))
	s.account()
}

// enough tells whether so much is free on the device of a directory.
func enough(dir string, need int64) error {
	free := freeSpace(dir)
	if free < 0 || free >= need {
		return nil
	}
	return fmt.Errorf("%w: %s has %d MiB free and needs %d", persistence.ErrNoSpace, dir, free>>20, (need+1<<20-1)>>20)
}

// diskUse is what all files of a directory take on the device.
func diskUse(dir string) (bytes int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return ignoreMissing(err)
		}
		info, err := d.Info()
		if err != nil {
			return ignoreMissing(err)
		}
		bytes += allocated(info)
		return nil
	})
	return bytes, err
}

// ignoreMissing is an error, unless it says that a file has gone meanwhile.
func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
