package bench

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSequence(t *testing.T) {
	for _, test := range []struct {
		numbers []uint64
		want    []arrival
		gaps    []gap
	}{
		{[]uint64{0, 1, 2}, []arrival{inOrder, inOrder, inOrder}, nil},
		{[]uint64{0, 0}, []arrival{inOrder, duplicate}, nil},
		{[]uint64{1, 0, 0}, []arrival{skipped, late, duplicate}, nil},
		{[]uint64{5, 2, 2, 0, 4}, []arrival{skipped, late, duplicate, late, late}, []gap{{1, 2}, {3, 4}}},
		{[]uint64{2, 5, 3, 0, 1}, []arrival{skipped, skipped, late, late, late}, []gap{{4, 5}}},
	} {
		var s sequence
		var got []arrival
		for _, n := range test.numbers {
			a, _ := s.arrive(n)
			got = append(got, a)
		}
		require.Equal(t, test.want, got, "%v", test.numbers)
		require.ElementsMatch(t, test.gaps, s.gaps, "%v", test.numbers)
	}
}

// Of more gaps than are kept the oldest are forgotten, and not all at once.
func TestSequenceForgets(t *testing.T) {
	var s sequence
	for n := range uint64(3 * gapsKept) {
		s.arrive(2*n + 1)
	}
	require.LessOrEqual(t, len(s.gaps), gapsKept)
	last := uint64(2 * (3*gapsKept - 1))
	a, _ := s.arrive(last)
	require.Equal(t, late, a)
	a, _ = s.arrive(0)
	require.Equal(t, duplicate, a)
}
