package message

import (
	"cmp"
	"sync"

	"github.com/troupemq/troupe/protocol/packet"
)

// Slabs is an instance's pool of slabs. Its zero value is ready to use, from
// any goroutine.
type Slabs struct {
	// Least is the number of bytes from which they are lent a slab, since what
	// is kept pins all of it; 0: a quarter of [packet.SlabSize].
	Least int
	// Scrub overwrites a slab when it comes back, so that a test sees who reads
	// it too long.
	Scrub bool
	pool  sync.Pool
}

// Lend returns a slab with n bytes and one holder, nil if n is too few or too
// many.
func (p *Slabs) Lend(n int) *packet.Slab {
	if least := cmp.Or(p.Least, packet.SlabSize/4); n < least || n > packet.SlabSize {
		return nil
	}
	s, ok := p.pool.Get().(*packet.Slab)
	if !ok {
		s = packet.NewSlab(p.put)
	}
	s.Lend(n)
	return s
}

func (p *Slabs) put(s *packet.Slab) {
	if p.Scrub {
		whole := s.B[:packet.SlabSize]
		for i := range whole {
			whole[i] = 0xff
		}
	}
	p.pool.Put(s)
}
