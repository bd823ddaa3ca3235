package report

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Values that tables of the test have.
func TestRankTest(t *testing.T) {
	for _, c := range []struct {
		a, b []float64
		want float64
	}{
		{[]float64{1, 2, 3, 4, 5}, []float64{6, 7, 8, 9, 10}, 2. / 252},
		{[]float64{6, 7, 8, 9, 10}, []float64{1, 2, 3, 4, 5}, 2. / 252},
		{[]float64{1, 2, 3}, []float64{4, 5, 6}, 2. / 20},
		{[]float64{1.1, 2.2, 3.3, 4.4}, []float64{2.5, 3.5, 4.5, 5.5}, 14. / 70},
		{[]float64{1}, []float64{2, 3}, 2. / 3},
		{[]float64{7, 7, 7}, []float64{7, 7, 7}, 1},
		{[]float64{1, 1, 2}, []float64{2, 3, 3}, 4. / 20}, // ranks 1.5 1.5 3.5 | 3.5 5.5 5.5
		{nil, []float64{1}, 1},
	} {
		require.InDelta(t, c.want, rankTest(c.a, c.b), 1e-12, "%v %v", c.a, c.b)
	}
}

// However the sizes are, the extreme case is the least that can come out.
func TestLikeliest(t *testing.T) {
	for n := 1; n <= 8; n++ {
		for m := 1; m <= 8; m++ {
			var a, b []float64
			for i := range n {
				a = append(a, float64(i))
			}
			for i := range m {
				b = append(b, float64(100+i))
			}
			require.InDelta(t, rankTest(a, b), likeliest(n, m), 1e-12, "%d %d", n, m)
		}
	}
	require.Equal(t, 5, roundsFor(0.01))
	require.Equal(t, 4, roundsFor(0.05))
}

// Of comparisons of noise with noise no more than the level come out as different.
func TestRankTestHoldsItsLevel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const runs = 20_000
	found := 0
	for range runs {
		values := make([]float64, 12)
		for i := range values {
			values[i] = random.ExpFloat64()
		}
		if rankTest(values[:6], slices.Clone(values[6:])) <= 0.05 {
			found++
		}
	}
	require.LessOrEqual(t, found, runs*5/100)
	require.Greater(t, found, runs*2/100, "or it would find nothing at all")
}
