package rate

import (
	"math"
	"sync/atomic"
	"time"
)

// window is how long credit gathers that nobody takes.
const window = int64(100 * time.Millisecond)

// bucket is credit that comes at an even pace: for bytes, or for messages. It holds a tenth of a second's worth, and
// one more, and may be overdrawn, since nobody knows what a read brings. All of its state is one number, so that it needs no lock.
type bucket struct {
	perSecond atomic.Int64 // 0: any number, and nothing is counted
	spent     atomic.Int64 // Unix ns up to which all credit is spent; in the future: overdrawn
}

// set changes the pace, and forgets what was overdrawn.
func (b *bucket) set(perSecond int64) {
	b.perSecond.Store(perSecond)
	b.spent.Store(0)
}

func (b *bucket) on() bool { return b.perSecond.Load() > 0 }

// span is how long n take to come, in ns.
func span(n, perSecond int64) int64 {
	return int64(min(float64(n)*float64(time.Second)/float64(perSecond), math.MaxInt64/4))
}

// full is since when a bucket gathers that is full now.
func full(now, perSecond int64) int64 { return now - window - span(1, perSecond) }

// take takes n, whether they are there or not. now is in Unix ms.
func (b *bucket) take(n, now int64) {
	perSecond := b.perSecond.Load()
	if perSecond <= 0 || n <= 0 {
		return
	}
	cost, oldest := span(n, perSecond), full(now*int64(time.Millisecond), perSecond)
	for {
		spent := b.spent.Load()
		if b.spent.CompareAndSwap(spent, max(spent, oldest)+cost) {
			return
		}
	}
}

// credit is how many there are; below zero: how many are overdrawn. now is in Unix ms.
func (b *bucket) credit(now int64) int64 {
	perSecond := b.perSecond.Load()
	if perSecond <= 0 {
		return math.MaxInt64
	}
	at := now * int64(time.Millisecond)
	// Rounded, or a division that is not even keeps the last one back for ever.
	return int64(math.Floor(float64(at-max(b.spent.Load(), full(at, perSecond)))*float64(perSecond)/float64(time.Second) + 1e-6))
}

// due is the Unix ms from which on there is one.
func (b *bucket) due() int64 {
	perSecond := b.perSecond.Load()
	if perSecond <= 0 {
		return 0
	}
	return (b.spent.Load() + span(1, perSecond) + int64(time.Millisecond) - 1) / int64(time.Millisecond)
}
