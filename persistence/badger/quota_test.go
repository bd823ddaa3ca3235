package badger_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/badger"
)

const quota = 32 << 20

func openBounded(t *testing.T, dir string) *badger.Store {
	s, err := badger.Open(dir, badger.Options{MemTable: 1 << 20, MinFree: -1, MaxDisk: quota})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// page is a change that writes one page of so many bytes, or removes it.
func page(n uint64, size int) *persistence.Batch {
	b := new(persistence.Batch)
	if size == 0 {
		b.Delete(persistence.PartPage.Key(n))
		return b
	}
	value := make([]byte, size)
	for i := range value {
		value[i] = byte(uint64(i)*n + n)
	}
	b.Put(persistence.PartPage.Key(n), binary.BigEndian.AppendUint64(value, n))
	return b
}

// fillUntil writes pages until done says so, and returns how many.
func fillUntil(t *testing.T, s *badger.Store, done func(applied error) bool) (n uint64) {
	for {
		err := s.Apply(page(n, 100<<10))
		if err == nil {
			n++
		}
		if done(err) {
			return n
		}
		require.Less(t, n, uint64(2000), "it was never full")
	}
}

// What may be taken is not exceeded, but for what is there twice while it is merged; from seven eighths on there is a warning,
// and what is removed then gives its space back.
func TestQuota(t *testing.T) {
	s := openBounded(t, t.TempDir())
	n := fillUntil(t, s, func(err error) bool {
		require.NoError(t, err, "the warning comes first")
		return s.Tight() != nil
	})
	require.ErrorIs(t, s.Tight(), persistence.ErrNoSpace)
	require.ErrorContains(t, s.Tight(), "may take 32 (max_disk)")
	require.Greater(t, n*100<<10, uint64(quota/2), "most of it can be used")
	fillUntil(t, s, func(err error) bool {
		if err != nil {
			require.ErrorIs(t, err, persistence.ErrNoSpace)
		}
		return err != nil
	})
	require.Eventually(t, func() bool {
		require.Error(t, s.Tight())
		return s.Taken() <= quota
	}, 30*time.Second, time.Millisecond, "a log counts beside its table only until it is removed")
	u, err := s.Usage()
	require.NoError(t, err)
	require.Less(t, u.Disk, int64(2*quota), "files of merges that are under way come on top")
	require.Error(t, s.Tight())

	// Little room is left, and all that is needed for what makes more.
	s.SetMaxDisk(s.Taken() + 1<<20)
	for i := range n {
		require.NoError(t, s.Apply(page(i, 0)))
	}
	for range 3 {
		require.NoError(t, s.Maintain(t.Context()))
	}
	s.SetMaxDisk(quota)
	require.NoError(t, s.Tight())
	require.Less(t, s.Taken(), int64(quota/2))
	require.NoError(t, s.Apply(page(1, 100<<10)))
}

func TestQuotaThatIsRaised(t *testing.T) {
	s := openBounded(t, t.TempDir())
	n := fillUntil(t, s, func(err error) bool { return err != nil })
	s.SetMaxDisk(2 * quota)
	require.NoError(t, s.Tight())
	require.NoError(t, s.Apply(page(n, 100<<10)))
	s.SetMaxDisk(0)
	require.NoError(t, s.Tight())
	s.SetMaxDisk(1 << 20) // below what is there
	require.Error(t, s.Tight())
	require.ErrorIs(t, s.Apply(page(n+1, 1)), persistence.ErrNoSpace)
	b, err := s.Get(nil, persistence.PartPage.Key(n))
	require.NoError(t, err)
	require.Len(t, b, 100<<10+8)
}

// What Maintain does to the log when there is little room loses nothing, whenever
// the process ends.
func TestPressedStoreKeepsAll(t *testing.T) {
	dir := t.TempDir()
	s := openBounded(t, dir)
	n := fillUntil(t, s, func(error) bool { return s.Tight() != nil })
	check := func(s *badger.Store) {
		for i := range n {
			b, err := s.Get(nil, persistence.PartPage.Key(i))
			if i%7 == 0 {
				require.ErrorIs(t, err, persistence.ErrNotFound)
				continue
			}
			require.NoError(t, err)
			require.Equal(t, page(i, 100<<10).Ops()[0].Value, b)
		}
	}
	for i := uint64(0); i < n; i += 7 {
		require.NoError(t, s.Apply(page(i, 0)))
		if i%5 == 0 {
			require.NoError(t, s.Maintain(t.Context()))
		}
	}
	require.NoError(t, s.Maintain(t.Context()))
	check(s)
	require.NoError(t, s.Apply(page(n, 10)))
	require.NoError(t, s.Sync())
	require.NoError(t, s.Verify(t.Context()))
	require.NoError(t, s.Close())
	again := openBounded(t, dir) // lower than what is there: it opens all the same
	check(again)
	_, err := again.Get(nil, persistence.PartPage.Key(n))
	require.NoError(t, err)
}
