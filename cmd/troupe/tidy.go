package main

import (
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// tidyEvery is how often the heap is looked at.
	tidyEvery = 500 * time.Millisecond
	// quietBytes is what may be allocated between two looks while the broker counts as quiet.
	quietBytes = 128 << 10
	// Waste is worth a collection from wasteLow bytes, and from the wasteShare-th part of what is in use.
	wasteLow   = 2 << 20
	wasteShare = 16
	// tidyShare bounds what tidying may cost: the time that one took is the tidyShare-th part of the pause after it.
	tidyShare = 200
)

// keepTidy gives memory back to the system once the broker has become quiet: what thousands of connects or a flood left behind is
// garbage that nothing would collect, since nothing is allocated any more. stop ends it.
func keepTidy() (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(tidyEvery)
		defer ticker.Stop()
		t := newTidier()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
			}
			if began := time.Now(); t.due(readHeap(), began) {
				debug.FreeOSMemory()
				t.done(began, time.Since(began))
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

// heap is what the runtime says of its heap, in bytes.
type heap struct {
	allocated uint64 // ever
	live      uint64 // found in use by the last collection
	objects   uint64 // in use, or garbage since then
	free      uint64 // neither, and not given back to the system
}

func readHeap() heap {
	samples := []metrics.Sample{
		{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(samples)
	at := func(i int) uint64 {
		if samples[i].Value.Kind() != metrics.KindUint64 {
			return 0 // another version of Go
		}
		return samples[i].Value.Uint64()
	}
	return heap{allocated: at(0), live: at(1), objects: at(2), free: at(3)}
}

// tidier decides when it is time.
type tidier struct {
	allocated uint64    // as of the last look
	rest      time.Time // not before
}

func newTidier() *tidier { return &tidier{} }

// due tells whether there is nothing else to do, and something to be won.
func (t *tidier) due(h heap, now time.Time) bool {
	quiet := h.allocated-t.allocated < quietBytes
	t.allocated = h.allocated
	waste := h.free
	if h.objects > h.live {
		waste += h.objects - h.live
	}
	return quiet && waste >= max(wasteLow, h.live/wasteShare) && !now.Before(t.rest)
}

// done notes what it cost.
func (t *tidier) done(began time.Time, took time.Duration) { t.rest = began.Add(tidyShare * took) }
