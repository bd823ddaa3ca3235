package badger

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	librarytable "github.com/dgraph-io/badger/v4/table"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/persistence"
)

// What is more than any device has.
const tooMuch = 1 << 60

// The compactors do not work while another program has taken the room that they
// need, whether somebody writes or not, and go on when there is room.
func TestCompactorsWaitForRoom(t *testing.T) {
	others := compacting(t)
	s := mustOpen(t, t.TempDir())
	if s.free() < 0 {
		t.Skip("this system does not tell what is free")
	}
	put := func(n int) error {
		var b persistence.Batch
		b.Put(persistence.PartPage.Key(uint64(n)), make([]byte, 10<<10))
		return s.Apply(&b)
	}
	n := 0
	for ; s.Resting(); n++ {
		require.NoError(t, put(n))
	}
	require.Eventually(t, func() bool { return compacting(t) == others+2 }, 10*time.Second, time.Millisecond)
	s.passing.Store(tooMuch)
	require.ErrorIs(t, put(n), persistence.ErrNoSpace)
	require.Eventually(t, func() bool { return compacting(t) == others }, 10*time.Second, time.Millisecond)
	require.False(t, s.Resting(), "there may be work left")
	require.NoError(t, s.Maintain(t.Context()))
	require.Equal(t, others, compacting(t), "there is no room for Maintain either")

	s.measure()
	require.Eventually(t, func() bool { return compacting(t) == others+2 }, 10*time.Second, time.Millisecond)
	require.NoError(t, put(n))
	require.Equal(t, n+1, count(t, s, string(persistence.PartPage.Key(0)[:1])))
}

// A store is closed on a device that has no room for the table that the library
// makes then, and nothing of it is lost.
func TestCloseWithoutRoom(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, Options{MemTable: 1 << 20})
	require.NoError(t, err)
	if s.free() < 0 {
		t.Skip("this system does not tell what is free")
	}
	var b persistence.Batch
	b.Put([]byte("k"), []byte("v"))
	require.NoError(t, s.Apply(&b))
	s.o.MemTable = tooMuch / 2
	require.NoError(t, s.Close())
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	require.NoError(t, err)
	require.Empty(t, tables)
	require.NoError(t, os.WriteFile(librarytable.NewFilename(nextTable(s.db), dir), nil, 0o600), "as after a kill -9 meanwhile")

	s, err = Open(dir, Options{MemTable: 1 << 20})
	require.NoError(t, err)
	v, err := s.Get(nil, []byte("k"))
	require.NoError(t, err)
	require.Equal(t, "v", string(v))
	require.NoError(t, s.Close())
	tables, err = filepath.Glob(filepath.Join(dir, "*.sst"))
	require.NoError(t, err)
	require.NotEmpty(t, tables, "there is room now")
}

// Who only looks into a directory on a full device is told what he needs, and so
// is everybody else.
func TestOpenWithoutRoom(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir)
	if s.free() < 0 {
		t.Skip("this system does not tell what is free")
	}
	require.NoError(t, s.Close())
	_, err := Open(dir, Options{MinFree: tooMuch})
	require.ErrorIs(t, err, persistence.ErrNoSpace)
	s.o.MinFree, s.o.MemTable = -1, tooMuch/4
	require.NoError(t, s.openable(), "one log becomes no table")
	require.ErrorIs(t, s.room(1), persistence.ErrNoSpace, "what the store needs for itself is left in any case")
}
