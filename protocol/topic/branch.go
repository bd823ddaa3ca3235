package topic

import (
	"math/bits"
	"slices"
)

const (
	plusBit = 1 << '+'
	hashBit = 1 << '#'
)

// branch holds the kids of a node in the order of their labels' first bytes,
// which all differ: at most 256, however many topics are below.
type branch[T any] struct {
	present [4]uint64 // bit b: there is a kid whose label begins with byte b
	before  [4]uint8  // kids in the words of present before this one
	kids    []*node[T]
}

// newBranch returns a branch without kids and with room for some. The room is
// behind the branch, in memory that a search has just asked for.
func newBranch[T any](kids int) *branch[T] {
	switch {
	case kids <= 2:
		b := new(struct {
			branch[T]
			room [2]*node[T]
		})
		b.kids = b.room[:0]
		return &b.branch
	case kids <= 4:
		b := new(struct {
			branch[T]
			room [4]*node[T]
		})
		b.kids = b.room[:0]
		return &b.branch
	case kids <= 8:
		b := new(struct {
			branch[T]
			room [8]*node[T]
		})
		b.kids = b.room[:0]
		return &b.branch
	case kids <= 12:
		b := new(struct {
			branch[T]
			room [12]*node[T]
		})
		b.kids = b.room[:0]
		return &b.branch
	case kids <= 24:
		b := new(struct {
			branch[T]
			room [24]*node[T]
		})
		b.kids = b.room[:0]
		return &b.branch
	}
	return &branch[T]{kids: make([]*node[T], 0, kids)}
}

// find returns the place of the kid for c, and whether it is there.
func (b *branch[T]) find(c byte) (place int, ok bool) {
	word := b.present[c>>6]
	bit := uint64(1) << (c & 63)
	return int(b.before[c>>6]) + bits.OnesCount64(word&(bit-1)), word&bit != 0
}

func (b *branch[T]) get(c byte) *node[T] {
	if i, ok := b.find(c); ok {
		return b.kids[i]
	}
	return nil
}

// insert returns b with one more kid, which is b itself if it has room.
func (b *branch[T]) insert(c byte, kid *node[T]) *branch[T] {
	if len(b.kids) == cap(b.kids) {
		b = b.clone(len(b.kids) * 5 / 4)
	}
	i, _ := b.find(c)
	b.kids = slices.Insert(b.kids, i, kid)
	b.present[c>>6] |= 1 << (c & 63)
	for w := c>>6 + 1; w < 4; w++ {
		b.before[w]++
	}
	return b
}

func (b *branch[T]) remove(c byte) {
	i, _ := b.find(c)
	b.kids = slices.Delete(b.kids, i, i+1)
	b.present[c>>6] &^= 1 << (c & 63)
	for w := c>>6 + 1; w < 4; w++ {
		b.before[w]--
	}
}

// clone returns a copy with room for at least one more than atLeast kids.
func (b *branch[T]) clone(atLeast int) *branch[T] {
	c := newBranch[T](max(atLeast+1, len(b.kids)))
	c.present, c.before = b.present, b.before
	c.kids = append(c.kids, b.kids...)
	return c
}
