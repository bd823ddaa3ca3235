package persistence_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/memory"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// putSession adds all of a session to a batch.
func putSession(b *persistence.Batch, s *persistence.SavedSession) {
	b.Put(persistence.PartSession.Key(s.ID), persistence.AppendRecord(nil, s.Record))
	if s.Head != nil {
		b.Put(persistence.PartHead.Key(s.ID), persistence.AppendHead(nil, s.Head))
	}
	for i := range s.Subscriptions {
		b.Put(persistence.SubscriptionKey(s.ID, s.Subscriptions[i].Filter), persistence.AppendSubscription(nil, &s.Subscriptions[i]))
	}
}

func readAll(t require.TestingT, store persistence.Store) (all []persistence.SavedSession) {
	require.NoError(t, persistence.ReadSessions(store, func(s persistence.SavedSession) error {
		all = append(all, s)
		return nil
	}))
	return all
}

func TestSessionsAreReadAsTheyWereWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		store := memory.New()
		var batch persistence.Batch
		var want []persistence.SavedSession
		for _, id := range rapid.SliceOfDistinct(rapid.OneOf(rapid.Uint64Range(0, 30), rapid.Uint64()), rapid.ID).Draw(t, "ids") {
			s := persistence.SavedSession{ID: id, Record: drawRecord(t)}
			if rapid.Bool().Draw(t, "with a head") {
				s.Head = drawHead(t)
			}
			filters := make(map[string]bool)
			for range rapid.IntRange(0, 3).Draw(t, "subscriptions") {
				if sub := drawSubscription(t); !filters[sub.Filter] {
					filters[sub.Filter] = true
					s.Subscriptions = append(s.Subscriptions, sub)
				}
			}
			putSession(&batch, &s)
			if rapid.IntRange(0, 3).Draw(t, "being removed") == 0 { // its record is gone
				batch.Delete(persistence.PartSession.Key(id))
				batch.Put(persistence.PartEnded.Key(id), nil)
				continue
			}
			want = append(want, s)
		}
		require.NoError(t, store.Apply(&batch))
		got := readAll(t, store)
		require.Len(t, got, len(want))
		for i := 1; i < len(got); i++ {
			require.Less(t, got[i-1].ID, got[i].ID)
		}
		byID := make(map[uint64]persistence.SavedSession)
		for _, s := range got {
			byID[s.ID] = s
		}
		for _, s := range want {
			require.Equal(t, s.Record, byID[s.ID].Record)
			require.Equal(t, s.Head, byID[s.ID].Head)
			require.ElementsMatch(t, s.Subscriptions, byID[s.ID].Subscriptions)
		}
		ended, err := persistence.EndedSessions(store)
		require.NoError(t, err)
		require.Len(t, ended, keysOf(t, store, persistence.PartEnded))
	})
}

// manySessions is a store of n sessions with a subscription each, and a head for
// every other.
func manySessions(t testing.TB, n int) persistence.Store {
	store := memory.New()
	var batch persistence.Batch
	for i := range n {
		s := &persistence.SavedSession{
			ID:     uint64(i) + 1,
			Record: &session.Record{ClientID: fmt.Sprintf("client-%d", i), Version: packet.V5, Expiry: session.NoExpiry},
			Subscriptions: []session.Subscription{
				{Filter: fmt.Sprintf("devices/%d/#", i), Options: packet.SubscriptionOptions{QoS: packet.QoS1}, ID: uint32(i)},
			},
		}
		if i%2 == 0 {
			s.Head = &session.Head{Next: uint64(i), Queue: uint64(i / 2), NextID: 1}
		}
		putSession(&batch, s)
	}
	require.NoError(t, store.Apply(&batch))
	return store
}

func TestManySessionsAreRead(t *testing.T) {
	const n = 3 * 4096 // a whole number of the slices that are read
	all := readAll(t, manySessions(t, n))
	require.Len(t, all, n)
	for i := range all {
		require.Equal(t, fmt.Sprintf("client-%d", i), all[i].Record.ClientID)
		require.Equal(t, fmt.Sprintf("devices/%d/#", i), all[i].Subscriptions[0].Filter)
		require.Equal(t, i%2 == 0, all[i].Head != nil)
	}
}

func TestReadingSessionsEndsWithTheFirstError(t *testing.T) {
	visited := 0
	require.ErrorIs(t, persistence.ReadSessions(manySessions(t, 3), func(persistence.SavedSession) error {
		visited++
		return errBroken
	}), errBroken)
	require.Equal(t, 1, visited)

	for _, key := range [][]byte{persistence.PartSession.Key(2), persistence.PartHead.Key(2), persistence.SubscriptionKey(2, "a")} {
		store := manySessions(t, 3)
		var batch persistence.Batch
		batch.Put(key, []byte{1})
		require.NoError(t, store.Apply(&batch))
		err := persistence.ReadSessions(store, func(persistence.SavedSession) error { return nil })
		require.ErrorIs(t, err, persistence.ErrCorrupt)
		require.ErrorContains(t, err, "session 2")
	}

	store := manySessions(t, 3)
	require.NoError(t, store.Close())
	require.ErrorIs(t, persistence.ReadSessions(store, func(persistence.SavedSession) error { return nil }), persistence.ErrClosed)
	_, err := persistence.EndedSessions(store)
	require.ErrorIs(t, err, persistence.ErrClosed)
}

func BenchmarkReadSessions(b *testing.B) {
	store := manySessions(b, 100_000)
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		if err := persistence.ReadSessions(store, func(persistence.SavedSession) error { n++; return nil }); err != nil || n != 100_000 {
			b.Fatal(n, err)
		}
	}
}
