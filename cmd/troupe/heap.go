package main

import "runtime"

// heapFloor is what the collector takes for in use from the start, in bytes.
const heapFloor = 24 << 20

// raiseHeapFloor makes the collector run once in about 24 MiB of garbage and not
// in 4 while the broker holds little: each run takes the processors from the
// loops for a moment, and that is what late messages are late for. The memory is
// never touched, so none is resident; with more in use the floor means less and
// less. release ends it.
func raiseHeapFloor() (release func()) {
	floor := make([]byte, heapFloor)
	return func() { runtime.KeepAlive(floor) }
}
