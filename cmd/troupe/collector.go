package main

import (
	"runtime"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"go.uber.org/zap"
)

const (
	// heapFloor is what the collector takes for in use from the start, in bytes,
	// and floorShare the share of the memory limit that it may be at most.
	heapFloor  = 24 << 20
	floorShare = 16
)

// fitCollector fits Go's collector to the machine. release ends it.
//
// The memory limit (GOMEMLIMIT) becomes nine tenths of what the process may use,
// by its control group or else of the machine's memory: near to it the collector
// runs more often instead of letting the kernel end the broker. What the
// environment says goes first.
//
// A floor under the heap has it run once in about 24 MiB of garbage and not in 4
// while the broker holds little: each run takes the processors from the loops
// for a moment, and that is what late messages are late for. The floor is never
// touched, so none of it is resident; with more in use it means less and less.
func fitCollector(log *zap.Logger) (release func()) {
	limit, err := memlimit.Set(memlimit.WithProvider(memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)))
	if err != nil {
		log.Warn("the collector knows no memory limit; set GOMEMLIMIT to give it one", zap.Error(err))
	}
	floor := make([]byte, min(heapFloor, limit/floorShare))
	log.Debug("collector fitted to the machine", zap.Int64("memory_limit", limit), zap.Int("heap_floor", len(floor)))
	return func() { runtime.KeepAlive(floor) }
}
