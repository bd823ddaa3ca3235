// Package memory is a store that is gone with its process: for tests, and for
// instances without a directory. It remembers what was synced, so that a test
// can ask what would be left after a loss of power.
package memory

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/troupemq/troupe/persistence"
)

// Store is a [persistence.Store] in memory. Keys and values are copied in and
// out: nothing that a caller does later to its slices changes the store.
type Store struct {
	seed   maphash.Seed
	mu     sync.RWMutex
	now    *node // all that was applied
	synced *node // what a loss of power would leave
	closed bool
	claim  atomic.Bool // somebody uses it
}

// New makes an empty store.
func New() *Store { return &Store{seed: maphash.MakeSeed()} }

// Clone makes a store of its own with all that was applied: what a process
// finds that comes after one that was killed. It may be asked of a closed store.
func (s *Store) Clone() *Store {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return &Store{seed: s.seed, now: s.now, synced: s.now}
}

// CrashClone makes a store of its own with what was applied before the last
// Sync: what is left after a loss of power on a machine that has kept nothing
// else. It may be asked of a closed store.
func (s *Store) CrashClone() *Store {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return &Store{seed: s.seed, now: s.synced, synced: s.synced}
}

// Apply makes all changes of b. It fails for a closed store alone.
func (s *Store) Apply(b *persistence.Batch) error {
	s.mu.RLock()
	root := s.now
	s.mu.RUnlock()
	for _, op := range b.Ops() {
		if op.Delete {
			root = root.remove(string(op.Key))
		} else {
			root = root.put(s.seed, string(op.Key), bytes.Clone(op.Value))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return persistence.ErrClosed
	}
	s.now = root
	return nil
}

// Sync remembers all that was applied for [Store.CrashClone].
func (s *Store) Sync() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return persistence.ErrClosed
	}
	s.synced = s.now
	return nil
}

// Get appends the value of key to dst.
func (s *Store) Get(dst, key []byte) ([]byte, error) {
	root, err := s.root()
	if err != nil {
		return dst, err
	}
	n := root.get(string(key))
	if n == nil {
		return dst, persistence.ErrNotFound
	}
	return append(dst, n.value...), nil
}

// Scan visits the keys with a prefix, in order, from one on.
func (s *Store) Scan(prefix, from []byte, visit func(key, value []byte) bool) error {
	root, err := s.root()
	if err != nil {
		return err
	}
	var key, value []byte // copies, so that a visitor cannot write into the store
	root.visit(max(string(prefix), string(from)), func(n *node) bool {
		if !strings.HasPrefix(n.key, string(prefix)) {
			return false
		}
		key, value = append(key[:0], n.key...), append(value[:0], n.value...)
		return visit(key, value)
	})
	return nil
}

// Usage tells the size of all keys and values. Nothing is on a disk.
func (s *Store) Usage() (persistence.Usage, error) {
	usage := persistence.Usage{Free: -1, Parts: make(map[persistence.Part]persistence.Amount)}
	root, err := s.root()
	root.visit("", func(n *node) bool {
		size := int64(len(n.key) + len(n.value))
		usage.Memory += size
		if n.key != "" {
			a := usage.Parts[persistence.Part(n.key[0])]
			usage.Parts[persistence.Part(n.key[0])] = persistence.Amount{Keys: a.Keys + 1, Bytes: a.Bytes + size}
		}
		return true
	})
	return usage, err
}

// Claim implements persistence.Claimer. A clone is nobody's yet.
func (s *Store) Claim() (release func(), err error) {
	if !s.claim.CompareAndSwap(false, true) {
		return nil, fmt.Errorf("memory: %w", persistence.ErrLocked)
	}
	return sync.OnceFunc(func() { s.claim.Store(false) }), nil
}

// Close ends the store. Only [Store.Clone] and [Store.CrashClone] answer still.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// root is the store as of now.
func (s *Store) root() (*node, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, persistence.ErrClosed
	}
	return s.now, nil
}
