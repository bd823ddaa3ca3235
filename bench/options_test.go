package bench

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a run changes for the whole process it restores, and changes only if asked.
func TestProcessIsRestored(t *testing.T) {
	processors, percent := runtime.GOMAXPROCS(0), debug.SetGCPercent(77)
	defer debug.SetGCPercent(percent)
	limit := debug.SetMemoryLimit(-1)
	for _, asked := range []bool{false, true} {
		b := newFakeBroker(t)
		enough := b.after(100)
		inside := make(map[int]bool)
		options := []Option{endAfter(enough), WithProgress(func(Progress) { inside[runtime.GOMAXPROCS(0)] = true })}
		if asked {
			options = append(options, WithoutCollector(1<<30), WithProcessors(processors+3))
		}
		_, err := Run(t.Context(), workload(pairs(0)), b.start().target(), options...)
		require.NoError(t, err)
		require.Equal(t, map[bool]map[int]bool{false: {processors: true}, true: {processors + 3: true}}[asked], inside)
		require.Equal(t, processors, runtime.GOMAXPROCS(0))
		require.Equal(t, 77, debug.SetGCPercent(77))
		require.Equal(t, limit, debug.SetMemoryLimit(-1))
	}
}
