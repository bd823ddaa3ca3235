package persistence_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/memory"
	"github.com/troupemq/troupe/protocol/session"
)

// putWhole writes a session with its pages and the references that they make,
// and returns the keys that are left of it when its record is gone.
func putWhole(t *rapid.T, store persistence.Store, bodies *persistence.Bodies, sid uint64, pages []session.Page) (keys int) {
	var batch persistence.Batch
	s := persistence.SavedSession{ID: sid, Record: drawRecord(t), Head: drawHead(t)}
	filters := make(map[string]bool)
	for range rapid.IntRange(0, 5).Draw(t, "subscriptions") {
		if sub := drawSubscription(t); !filters[sub.Filter] {
			filters[sub.Filter] = true
			s.Subscriptions = append(s.Subscriptions, sub)
		}
	}
	putSession(&batch, &s)
	putPages(&batch, sid, pages)
	var changes []persistence.Change
	for _, p := range pages {
		seen := make(map[uint64]bool)
		for _, e := range p {
			if e.Run.Body != nil && !seen[numberOf(e.Run)] {
				seen[numberOf(e.Run)] = true
				changes = append(changes, persistence.Change{ID: numberOf(e.Run), Run: e.Run, Count: 1})
			}
		}
	}
	require.NoError(t, bodies.Settle(changes, &batch))
	require.NoError(t, store.Apply(&batch))
	bodies.Applied()
	return len(pages) + len(s.Subscriptions)
}

// dump is all that a store has.
func dump(t require.TestingT, store persistence.Store) map[string]string {
	all := make(map[string]string)
	require.NoError(t, store.Scan(nil, nil, func(key, value []byte) bool {
		all[string(key)] = string(value)
		return true
	}))
	return all
}

// TestNothingIsLeftOfASessionThatIsOver compares with a store in which it never was.
func TestNothingIsLeftOfASessionThatIsOver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		store := memory.New()
		bodies := persistence.NewBodies(store)
		shared := drawBodies(t)
		putWhole(t, store, bodies, 6, drawPages(t, shared))
		putWhole(t, store, bodies, 8, drawPages(t, shared))
		others := dump(t, store)

		keys := putWhole(t, store, bodies, 7, drawPages(t, shared))
		var end persistence.Batch
		end.Delete(persistence.PartSession.Key(7))
		end.Put(persistence.PartEnded.Key(7), nil)
		require.NoError(t, store.Apply(&end))

		slice := rapid.IntRange(1, 5).Draw(t, "slice")
		calls := 0
		for done := false; !done; calls++ {
			if rapid.IntRange(0, 3).Draw(t, "restart") == 0 {
				bodies = persistence.NewBodies(store)
			}
			ended, err := persistence.EndedSessions(store)
			require.NoError(t, err)
			require.Equal(t, []uint64{7}, ended)
			var batch persistence.Batch
			var changes []persistence.Change
			changes, done, err = persistence.Reap(store, 7, slice, &batch)
			require.NoError(t, err)
			require.LessOrEqual(t, batch.Len(), slice+3)
			require.NoError(t, bodies.Settle(changes, &batch))
			require.NoError(t, store.Apply(&batch))
			bodies.Applied()
		}
		require.Equal(t, max(1, (keys+slice-1)/slice), calls)
		require.Equal(t, others, dump(t, store))
	})
}

func TestADamagedPageIsReaped(t *testing.T) {
	store := memory.New()
	var batch persistence.Batch
	batch.Put(persistence.PartPage.Key(7, 1), []byte{9})
	batch.Put(persistence.PartEnded.Key(7), nil)
	require.NoError(t, store.Apply(&batch))
	batch.Reset()
	changes, done, err := persistence.Reap(store, 7, 10, &batch)
	require.NoError(t, err)
	require.True(t, done)
	require.Empty(t, changes)
	require.NoError(t, store.Apply(&batch))
	require.Empty(t, dump(t, store))

	require.NoError(t, store.Close())
	batch.Reset()
	_, _, err = persistence.Reap(store, 7, 10, &batch)
	require.ErrorIs(t, err, persistence.ErrClosed)
	require.Zero(t, batch.Len())
}
