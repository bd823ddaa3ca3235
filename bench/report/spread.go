package report

import "slices"

// spread is what the rounds of one figure came to.
type spread struct {
	median, min, max float64
	n                int // rounds that have the figure; 0: the rest means nothing
}

// spreadOf takes the middle of the values, and of an even number of them what lies between the two in the middle.
func spreadOf(values []float64) spread {
	n := len(values)
	if n == 0 {
		return spread{}
	}
	sorted := slices.Sorted(slices.Values(values))
	return spread{(sorted[(n-1)/2] + sorted[n/2]) / 2, sorted[0], sorted[n-1], n}
}
