package topic

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestLookupsFindWhatMatchFinds: names side by side, of several Indexes, find
// each what they find alone and in the same order.
func TestLookupsFindWhatMatchFinds(t *testing.T) {
	level := rapid.SampledFrom([]string{"a", "ab", "b", "+", "$a", ""})
	rapid.Check(t, func(t *rapid.T) {
		var indexes []*Index[int]
		for range 2 {
			e := NewIndex[int]().Edit()
			for i := range rapid.IntRange(0, 30).Draw(t, "filters") {
				filter := join(rapid.SliceOfN(level, 1, 4).Draw(t, "filter"))
				if rapid.Bool().Draw(t, "rest") {
					filter += "/#"
				}
				if rapid.Bool().Draw(t, "shared") {
					filter = "$share/g/" + filter
				}
				if ValidateFilter(filter) == nil {
					e.Put(filter, uint64(i), i)
				}
			}
			indexes = append(indexes, e.Commit())
		}
		var l Lookups[int]
		for range 2 { // it is used again
			n := rapid.IntRange(0, 20).Draw(t, "names")
			together, alone := make([]Matches[int], n), make([]Matches[int], n)
			for i := range n {
				x := indexes[rapid.IntRange(0, 1).Draw(t, "index")]
				name := []byte(join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "ab", "b", "$a", ""}), 1, 4).Draw(t, "name")))
				l.Add(x, name, &together[i])
				x.Match(name, &alone[i])
			}
			l.Do()
			for i := range n {
				require.True(t, slices.Equal(alone[i].Sets, together[i].Sets))
				require.True(t, slices.Equal(alone[i].Groups, together[i].Groups))
			}
			for _, w := range l.ways[:cap(l.ways)] {
				require.Nil(t, w.node, "a snapshot is kept")
			}
		}
	})
}

func TestLookupsDoNotAllocate(t *testing.T) {
	e := NewIndex[int]().Edit()
	for i := range 1000 {
		e.Put(fmt.Sprintf("devices/%d/+/state", i), uint64(i), i)
	}
	x := e.Commit()
	var ms [16]Matches[int]
	var l Lookups[int]
	name := []byte("devices/77/a/state")
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for i := range ms {
			ms[i].Reset()
			l.Add(x, name, &ms[i])
		}
		l.Do()
	}))
	for i := range ms {
		require.Len(t, ms[i].Sets, 1)
	}
}

func join(levels []string) string {
	s := levels[0]
	for _, level := range levels[1:] {
		s += "/" + level
	}
	return s
}
