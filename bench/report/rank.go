package report

import (
	"cmp"
	"math"
	"slices"
)

// rankTest is the test of Mann and Whitney: how likely values at least as far apart as those of a and b are if both come from
// the same distribution, whatever that is. It is exact, equal values included: it counts, of all ways to part the values into
// two sets of these sizes, those whose sum of ranks is as far from the middle.
func rankTest(a, b []float64) float64 {
	if len(a) > len(b) {
		a, b = b, a
	}
	n, all := len(a), len(a)+len(b)
	if n == 0 {
		return 1
	}
	ranks, sum := rank(a, b)
	ways := make([][]float64, n+1) // ways[k][s]: to choose k of the values so that their ranks add up to s
	for k := range ways {
		ways[k] = make([]float64, all*(all+1)+1)
	}
	ways[0][0] = 1
	for _, r := range ranks {
		for k := n; k > 0; k-- {
			for s := len(ways[k]) - 1; s >= r; s-- {
				ways[k][s] += ways[k-1][s-r]
			}
		}
	}
	middle := n * (all + 1)
	far, total := 0.0, 0.0
	for s, w := range ways[n] {
		total += w
		if abs(s-middle) >= abs(sum-middle) {
			far += w
		}
	}
	return math.Min(1, far/total)
}

// rank gives twice the rank of every value, which is whole also where equal values share the mean of their ranks, and the sum
// of those of a.
func rank(a, b []float64) (ranks []int, sumOfA int) {
	type value struct {
		v   float64
		ofA bool
	}
	var values []value
	for _, v := range a {
		values = append(values, value{v, true})
	}
	for _, v := range b {
		values = append(values, value{v, false})
	}
	slices.SortFunc(values, func(x, y value) int { return cmp.Compare(x.v, y.v) })
	for i := 0; i < len(values); {
		end := i
		for end < len(values) && values[end].v == values[i].v {
			end++
		}
		for _, v := range values[i:end] {
			ranks = append(ranks, i+1+end)
			if v.ofA {
				sumOfA += i + 1 + end
			}
		}
		i = end
	}
	return ranks, sumOfA
}

func abs(v int) int { return max(v, -v) }

// likeliest is the least that rankTest can give for so many values, when all of one are below all of the other.
func likeliest(n, m int) float64 {
	p := 2.0
	for i := 1; i <= n; i++ {
		p *= float64(i) / float64(m+i)
	}
	return math.Min(1, p)
}

// roundsFor is how many rounds two reports need each for a verdict at a level.
func roundsFor(level float64) int {
	n := 1
	for likeliest(n, n) > level {
		n++
	}
	return n
}
