package main

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTidyingIsForQuietTimes(t *testing.T) {
	now := time.Unix(1000, 0)
	tidy := newTidier()
	h := heap{allocated: 50 << 20, live: 30 << 20, objects: 44 << 20}
	require.False(t, tidy.due(h, now), "all of it was allocated since the last look")
	h.allocated += quietBytes
	require.False(t, tidy.due(h, now), "it is busy")
	h.allocated += quietBytes - 1
	require.True(t, tidy.due(h, now), "14 MiB of garbage, and nothing else to do")
	tidy.done(now, 10*time.Millisecond)
	require.False(t, tidy.due(h, now.Add(1999*time.Millisecond)), "it cost 10 ms")
	require.True(t, tidy.due(h, now.Add(2*time.Second)))

	h.objects = h.live + wasteLow - 1
	require.False(t, tidy.due(h, now.Add(time.Hour)), "there is little to be won")
	h.free = 1
	require.True(t, tidy.due(h, now.Add(time.Hour)), "what is free and not given back counts")
	h = heap{allocated: h.allocated, live: 1 << 30, objects: 1<<30 + 64<<20 - 1}
	require.False(t, tidy.due(h, now.Add(time.Hour)), "it is little of what there is")
	h.objects++
	require.True(t, tidy.due(h, now.Add(time.Hour)))
	h.objects, h.free = 1<<29, 0 // a collection is under way
	require.False(t, tidy.due(h, now.Add(time.Hour)))
}

// TestHeapIsKnown: the names of the metrics are right.
func TestHeapIsKnown(t *testing.T) {
	garbage := make([]byte, 1<<20)
	runtime.GC()
	h := readHeap()
	require.Greater(t, h.allocated, uint64(len(garbage)))
	require.Greater(t, h.live, uint64(len(garbage)))
	require.Greater(t, h.objects, uint64(len(garbage)))
	runtime.KeepAlive(garbage)
}

func TestTidyingEnds(t *testing.T) {
	stop := keepTidy()
	stop()
}
