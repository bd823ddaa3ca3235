package memory_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/memory"
	"github.com/troupemq/troupe/persistence/storetest"
)

func TestStore(t *testing.T) {
	kept := make(map[string]*memory.Store) // what a directory is for other stores
	storetest.Run(t, func(_ *testing.T, dir string) persistence.Store {
		s := memory.New()
		if before := kept[dir]; before != nil {
			s = before.Clone()
		}
		kept[dir] = s
		return s
	})
}

func TestCrashCloneHasWhatWasSynced(t *testing.T) {
	s := memory.New()
	apply := func(key, value string) {
		var b persistence.Batch
		b.Put([]byte(key), []byte(value))
		require.NoError(t, s.Apply(&b))
	}
	content := func(s *memory.Store) map[string]string {
		all := make(map[string]string)
		require.NoError(t, s.Scan(nil, nil, func(k, v []byte) bool { all[string(k)] = string(v); return true }))
		return all
	}
	require.Empty(t, content(s.CrashClone()))
	apply("a", "1")
	apply("b", "1")
	require.Empty(t, content(s.CrashClone()))
	require.NoError(t, s.Sync())
	apply("a", "2")
	apply("c", "1")

	lost, killed := s.CrashClone(), s.Clone()
	apply("d", "1")
	require.NoError(t, s.Close())
	require.Equal(t, map[string]string{"a": "1", "b": "1"}, content(lost))
	require.Equal(t, map[string]string{"a": "2", "b": "1", "c": "1"}, content(killed))
	require.Equal(t, content(lost), content(s.CrashClone()), "a closed store has not synced")

	var b persistence.Batch
	b.Delete([]byte("a"))
	require.NoError(t, lost.Apply(&b))
	require.Equal(t, map[string]string{"b": "1"}, content(lost))
	require.Equal(t, map[string]string{"a": "2", "b": "1", "c": "1"}, content(killed), "clones share nothing")
	require.Equal(t, map[string]string{"a": "1", "b": "1"}, content(lost.CrashClone()), "what a loss left is safe")
}
