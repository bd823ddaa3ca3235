// Package badger keeps a store in a directory, with Badger. Nothing else imports
// that library.
package badger

import (
	"errors"
	"fmt"
	"os"
	"sync"

	library "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/persistence"
)

// Options says how a directory is opened. Its zero value has the defaults.
type Options struct {
	Log      *zap.Logger // nil: nothing is logged
	MemTable int64       // bytes that are collected in memory before they become a table; 0: 16 MiB
	MinFree  int64       // bytes that must be free on the device for Apply to write anything; 0: 64 MiB, negative: none
}

// Store is a [persistence.Store] in a directory.
type Store struct {
	db     *library.DB
	boot   uint64
	mu     sync.RWMutex
	closed bool
}

// Open opens a directory, and makes it if it is missing.
func Open(dir string, o Options) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if o.MemTable == 0 {
		o.MemTable = 16 << 20
	}
	lo := library.DefaultOptions(dir)
	lo.MemTableSize = o.MemTable
	lo.NumMemtables = 2
	lo.NumCompactors = 2
	lo.DetectConflicts = false
	lo.Compression = options.None
	lo.BlockCacheSize = 0
	lo.MetricsEnabled = false
	lo.ValueThreshold = min(1<<20, o.MemTable*15/100)
	lo.ChecksumVerificationMode = options.OnBlockRead
	lo.Logger = nil
	db, err := library.Open(lo)
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	return &Store{db: db, boot: 1}, nil
}

// Boot is how often the directory was opened, this time among it.
func (s *Store) Boot() uint64 { return s.boot }

// Apply makes all changes of b.
func (s *Store) Apply(b *persistence.Batch) error {
	return s.open(func() error {
		return s.db.Update(func(t *library.Txn) error {
			for _, op := range b.Ops() {
				if err := change(t, op); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func change(t *library.Txn, op persistence.Op) error {
	if op.Delete {
		return t.Delete(op.Key)
	}
	return t.Set(op.Key, op.Value)
}

// Sync makes what was applied safe.
func (s *Store) Sync() error { return s.open(s.db.Sync) }

// Get appends the value of key to dst.
func (s *Store) Get(dst, key []byte) ([]byte, error) {
	err := s.open(func() error {
		return s.db.View(func(t *library.Txn) error {
			item, err := t.Get(key)
			if err != nil {
				return err
			}
			return item.Value(func(v []byte) error { dst = append(dst, v...); return nil })
		})
	})
	if errors.Is(err, library.ErrKeyNotFound) {
		return dst, persistence.ErrNotFound
	}
	return dst, err
}

// Scan visits the keys with a prefix, in order, from one on.
func (s *Store) Scan(prefix, from []byte, visit func(key, value []byte) bool) error {
	return s.open(func() error {
		return s.db.View(func(t *library.Txn) error {
			o := library.DefaultIteratorOptions
			o.PrefetchValues, o.Prefix = false, prefix
			it := t.NewIterator(o)
			defer it.Close()
			for it.Seek([]byte(max(string(prefix), string(from)))); it.Valid(); it.Next() {
				more := true
				err := it.Item().Value(func(v []byte) error { more = visit(it.Item().Key(), v); return nil })
				if err != nil || !more {
					return err
				}
			}
			return nil
		})
	})
}

// Usage tells what the store uses.
func (s *Store) Usage() (persistence.Usage, error) {
	usage := persistence.Usage{Free: -1, Parts: make(map[persistence.Part]persistence.Amount)}
	err := s.Scan(nil, nil, func(key, value []byte) bool {
		a := usage.Parts[persistence.Part(key[0])]
		usage.Parts[persistence.Part(key[0])] = persistence.Amount{Keys: a.Keys + 1, Bytes: a.Bytes + int64(len(key)+len(value))}
		return true
	})
	return usage, err
}

// Close ends the store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return s.db.Close()
}

func (s *Store) open(f func() error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return persistence.ErrClosed
	}
	return f()
}
