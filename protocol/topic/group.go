package topic

import "sync/atomic"

// Group is the subscribers that share one Shared Subscription (section 4.8.2),
// in the order of their numbers. It is immutable but for the cursor, which
// passes from version to version, so that a change of members does not restart
// the round.
type Group[V any] struct {
	Name   string // the ShareName
	Filter string // the whole filter, `$share/ShareName/filter`

	epoch   uint64
	members ordered[uint64, V]
	cursor  *atomic.Uint32
}

// Len returns the number of members, at least 1.
func (g *Group[V]) Len() int { return g.members.n }

// At returns the i-th member and what Put stored for it, 0 <= i < Len.
func (g *Group[V]) At(i int) (subscriber uint64, v V) { return g.members.at(i) }

// Next returns the number of the turn, which rises by one with every call on
// any version of the group, from 0 and back to 0 past the largest. Modulo Len
// it is the member whose turn it is.
func (g *Group[V]) Next() uint32 { return g.cursor.Add(1) - 1 }
