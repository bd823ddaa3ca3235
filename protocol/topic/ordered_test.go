package topic

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOrderedAgainstMap grows to several levels of pages and shrinks to nothing,
// with snapshots on the way that must stay as they were.
func TestOrderedAgainstMap(t *testing.T) {
	type version struct {
		o     ordered[uint64, int]
		model map[uint64]int
	}
	check := func(v version) {
		soundOrdered(t, &v.o)
		got := map[uint64]int{}
		var keys []uint64
		v.o.from(0, func(k uint64, value int) bool { keys, got[k] = append(keys, k), value; return true })
		require.Equal(t, v.model, got)
		for _, i := range []int{1, len(keys) / 3, len(keys) - 1, len(keys)} {
			if i < 0 || i > len(keys) {
				continue
			}
			var rest []uint64
			v.o.from(i, func(k uint64, _ int) bool { rest = append(rest, k); return len(rest) < 50 })
			require.Equal(t, keys[i:min(i+50, len(keys))], append([]uint64{}, rest...))
		}
	}
	for seed := range uint64(6) {
		random := rand.New(rand.NewPCG(seed, 1))
		var versions []version
		var o ordered[uint64, int]
		model, epoch := map[uint64]int{}, uint64(1)
		for i := range 12000 {
			key := uint64(random.IntN(5000))
			switch {
			case seed == 0 && i < 4000:
				key = uint64(i) // rising, as subscriber numbers do
			case seed == 1 && i < 4000:
				key = uint64(5000 - i)
			}
			_, there := model[key]
			// First mostly puts, then mostly removals.
			if random.IntN(10) < 8 == (i < 5000) {
				require.Equal(t, there, o.put(epoch, key, i))
				model[key] = i
			} else {
				require.Equal(t, there, o.remove(epoch, key))
				delete(model, key)
			}
			if random.IntN(900) == 0 {
				versions = append(versions, version{o, maps.Clone(model)})
				epoch++
			}
		}
		for _, key := range slices.Sorted(maps.Keys(model)) {
			require.True(t, o.remove(epoch, key))
			delete(model, key)
			if len(model) == 1 || len(model) == 40 {
				versions = append(versions, version{o, maps.Clone(model)})
				epoch++
			}
		}
		require.Zero(t, o)
		for _, v := range versions {
			check(v)
		}
	}
}

func TestOrderedKeepsPagesFull(t *testing.T) {
	const n = 10 * pageWidth
	var rising, falling ordered[uint64, struct{}]
	for i := range uint64(n) {
		rising.put(1, i, struct{}{})
		falling.put(1, n-i, struct{}{})
	}
	require.Equal(t, 10, leaves(rising.root))
	require.LessOrEqual(t, leaves(falling.root), 2*10)
	for i := range uint64(n) {
		if i%16 > 0 {
			rising.remove(1, i)
		}
	}
	require.LessOrEqual(t, leaves(rising.root), 4, "pages that are nearly empty")
}

func leaves(p *page[uint64, struct{}]) (n int) {
	if p.links == nil {
		return 1
	}
	for _, l := range p.links {
		n += leaves(l.page)
	}
	return n
}
