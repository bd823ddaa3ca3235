package badger_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/badger"
)

// A store whose directory is taken away fails, can be closed, and leaves all that
// it said was safe where the directory is now.
func TestCloseWithoutADirectory(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a directory in use cannot be taken away")
	}
	for name, more := range map[string]int{"none is full": 0, "some are full": 1000} {
		t.Run(name, func(t *testing.T) {
			here := t.TempDir()
			dir, gone := filepath.Join(here, "d"), filepath.Join(here, "gone")
			s, err := badger.Open(dir, badger.Options{MemTable: 1 << 20, MinFree: -1})
			require.NoError(t, err)
			value := make([]byte, 10_000)
			safe := 0
			write := func() error {
				var b persistence.Batch
				b.Put(persistence.PartRetained.Named(fmt.Sprint(safe)), value)
				err := s.Apply(&b)
				if err == nil {
					err = s.Sync()
				}
				if err == nil {
					safe++
				}
				return err
			}
			for range 20 {
				require.NoError(t, write())
			}
			require.NoError(t, os.Rename(dir, gone))
			for range more {
				if err = write(); err != nil {
					break
				}
			}
			if more > 0 {
				require.ErrorContains(t, err, "must be opened again")
			}
			closed := make(chan error, 1)
			go func() { closed <- s.Close() }()
			select {
			case err := <-closed:
				require.ErrorContains(t, err, "closing data directory")
			case <-time.After(20 * time.Second):
				require.FailNow(t, "it cannot be closed")
			}

			again, err := badger.Open(gone, badger.Options{MemTable: 1 << 20, MinFree: -1})
			require.NoError(t, err)
			for i := range safe {
				found, err := again.Get(nil, persistence.PartRetained.Named(fmt.Sprint(i)))
				require.NoError(t, err)
				require.Equal(t, value, found)
			}
			require.NoError(t, again.Close())
		})
	}
}

// Where logs can be made and tables cannot, writes wait. Closing says so and
// leaves the directory locked, until the device takes what is left.
func TestCloseWithoutTables(t *testing.T) {
	dir := t.TempDir()
	s, err := badger.Open(dir, badger.Options{MemTable: 1 << 20, MinFree: -1})
	require.NoError(t, err)
	s.HurryClose(100 * time.Millisecond)
	blocked := func(i int) string { return filepath.Join(dir, fmt.Sprintf("%06d.sst", i)) }
	for i := range 1000 {
		require.NoError(t, os.Mkdir(blocked(i), 0o700))
	}
	written := make(chan int, 1)
	var applied int
	advance := make(chan struct{}, 10_000)
	go func() {
		value := make([]byte, 10_000)
		for applied = range 10_000 {
			var b persistence.Batch
			b.Put(persistence.PartRetained.Named(fmt.Sprint(applied)), value)
			if s.Apply(&b) != nil {
				break
			}
			advance <- struct{}{}
		}
		written <- applied
	}()
	for stuck := false; !stuck; {
		select {
		case <-advance:
		case <-time.After(3 * time.Second): // nothing can be written any more
			stuck = true
		}
	}
	require.ErrorContains(t, s.Close(), "stays locked")
	_, err = badger.Open(dir, badger.Options{})
	require.ErrorIs(t, err, persistence.ErrLocked)
	for i := range 1000 {
		require.NoError(t, os.Remove(blocked(i)))
	}
	require.Eventually(t, func() bool { return badger.InUse(dir, badger.Options{}) == nil }, 20*time.Second, 10*time.Millisecond)
	again, err := badger.Open(dir, badger.Options{MinFree: -1})
	require.NoError(t, err)
	for i := range <-written {
		found, err := again.Get(nil, persistence.PartRetained.Named(fmt.Sprint(i)))
		require.NoError(t, err)
		require.Len(t, found, 10_000)
	}
	require.NoError(t, again.Close())
}
