package badger_test

import (
	"encoding/binary"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/badger"
)

var soak = flag.Duration("growth", time.Second/2, "how long TestNoGrowth updates the same keys")

// growthTables is how many memory tables a directory may take beside four times
// its data: three logs, some tables at the top level, and what one compaction of
// them needs.
const growthTables = 12

// TestNoGrowth updates few keys for long, and has queues come and go beside: the
// directory stays under four times the data and a few memory tables, at any
// moment. However short, it writes twice that.
func TestNoGrowth(t *testing.T) {
	const keys, size, memTable = 2000, 500, 1 << 20
	dir := t.TempDir()
	s, err := badger.Open(dir, badger.Options{MemTable: memTable})
	require.NoError(t, err)
	defer s.Close()
	bound := int64(4*keys*size + growthTables*memTable)
	written, worst, least := int64(0), int64(0), 2*bound
	if race {
		least = bound / 4 // it looks for races there
	}
	n := uint64(0)
	for end, next := time.Now().Add(*soak), time.Now(); time.Now().Before(end) || written < least; {
		var b persistence.Batch
		for range 100 {
			n++
			b.Put(persistence.PartRetained.Key(n%keys), binary.BigEndian.AppendUint64(make([]byte, size, size+8), n))
			b.Put(persistence.PartPage.Key(n), make([]byte, size)) // a queue that is drained at once
			b.Delete(persistence.PartPage.Key(n - min(n, keys)))
		}
		require.NoError(t, s.Apply(&b))
		written += int64(b.Bytes())
		if now := time.Now(); now.After(next) {
			next = now.Add(max(10*time.Millisecond, *soak/100))
			require.NoError(t, s.Maintain(t.Context()))
			u, err := s.Usage()
			require.NoError(t, err)
			worst = max(worst, u.Disk)
		}
	}
	t.Logf("wrote %d MiB, at most %d KiB on the device, bound %d KiB", written>>20, worst>>10, bound>>10)
	require.Less(t, worst, bound)

	// Nothing is in the value log, which would need a collector.
	values, err := filepath.Glob(filepath.Join(dir, "*.vlog"))
	require.NoError(t, err)
	for _, name := range values {
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, c := range b[20:] {
			require.Zero(t, c, name)
		}
	}
}

// TestMaintainGivesBack: a store that was emptied and is quiet shrinks to its logs.
func TestMaintainGivesBack(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	fill := func(change func(*persistence.Batch, []byte)) {
		for first := uint64(0); first < 20_000; first += 200 {
			var b persistence.Batch
			for i := range uint64(200) {
				change(&b, persistence.PartPage.Key(first+i))
			}
			require.NoError(t, s.Apply(&b))
		}
	}
	fill(func(b *persistence.Batch, key []byte) { b.Put(key, make([]byte, 300)) })
	fill(func(b *persistence.Batch, key []byte) { b.Delete(key) })
	require.NoError(t, s.Close())
	s = open(t, dir)
	before, err := s.Usage()
	require.NoError(t, err)
	require.Greater(t, before.Disk, int64(3<<20))
	require.Eventually(t, func() bool { // the library merges when it finds the time
		require.NoError(t, s.Maintain(t.Context()))
		after, err := s.Usage()
		require.NoError(t, err)
		return after.Disk < 2<<20
	}, 20*time.Second, 20*time.Millisecond)
	after, err := s.Usage()
	require.NoError(t, err)
	require.Empty(t, after.Parts[persistence.PartPage])
}

// BenchmarkMaintainQuiet is what a store costs its owner that nobody uses.
func BenchmarkMaintainQuiet(b *testing.B) {
	s, err := badger.Open(b.TempDir(), badger.Options{})
	require.NoError(b, err)
	defer s.Close()
	for b.Loop() {
		if err := s.Maintain(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
