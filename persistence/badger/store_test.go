package badger

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/persistence"
)

func TestStoreKeeps(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, Options{})
	require.NoError(t, err)
	var b persistence.Batch
	b.Put([]byte("a"), []byte("1"))
	b.Put([]byte("b"), []byte("2"))
	require.NoError(t, s.Apply(&b))
	require.NoError(t, s.Sync())
	require.NoError(t, s.Close())
	require.ErrorIs(t, s.Sync(), persistence.ErrClosed)

	s, err = Open(dir, Options{})
	require.NoError(t, err)
	v, err := s.Get(nil, []byte("b"))
	require.NoError(t, err)
	require.Equal(t, "2", string(v))
	require.NoError(t, s.Close())
}
