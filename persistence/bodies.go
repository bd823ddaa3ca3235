package persistence

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/troupemq/troupe/protocol/packet"
)

// Change is a change of the number of pages that refer to a body.
type Change struct {
	ID    uint64
	Run   *packet.Run // the body, if Count is above 0
	Count int         // references made, negative: dropped
}

// countsCached is how many counts Bodies remembers.
const countsCached = 1 << 16

// Bodies keeps account of how many pages refer to a shared body, so that it is
// written once and goes away with the last of them. It is used by one goroutine.
//
// Counts that are about to be written are staged: Settle sees them, and
// [Bodies.Applied] or [Bodies.Dropped] says what became of them.
type Bodies struct {
	store  Store
	counts map[uint64]uint64 // as the store has them; those that are not there may be there too
	staged map[uint64]uint64
	unused uint64 // from here on no body was in the store when it was opened
	known  uint64 // no body behind this one was ever settled
	next   uint64 // what known becomes
	value  []byte
}

// NewBodies makes the account of a store.
func NewBodies(store Store) *Bodies {
	return &Bodies{store: store, counts: make(map[uint64]uint64), staged: make(map[uint64]uint64), unused: ^uint64(0)}
}

// Unused tells that no body in the store has a number of from or above, which
// saves asking it for those that are new. It is called before the first Settle.
func (b *Bodies) Unused(from uint64) { b.unused = from }

// Settle adds to a batch what follows from changes: bodies and counts to be
// written, or to be taken away. It sees what earlier calls staged. After an error
// nothing was added or staged.
//
// Errors: what the store returns, [ErrCorrupt], or that a body is missing that
// is referred to for the first time, which is a mistake of the caller.
func (b *Bodies) Settle(changes []Change, batch *Batch) error {
	net := netted(changes)
	counts := make([]uint64, len(net))
	for i, c := range net {
		n, err := b.count(c.ID)
		if err != nil {
			return err
		}
		if n == 0 && c.Count > 0 && c.Run == nil {
			return fmt.Errorf("persistence: body %d is referred to for the first time, and comes without its frames", c.ID)
		}
		counts[i] = n
	}
	for i, c := range net {
		before, after := counts[i], uint64(max(0, int64(counts[i])+int64(c.Count)))
		switch {
		case before == after: // also: never written, and not needed any more
			continue
		case after == 0:
			batch.Delete(PartBody.Key(c.ID))
			batch.Delete(PartCount.Key(c.ID))
		default:
			if before == 0 {
				batch.Put(PartBody.Key(c.ID), AppendBody(make([]byte, 0, len(c.Run.Frames)+16), c.Run))
			}
			batch.Put(PartCount.Key(c.ID), appendCount(nil, after))
		}
		b.staged[c.ID] = after
		b.next = max(b.next, c.ID)
	}
	return nil
}

// netted sums the changes up by body, in the order of their numbers.
func netted(changes []Change) []Change {
	all := slices.Clone(changes)
	slices.SortFunc(all, func(a, b Change) int { return cmp.Compare(a.ID, b.ID) })
	net := all[:0]
	for _, c := range all {
		if n := len(net); n > 0 && net[n-1].ID == c.ID {
			net[n-1].Count += c.Count
			if net[n-1].Run == nil {
				net[n-1].Run = c.Run
			}
			continue
		}
		net = append(net, c)
	}
	return net
}

// count is how many pages refer to a body.
func (b *Bodies) count(id uint64) (uint64, error) {
	if n, ok := b.staged[id]; ok {
		return n, nil
	}
	if n, ok := b.counts[id]; ok {
		return n, nil
	}
	if id >= b.unused && id > b.known {
		return 0, nil
	}
	value, err := b.store.Get(b.value[:0], PartCount.Key(id))
	if errors.Is(err, ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("the count of body %d: %w", id, err)
	}
	b.value = value
	n, err := decodeCount(value)
	if err != nil {
		return 0, fmt.Errorf("the count of body %d: %w", id, err)
	}
	return n, nil
}

// Applied tells that the batches were applied that Settle added to since.
func (b *Bodies) Applied() {
	for id, n := range b.staged {
		if n == 0 {
			delete(b.counts, id)
		} else {
			b.counts[id] = n
		}
	}
	for id := range b.counts {
		if len(b.counts) <= countsCached {
			break
		}
		delete(b.counts, id)
	}
	b.known = max(b.known, b.next)
	b.Dropped()
}

// Dropped tells that they were not.
func (b *Bodies) Dropped() {
	clear(b.staged)
	b.next = 0
}

func appendCount(dst []byte, n uint64) []byte { return binary.AppendUvarint(append(dst, format), n) }

func decodeCount(b []byte) (uint64, error) {
	in := open("a body count", b)
	n := in.uint("its number", math.MaxInt32)
	if err := in.close(); err != nil {
		return 0, err
	}
	return n, nil
}
