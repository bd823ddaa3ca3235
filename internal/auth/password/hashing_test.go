package password

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/internal/auth"
	"github.com/troupemq/troupe/protocol/packet"
)

const patience = 20 * time.Second

func (h *Hashing) waiting() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.own.waiting.Len()
	for _, q := range h.turns {
		if q != &h.own {
			n += q.waiting.Len()
		}
	}
	return n
}

func (h *Hashing) awaits(t *testing.T, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return h.waiting() == n }, patience, time.Millisecond)
}

func TestHowManyHash(t *testing.T) {
	require.Equal(t, max(1, runtime.GOMAXPROCS(0)/2), NewHashing(0).most)
	require.Equal(t, max(1, runtime.GOMAXPROCS(0)/2), NewHashing(-1).most)
	require.Equal(t, 3, NewHashing(3).most)
}

// However many come from however many places, and give up meanwhile, no more than
// the bound are in, and in the end all room is free.
func TestNoMoreThanTheBoundHash(t *testing.T) {
	for _, most := range []int{1, 3} {
		h := NewHashing(most)
		var in, done atomic.Int64
		var all sync.WaitGroup
		for range 4 {
			q := &queue{of: h}
			for i := range 50 {
				all.Go(func() {
					ctx, cancel := context.WithCancel(context.Background())
					defer cancel()
					if i%3 == 0 {
						go cancel() // at any time
					}
					if q.enter(ctx) != nil {
						return
					}
					if n := in.Add(1); n > int64(most) {
						t.Errorf("%d at a time", n)
					}
					runtime.Gosched()
					in.Add(-1)
					done.Add(1)
					h.leave()
				})
			}
		}
		all.Wait()
		require.GreaterOrEqual(t, done.Load(), int64(4*33))
		require.Zero(t, h.busy)
		require.Empty(t, h.turns)
	}
}

// Two with a bound of one never hash at the same time: while anybody does, both
// wait.
func TestAuthenticatorsShareTheBound(t *testing.T) {
	h := NewHashing(1)
	one, two := New(users(t, "ann:"+cheap("a")+"\n"), h), New(users(t, "bob:"+cheap("b")+"\n"), h)
	release := make(chan struct{})
	did := make(chan error, 1)
	go func() { did <- h.Do(context.Background(), func() { <-release }) }()
	require.Eventually(t, func() bool { h.mu.Lock(); defer h.mu.Unlock(); return h.busy == 1 }, patience, time.Millisecond)
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	refused := &auth.Refusal{Code: packet.ServerBusy, Reason: "too many passwords have to be checked at once"}
	require.Equal(t, refused, one.Authenticate(ctx, client("ann", "a")))
	require.Equal(t, refused, two.Authenticate(ctx, client("bob", "b")))
	require.ErrorIs(t, h.Do(ctx, func() { t.Error("it is not its turn") }), context.DeadlineExceeded)
	close(release)
	require.NoError(t, <-did)
	require.NoError(t, one.Authenticate(context.Background(), client("ann", "a")))
	require.NoError(t, two.Authenticate(context.Background(), client("bob", "b")))
	require.Zero(t, h.busy)
}

// A flood at one costs another the wait for one hash, however many wait there.
func TestAFloodTakesTurnsWithOthers(t *testing.T) {
	const flood = 100
	h := NewHashing(1)
	one, two := New(users(t, "ann:"+cheap("a")+"\n"), h), New(users(t, "bob:"+cheap("b")+"\n"), h)
	empty := fill(one)
	var all sync.WaitGroup
	for range flood {
		all.Go(func() {
			if one.Authenticate(context.Background(), client("ann", "wrong")) == nil {
				t.Error("let in")
			}
		})
	}
	h.awaits(t, flood)
	left := make(chan int, 1) // of the flood, when the other is through
	all.Go(func() {
		if err := two.hashes.enter(context.Background()); err != nil {
			t.Error(err)
		}
		left <- h.waiting()
		h.leave()
	})
	h.awaits(t, flood+1)
	empty()
	require.GreaterOrEqual(t, <-left, flood-1)
	all.Wait()
	require.Zero(t, h.busy)
}

// Those of one place are served in the order in which they came.
func TestTurnsOfOnePlace(t *testing.T) {
	h := NewHashing(1)
	empty := fill(New(nil, h))
	var served []int
	var all sync.WaitGroup
	for i := range 5 {
		all.Go(func() {
			if err := h.Do(context.Background(), func() { served = append(served, i) }); err != nil {
				t.Error(err)
			}
		})
		h.awaits(t, i+1)
	}
	empty()
	all.Wait()
	require.Equal(t, []int{0, 1, 2, 3, 4}, served)
}

// Room is given back by what panics.
func TestDoContainsNothing(t *testing.T) {
	h := NewHashing(1)
	require.Panics(t, func() { _ = h.Do(context.Background(), func() { panic("boom") }) })
	require.NoError(t, h.Do(context.Background(), func() {}))
}
