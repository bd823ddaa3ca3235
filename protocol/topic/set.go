package topic

import "iter"

// Set is the subscribers of one Topic Filter, in the order of their numbers. It
// is immutable. Keeping a Set keeps the part of the snapshot around it.
type Set[V any] struct {
	members ordered[uint64, V]
}

// Len returns the number of subscribers.
func (s *Set[V]) Len() int { return s.members.n }

// Same tells whether two Sets, perhaps of different snapshots, are known to
// hold the same: then nothing has changed between them. equal compares what was
// stored. It looks at one entry at most, and may say false of two that are alike.
func (s *Set[V]) Same(other *Set[V], equal func(a, b V) bool) bool {
	a, b := &s.members, &other.members
	if a.n != b.n || a.root != b.root {
		return false
	}
	return a.root != nil || a.n == 0 || a.first.key == b.first.key && equal(a.first.value, b.first.value)
}

// First returns the subscriber with the lowest number, if it is the only one
// without reading more of the snapshot. A Set that was matched has one.
func (s *Set[V]) First() (subscriber uint64, v V) { return s.members.at(0) }

// All yields every subscriber and what Put stored for it.
func (s *Set[V]) All() iter.Seq2[uint64, V] { return s.From(0) }

// From yields the i-th subscriber and those behind it, so that a long fan-out
// may be done in slices.
func (s *Set[V]) From(i int) iter.Seq2[uint64, V] {
	return func(yield func(uint64, V) bool) { s.members.from(i, yield) }
}
