package packet

import "sync/atomic"

// SlabSize is the number of bytes of a [Slab].
const SlabSize = 128 << 10

// Slab is a buffer that Runs are views of and that is used again for other
// messages once nobody reads it any more: a flood then moves through a few
// buffers that stay in the processor's cache.
//
// Each holder, who knows when it is done, is counted by Hold and ends with
// Release. Whoever wants to read a Run for longer, or cannot tell for how long,
// calls Keep: the slab is then never used again and left to the collector. So
// is one whose holder forgets to release it; a mistake in that direction costs
// memory and no message.
//
// Hold, Release and Keep may be called on nil, which is a buffer of the collector's, and
// from any goroutine.
type Slab struct {
	B       []byte
	holders atomic.Int32
	kept    atomic.Bool
	free    func(*Slab)
}

// NewSlab makes a slab without holders. free gets it each time the last of them
// released it, unless it is kept.
func NewSlab(free func(*Slab)) *Slab {
	return &Slab{B: make([]byte, SlabSize), free: free}
}

// Lend gives a free slab to one holder, with n bytes.
func (s *Slab) Lend(n int) {
	s.B = s.B[:n]
	s.holders.Store(1)
}

// Hold adds n holders. The caller is one itself.
func (s *Slab) Hold(n int) {
	if s != nil {
		s.holders.Add(int32(n))
	}
}

// Release ends one holder's use.
func (s *Slab) Release() {
	if s != nil && s.holders.Add(-1) == 0 && !s.kept.Load() {
		s.free(s)
	}
}

// Keep leaves the slab to the collector.
func (s *Slab) Keep() {
	if s != nil {
		s.kept.Store(true)
	}
}
