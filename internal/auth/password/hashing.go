package password

import (
	"container/list"
	"context"
	"runtime"
	"slices"
	"sync"
)

// Hashing bounds how many passwords are hashed at a time by all who share it, since
// each takes a processor and the memory that its hash asks for. Who has to wait is
// served in turn: one of each Authenticator that somebody waits for, in the order
// in which they came there. So a flood at one holds up another by no more than one
// hash for each of its own. Its methods are safe for concurrent use.
type Hashing struct {
	most  int
	own   queue // of Do
	mu    sync.Mutex
	busy  int
	turns []*queue // in which somebody waits, in the order of their turns
}

// NewHashing returns one for so many at a time; 0: as many as half of the
// processors, and at least one.
func NewHashing(most int) *Hashing {
	if most < 1 {
		most = max(1, runtime.GOMAXPROCS(0)/2)
	}
	h := &Hashing{most: most}
	h.own.of = h
	return h
}

// Do calls f when it is its turn, and returns when f has: for a program that hashes
// passwords itself. The error is that of ctx, which bounds the wait alone; f was not
// called then.
func (h *Hashing) Do(ctx context.Context, f func()) error {
	if err := h.own.enter(ctx); err != nil {
		return err
	}
	defer h.leave()
	f()
	return nil
}

// queue is those who wait in one place.
type queue struct {
	of      *Hashing
	waiting list.List // of chan struct{}, which are closed when it is their turn
}

// enter waits until it is the caller's turn, who has to leave then.
func (q *queue) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	turn, place := q.come()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	if !q.give(place) {
		q.of.leave() // the turn came in the same moment
	}
	return ctx.Err()
}

// come takes a place in the queue, with a turn that has come already if there is
// room.
func (q *queue) come() (turn chan struct{}, place *list.Element) {
	h := q.of
	turn = make(chan struct{})
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.busy < h.most { // then nobody waits
		h.busy++
		close(turn)
		return turn, nil
	}
	if q.waiting.Len() == 0 {
		h.turns = append(h.turns, q)
	}
	return turn, q.waiting.PushBack(turn)
}

// give gives up a place. It is false if the turn has come.
func (q *queue) give(place *list.Element) bool {
	h := q.of
	h.mu.Lock()
	defer h.mu.Unlock()
	before := q.waiting.Len()
	if before > 0 && place != nil {
		q.waiting.Remove(place) // nothing, if it is not in there any more
	}
	if q.waiting.Len() == before {
		return false
	}
	if before == 1 {
		h.turns = slices.DeleteFunc(h.turns, func(other *queue) bool { return other == q })
	}
	return true
}

// leave gives the turn to the next.
func (h *Hashing) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.turns) == 0 {
		h.busy--
		return
	}
	q := h.turns[0]
	h.turns = slices.Delete(h.turns, 0, 1)
	turn := q.waiting.Remove(q.waiting.Front()).(chan struct{})
	if q.waiting.Len() > 0 {
		h.turns = append(h.turns, q)
	}
	close(turn)
}
