package badger

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/persistence"
)

func TestLittleSpace(t *testing.T) {
	dir := t.TempDir()
	if freeSpace(dir) < 0 {
		t.Skip("this system does not tell what is free")
	}
	const all = 1 << 60
	_, err := Open(dir, Options{MinFree: all})
	require.ErrorIs(t, err, persistence.ErrNoSpace)
	require.ErrorContains(t, err, dir)

	s := mustOpen(t, dir)
	var b persistence.Batch
	b.Put([]byte("k"), []byte("v"))
	enough := s.o.MinFree
	s.o.MinFree = all
	require.ErrorIs(t, s.Apply(&b), persistence.ErrNoSpace)
	_, err = s.Get(nil, []byte("k"))
	require.ErrorIs(t, err, persistence.ErrNotFound, "reads go on, and nothing of the batch is there")
	require.NoError(t, s.Sync())

	s.o.MinFree = enough
	require.NoError(t, s.Apply(&b), "it recovers by itself")
	_, err = s.Get(nil, []byte("k"))
	require.NoError(t, err)

	s.o.MinFree = -1
	require.NoError(t, s.Apply(&b))
}

func TestKeysThatCannotBe(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	for _, key := range []string{"", "\x00", "\x00k", "!badger!x", string(make([]byte, MaxKey+1))} {
		var b persistence.Batch
		b.Put([]byte("before"), nil)
		b.Put([]byte(key), nil)
		require.Error(t, s.Apply(&b))
	}
	require.Zero(t, count(t, s, "before"), "nothing of such a batch is applied")
	long := make([]byte, MaxKey)
	long[0] = 'k'
	var b persistence.Batch
	b.Put(long, []byte("v"))
	require.NoError(t, s.Apply(&b))
	require.Equal(t, 1, count(t, s, "k"))
	_, err := s.Get(nil, markerKey())
	require.ErrorIs(t, err, persistence.ErrNotFound)
	require.NoError(t, s.Scan([]byte{reserved}, nil, func(_, _ []byte) bool { t.Fatal("a key of the store's own"); return true }))
}

// TestFailedStoreStaysFailed: after a failed sync a second one would claim success.
func TestFailedStoreStaysFailed(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	require.NoError(t, s.logs.close()) // the next sync finds a file that is not open
	require.Error(t, s.Sync())
	var b persistence.Batch
	b.Put([]byte("k"), nil)
	require.ErrorContains(t, s.Apply(&b), "opened again")
	require.ErrorContains(t, s.Sync(), "opened again")
	s.logs.current = nil
}
