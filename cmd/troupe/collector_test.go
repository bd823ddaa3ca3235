package main

import (
	"math"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// collectorFields is what fitCollector says that it has set.
func collectorFields(t *testing.T) map[string]any {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	fitCollector(zap.New(core))()
	said := logs.FilterMessage("collector fitted to the machine").All()
	require.Len(t, said, 1)
	require.Equal(t, 1, logs.Len(), "nothing else is to be said")
	return said[0].ContextMap()
}

func TestCollectorKnowsTheMachine(t *testing.T) {
	was := debug.SetMemoryLimit(math.MaxInt64)
	t.Cleanup(func() { debug.SetMemoryLimit(was) })
	fields := collectorFields(t)
	limit := debug.SetMemoryLimit(-1)
	require.Equal(t, limit, fields["memory_limit"])
	require.Less(t, limit, int64(math.MaxInt64))
	require.Positive(t, limit)
	require.LessOrEqual(t, fields["heap_floor"], int64(heapFloor))
}

func TestCollectorHeedsTheEnvironment(t *testing.T) {
	was := debug.SetMemoryLimit(64 << 20) // what the runtime makes of the variable
	t.Cleanup(func() { debug.SetMemoryLimit(was) })
	t.Setenv("GOMEMLIMIT", "64MiB")
	fields := collectorFields(t)
	require.EqualValues(t, 64<<20, fields["memory_limit"])
	require.EqualValues(t, 4<<20, fields["heap_floor"], "a small machine has a low floor")
	require.EqualValues(t, 64<<20, debug.SetMemoryLimit(-1))
}
