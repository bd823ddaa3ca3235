package topic

import "iter"

// Set is the subscribers of one Topic Filter, in the order of their numbers. It
// is immutable. Keeping a Set keeps the part of the snapshot around it.
type Set[V any] struct {
	members ordered[uint64, V]
}

// Len returns the number of subscribers.
func (s *Set[V]) Len() int { return s.members.n }

// All yields every subscriber and what Put stored for it.
func (s *Set[V]) All() iter.Seq2[uint64, V] { return s.From(0) }

// From yields the i-th subscriber and those behind it, so that a long fan-out
// may be done in slices.
func (s *Set[V]) From(i int) iter.Seq2[uint64, V] {
	return func(yield func(uint64, V) bool) { s.members.from(i, yield) }
}
