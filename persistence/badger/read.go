package badger

import (
	"bytes"
	"errors"
	"fmt"

	library "github.com/dgraph-io/badger/v4"

	"github.com/troupemq/troupe/persistence"
)

// Get appends the value of key to dst.
func (s *Store) Get(dst, key []byte) ([]byte, error) {
	if err := s.enter(); err != nil {
		return dst, err
	}
	defer s.leave()
	if len(key) == 0 || key[0] == reserved {
		return dst, persistence.ErrNotFound
	}
	t := s.reader()
	defer t.Discard()
	item, err := t.Get(key)
	if errors.Is(err, library.ErrKeyNotFound) {
		return dst, persistence.ErrNotFound
	}
	if err != nil {
		return dst, s.readError(err)
	}
	return s.value(t, item, dst)
}

// Scan visits the keys with a prefix, in order, from one on. The visitor may use
// the store, but not close it.
func (s *Store) Scan(prefix, from []byte, visit func(key, value []byte) bool) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	if len(prefix) > 0 && prefix[0] == reserved {
		return nil
	}
	first := []byte{reserved + 1}
	for _, key := range [][]byte{prefix, from} {
		if bytes.Compare(key, first) > 0 {
			first = key
		}
	}
	t := s.reader()
	defer t.Discard()
	it := t.NewIterator(iteratorOptions(prefix))
	defer it.Close()
	var value []byte
	for it.Seek(first); it.Valid(); it.Next() {
		var err error
		if value, err = s.value(t, it.Item(), value[:0]); err != nil {
			return err
		}
		if !visit(it.Item().Key(), value) {
			return nil
		}
	}
	return nil
}

// reader begins to read the store as of now.
func (s *Store) reader() *library.Txn {
	s.gate.RLock()
	defer s.gate.RUnlock()
	return s.db.NewTransaction(false)
}

// value appends the value of an item to dst.
func (s *Store) value(t *library.Txn, item *library.Item, dst []byte) ([]byte, error) {
	start := len(dst)
	err := item.Value(func(v []byte) error { dst = append(dst, v...); return nil })
	if err != nil {
		return dst[:start], s.readError(err)
	}
	if item.UserMeta() != reference {
		return dst, nil
	}
	ref := bytes.Clone(dst[start:])
	dst, err = assemble(t, dst[:start], ref)
	if err != nil {
		err = fmt.Errorf("data directory %s: %w", s.dir, err)
	}
	return dst, err
}

func (s *Store) readError(err error) error {
	if containsText(err, "checksum mismatch") {
		return corrupt(s.dir, err.Error())
	}
	return fmt.Errorf("data directory %s: %w", s.dir, err)
}

// iteratorOptions fetches nothing ahead: values are beside their keys.
func iteratorOptions(prefix []byte) library.IteratorOptions {
	return library.IteratorOptions{Prefix: prefix}
}
