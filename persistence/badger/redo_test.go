package badger

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/persistence"
)

func mustOpen(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir, Options{MemTable: 1 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func count(t *testing.T, s *Store, prefix string) (n int) {
	t.Helper()
	require.NoError(t, s.Scan([]byte(prefix), nil, func(_, _ []byte) bool { n++; return true }))
	return n
}

// reservedKeys is how many keys the store has for itself.
func reservedKeys(t *testing.T, s *Store) (n int) {
	t.Helper()
	txn := s.reader()
	defer txn.Discard()
	it := txn.NewIterator(iteratorOptions([]byte{reserved}))
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		n++
	}
	return n
}

// TestLargeBatchThatWasCutOff ends a process, as it were, after each step of a
// batch that needs several transactions.
func TestLargeBatchThatWasCutOff(t *testing.T) {
	const keys = 5000
	entries := make([]entry, keys)
	for i := range entries {
		entries[i].Op = persistence.Op{Key: fmt.Appendf(nil, "k%06d", i), Value: make([]byte, 100)}
	}
	entries = append(entries, entry{Op: persistence.Op{Key: []byte("old"), Delete: true}})
	for name, test := range map[string]struct {
		steps func(*Store) error
		want  int // keys
	}{
		"within the record": {func(s *Store) error {
			_, err := s.record(entries[:keys/2])
			return err
		}, 0},
		"before the marker": {func(s *Store) error {
			_, err := s.record(entries)
			return err
		}, 0},
		"after the marker": {func(s *Store) error {
			pieces, err := s.record(entries)
			if err == nil {
				err = s.mark(pieces)
			}
			return err
		}, keys},
		"within the changes": {func(s *Store) error {
			pieces, err := s.record(entries)
			if err == nil {
				err = s.mark(pieces)
			}
			if err == nil {
				err = s.split(entries[:keys/3], s.commit)
			}
			return err
		}, keys},
		"before the removal": {func(s *Store) error {
			pieces, err := s.record(entries)
			if err == nil {
				err = s.mark(pieces)
			}
			if err == nil {
				err = s.split(entries, s.commit)
			}
			return err
		}, keys},
		"whole": {func(s *Store) error { return s.commitLarge(entries) }, keys},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := mustOpen(t, dir)
			require.False(t, s.fits(len(entries), keys*100), "the batch is too small for the test")
			require.NoError(t, s.commit([]entry{{Op: persistence.Op{Key: []byte("old"), Value: []byte("1")}}}))
			require.NoError(t, test.steps(s))
			require.NoError(t, s.Close())

			s = mustOpen(t, dir)
			require.Equal(t, test.want, count(t, s, "k"))
			if test.want == 0 {
				require.Equal(t, 1, count(t, s, "old"))
			} else {
				require.Zero(t, count(t, s, "old"))
			}
			require.Zero(t, reservedKeys(t, s), "nothing of the record stays")
		})
	}
}

// TestLargeValueThatWasCutOff does the same for a value in pieces.
func TestLargeValueThatWasCutOff(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir)
	put := func(key string, size int) *persistence.Batch {
		var b persistence.Batch
		b.Put([]byte(key), make([]byte, size))
		return &b
	}
	require.NoError(t, s.Apply(put("k1", 1<<20)))
	kept := reservedKeys(t, s)
	_, err := s.cut(put("k2", 1<<20).Ops()[0]) // no reference to it
	require.NoError(t, err)
	_, err = s.cut(put("k1", 1<<20).Ops()[0]) // a new value for a key that has its old one
	require.NoError(t, err)
	require.Greater(t, reservedKeys(t, s), kept)
	require.NoError(t, s.Close())

	s = mustOpen(t, dir)
	require.Equal(t, kept, reservedKeys(t, s), "pieces without a reference are removed")
	value, err := s.Get(nil, []byte("k1"))
	require.NoError(t, err)
	require.Len(t, value, 1<<20)
	require.NoError(t, s.Apply(put("k1", 10)))
	require.Zero(t, reservedKeys(t, s))
}

func TestEntriesReadBack(t *testing.T) {
	entries := []entry{
		{Op: persistence.Op{Key: []byte("k"), Value: []byte("v")}},
		{Op: persistence.Op{Key: []byte("gone"), Value: []byte{}, Delete: true}},
		{Op: persistence.Op{Key: []byte("r"), Value: make([]byte, 300)}, mark: reference},
	}
	var b []byte
	for _, e := range entries {
		b = appendEntry(b, e)
	}
	for cut := range len(b) {
		rest, ok := b[:cut], true
		for ok && len(rest) > 0 {
			_, rest, ok = cutEntry(rest)
		}
	} // a record that is cut off must not panic
	for _, want := range entries {
		e, rest, ok := cutEntry(b)
		require.True(t, ok)
		require.Equal(t, want, e)
		b = rest
	}
	require.Empty(t, b)
}
