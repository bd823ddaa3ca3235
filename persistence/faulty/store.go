// Package faulty is a store for tests that goes wrong as it is told.
package faulty

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/troupemq/troupe/persistence"
)

// Plan says what goes wrong. Its zero value is a store without a fault.
type Plan struct {
	// Apply is asked before the n-th Apply, the first is 1. An error is what that
	// Apply returns, with nothing done. A function that takes its time makes the
	// store slow; one that waits for a channel stops it.
	Apply func(n int, b *persistence.Batch) error
	// Sync is asked before the n-th Sync like Apply.
	Sync func(n int) error
	// Read is asked before each Get and Scan.
	Read func() error
	// Full lets no Apply through from the begin, until SetFull(false).
	Full bool
}

// Store is a store in front of another.
type Store struct {
	persistence.Store
	plan    Plan
	full    atomic.Bool
	mu      sync.Mutex
	applies int
	syncs   int
}

// New puts a plan in front of a store.
func New(inner persistence.Store, plan Plan) *Store {
	s := &Store{Store: inner, plan: plan}
	s.full.Store(plan.Full)
	return s
}

// Nth is a plan's Sync that fails the n-th time with err, and then no more.
func Nth(n int, err error) func(int) error {
	return func(i int) error {
		if i == n {
			return err
		}
		return nil
	}
}

// NthApply is a plan's Apply that fails the n-th time with err, and then no more.
func NthApply(n int, err error) func(int, *persistence.Batch) error {
	fail := Nth(n, err)
	return func(i int, _ *persistence.Batch) error { return fail(i) }
}

// SetFull says whether the device is full: then each Apply fails with ErrNoSpace,
// and everything else goes on.
func (s *Store) SetFull(full bool) { s.full.Store(full) }

// Applies is how often Apply was called.
func (s *Store) Applies() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.applies
}

// Syncs is how often Sync was called.
func (s *Store) Syncs() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.syncs
}

// Apply makes all changes of b, or fails.
func (s *Store) Apply(b *persistence.Batch) error {
	s.mu.Lock()
	s.applies++
	n := s.applies
	s.mu.Unlock()
	if s.full.Load() {
		return fmt.Errorf("%w (by plan)", persistence.ErrNoSpace)
	}
	if s.plan.Apply != nil {
		if err := s.plan.Apply(n, b); err != nil {
			return err
		}
	}
	return s.Store.Apply(b)
}

// Sync makes what was applied safe, or fails.
func (s *Store) Sync() error {
	s.mu.Lock()
	s.syncs++
	n := s.syncs
	s.mu.Unlock()
	if s.plan.Sync != nil {
		if err := s.plan.Sync(n); err != nil {
			return err
		}
	}
	return s.Store.Sync()
}

// Get appends the value of key to dst, or fails.
func (s *Store) Get(dst, key []byte) ([]byte, error) {
	if s.plan.Read != nil {
		if err := s.plan.Read(); err != nil {
			return dst, err
		}
	}
	return s.Store.Get(dst, key)
}

// Scan visits the keys with a prefix, or fails.
func (s *Store) Scan(prefix, from []byte, visit func(key, value []byte) bool) error {
	if s.plan.Read != nil {
		if err := s.plan.Read(); err != nil {
			return err
		}
	}
	return s.Store.Scan(prefix, from, visit)
}
