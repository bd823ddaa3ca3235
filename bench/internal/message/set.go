package message

import "math/bits"

// Set is a set of small numbers.
type Set []uint64

// Add puts a number in.
func (s *Set) Add(n int) {
	for n/64 >= len(*s) {
		*s = append(*s, 0)
	}
	(*s)[n/64] |= 1 << (n % 64)
}

// Has tells whether a number is in.
func (s Set) Has(n int) bool { return n/64 < len(s) && s[n/64]&(1<<(n%64)) != 0 }

// Without walks over what is in s and not in other.
func (s Set) Without(other Set) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for i, word := range s {
			if i < len(other) {
				word &^= other[i]
			}
			for ; word != 0; word &= word - 1 {
				if !yield(i*64 + bits.TrailingZeros64(word)) {
					return
				}
			}
		}
	}
}
