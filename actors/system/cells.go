package system

import (
	"iter"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

// cellsChunk is how many cells are entered before the table takes more memory.
const cellsChunk = 512

// cells is the table of the actors that have not ended: where a PID leads to. A PID names its place in it, and remembers what it found
// there, so that it is asked about once.
type cells struct {
	address string // of their PIDs
	mu      sync.Mutex
	chunks  []*[cellsChunk]*cell
	unused  []uint32 // free places below those that were never taken
	taken   uint32   // places that were ever taken
}

// enter gives a cell its place.
func (t *cells) enter(c *cell) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var place uint32
	if n := len(t.unused); n > 0 {
		place, t.unused = t.unused[n-1], t.unused[:n-1]
	} else {
		place = t.taken
		if place%cellsChunk == 0 {
			t.chunks = append(t.chunks, new([cellsChunk]*cell))
		}
		t.taken++
	}
	c.pid.RequestId = place
	t.chunks[place/cellsChunk][place%cellsChunk] = c
}

// leave frees the place of a cell.
func (t *cells) leave(c *cell) {
	t.mu.Lock()
	defer t.mu.Unlock()
	place := c.pid.RequestId
	t.chunks[place/cellsChunk][place%cellsChunk] = nil
	t.unused = append(t.unused, place)
}

// find is the cell of a PID, nil if the actor has ended.
func (t *cells) find(pid *actor.PID) *cell {
	if pid.GetAddress() != t.address {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	place := pid.RequestId
	if place >= t.taken {
		return nil
	}
	if c := t.chunks[place/cellsChunk][place%cellsChunk]; c != nil && c.pid.Id == pid.Id {
		return c
	}
	return nil
}

// all is the actors that have not ended.
func (t *cells) all() []*cell {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []*cell
	for place := range t.taken {
		if c := t.chunks[place/cellsChunk][place%cellsChunk]; c != nil {
			all = append(all, c)
		}
	}
	return all
}

// All is the actors that have not ended, by their paths: the names from the top down, with slashes between them. It is meant for tools
// and tests; the order is that of the table.
func (s *System) All() iter.Seq2[string, *actor.PID] {
	return func(yield func(string, *actor.PID) bool) {
		for _, c := range s.cells.all() {
			if !yield(c.path(), &c.pid) {
				return
			}
		}
	}
}
