//go:build !race

package troupe

const poolsLeak = false
