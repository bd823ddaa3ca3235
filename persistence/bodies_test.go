package persistence_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/memory"
	"github.com/troupemq/troupe/protocol/packet"
)

var errBroken = errors.New("the disk is broken")

// breakable is a store whose Get fails while broken is set.
type breakable struct {
	persistence.Store
	broken bool
	asked  int
}

func (s *breakable) Get(dst, key []byte) ([]byte, error) {
	s.asked++
	if s.broken {
		return nil, errBroken
	}
	return s.Store.Get(dst, key)
}

// keysOf counts the keys of a part.
func keysOf(t require.TestingT, store persistence.Store, part persistence.Part) (n int) {
	require.NoError(t, store.Scan(part.Key(), nil, func(_, _ []byte) bool { n++; return true }))
	return n
}

// TestBodiesAreThereWhileReferredTo lets random groups refer to bodies and drop
// them, some of which fail, over restarts.
func TestBodiesAreThereWhileReferredTo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		store := &breakable{Store: memory.New()}
		bodies := persistence.NewBodies(store)
		runs := make(map[uint64]*packet.Run)
		counts := make(map[uint64]int) // as the store has them
		highest := uint64(0)
		if rapid.Bool().Draw(t, "knows what is unused") {
			bodies.Unused(1)
		}
		for range rapid.IntRange(1, 30).Draw(t, "groups") {
			if rapid.IntRange(0, 9).Draw(t, "restart") == 0 {
				bodies = persistence.NewBodies(store)
				if rapid.Bool().Draw(t, "knows what is unused") {
					bodies.Unused(highest + 1)
				}
			}
			var batch persistence.Batch
			staged := make(map[uint64]int)
			for id, n := range counts {
				staged[id] = n
			}
			failed := false
			for range rapid.IntRange(1, 3).Draw(t, "settlements") {
				var changes []persistence.Change
				now := make(map[uint64]int)
				for id, n := range staged {
					now[id] = n
				}
				for range rapid.IntRange(0, 6).Draw(t, "changes") {
					id := rapid.Uint64Range(max(1, highest)-min(max(1, highest)-1, 5), highest+3).Draw(t, "body")
					highest = max(highest, id)
					if now[id] > 0 && rapid.Bool().Draw(t, "drop") {
						n := rapid.IntRange(1, now[id]).Draw(t, "dropped")
						changes = append(changes, persistence.Change{ID: id, Count: -n})
						now[id] -= n
						continue
					}
					if runs[id] == nil {
						runs[id] = drawRun(t, packet.QoS1)
					}
					n := rapid.IntRange(1, 3).Draw(t, "made")
					changes = append(changes, persistence.Change{ID: id, Run: runs[id], Count: n})
					now[id] += n
				}
				store.broken = rapid.IntRange(0, 5).Draw(t, "broken") == 0
				before := batch.Len()
				err := bodies.Settle(changes, &batch)
				store.broken = false
				if err != nil {
					require.ErrorIs(t, err, errBroken)
					require.Equal(t, before, batch.Len())
					failed = true
					break
				}
				staged = now
			}
			if failed || rapid.IntRange(0, 3).Draw(t, "full") == 0 {
				bodies.Dropped()
			} else {
				require.NoError(t, store.Apply(&batch))
				bodies.Applied()
				counts = staged
			}
			there := 0
			for id, n := range counts {
				value, err := store.Get(nil, persistence.PartBody.Key(id))
				if n == 0 {
					require.ErrorIs(t, err, persistence.ErrNotFound)
					continue
				}
				there++
				require.NoError(t, err)
				require.Equal(t, persistence.AppendBody(nil, runs[id]), value)
			}
			require.Equal(t, there, keysOf(t, store, persistence.PartBody))
			require.Equal(t, there, keysOf(t, store, persistence.PartCount))
		}
	})
}

func TestABodyWithoutFramesIsAMistake(t *testing.T) {
	bodies := persistence.NewBodies(memory.New())
	var batch persistence.Batch
	require.ErrorContains(t, bodies.Settle([]persistence.Change{{ID: 7, Count: 1}}, &batch), "body 7")
	require.Zero(t, batch.Len())
	require.NoError(t, bodies.Settle([]persistence.Change{{ID: 7, Count: -1}, {ID: 8, Count: 1}, {ID: 8, Count: -1}}, &batch))
	require.Zero(t, batch.Len(), "what was never written needs no change")
}

func TestADamagedCountIsRefused(t *testing.T) {
	store := memory.New()
	var batch persistence.Batch
	batch.Put(persistence.PartCount.Key(7), []byte{1})
	require.NoError(t, store.Apply(&batch))
	batch.Reset()
	err := persistence.NewBodies(store).Settle([]persistence.Change{{ID: 7, Count: -1}}, &batch)
	require.ErrorIs(t, err, persistence.ErrCorrupt)
	require.ErrorContains(t, err, "body 7")
}

// More bodies than are remembered, made in one group and dropped in others: new
// ones are not looked for in the store, old ones are found there.
func TestCountsThatAreNotRememberedAreRead(t *testing.T) {
	const n = 70_000
	store := &breakable{Store: memory.New()}
	bodies := persistence.NewBodies(store)
	bodies.Unused(1)
	run := packet.NewRun(&packet.Publish{Topic: []byte("a"), QoS: packet.QoS1}, packet.V311)
	var batch persistence.Batch
	settle := func(count int) {
		changes := make([]persistence.Change, n)
		for i := range changes {
			changes[i] = persistence.Change{ID: uint64(i) + 1, Run: run, Count: count}
		}
		batch.Reset()
		require.NoError(t, bodies.Settle(changes, &batch))
		require.NoError(t, store.Apply(&batch))
		bodies.Applied()
	}
	settle(2)
	require.Zero(t, store.asked)
	settle(-1)
	require.NotZero(t, store.asked)
	require.Equal(t, n, keysOf(t, store, persistence.PartBody))
	settle(-1)
	require.Zero(t, keysOf(t, store, persistence.PartBody))
	require.Zero(t, keysOf(t, store, persistence.PartCount))
}

// A thousand bodies that are new, and then dropped, in two groups.
func BenchmarkSettle(b *testing.B) {
	const n = 1000
	bodies := persistence.NewBodies(memory.New())
	bodies.Unused(1)
	run := packet.NewRun(&packet.Publish{Topic: []byte("devices/1/state"), QoS: packet.QoS1, Payload: make([]byte, 100)}, packet.V311)
	made, dropped := make([]persistence.Change, n), make([]persistence.Change, n)
	next := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		for i := range n {
			next++
			made[i] = persistence.Change{ID: next, Run: run, Count: 2}
			dropped[i] = persistence.Change{ID: next, Count: -2}
		}
		for _, changes := range [][]persistence.Change{made, dropped} {
			var batch persistence.Batch
			if err := bodies.Settle(changes, &batch); err != nil {
				b.Fatal(err)
			}
			bodies.Applied()
		}
	}
}
