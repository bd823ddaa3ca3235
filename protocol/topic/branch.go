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

func (b *branch[T]) insert(c byte, kid *node[T]) {
	i, _ := b.find(c)
	b.kids = slices.Insert(b.kids, i, kid)
	b.present[c>>6] |= 1 << (c & 63)
	for w := c>>6 + 1; w < 4; w++ {
		b.before[w]++
	}
}

func (b *branch[T]) remove(c byte) {
	i, _ := b.find(c)
	b.kids = slices.Delete(b.kids, i, i+1)
	b.present[c>>6] &^= 1 << (c & 63)
	for w := c>>6 + 1; w < 4; w++ {
		b.before[w]--
	}
}

func (b *branch[T]) clone() *branch[T] {
	c := *b
	c.kids = append([]*node[T](nil), b.kids...)
	return &c
}
