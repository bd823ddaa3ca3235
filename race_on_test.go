//go:build race

package troupe

// poolsLeak says that sync.Pool throws things away at random, as it does for
// the race detector's sake.
const poolsLeak = true
