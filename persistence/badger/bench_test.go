package badger_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/badger"
)

// BenchmarkApplySync is what a group costs that is made safe: 200 bytes a change.
func BenchmarkApplySync(b *testing.B) {
	for _, size := range []int{1, 64, 512} {
		for name, sync := range map[string]bool{"Applied": false, "Synced": true} {
			b.Run(fmt.Sprintf("%s%d", name, size), func(b *testing.B) {
				s, err := badger.Open(b.TempDir(), badger.Options{})
				require.NoError(b, err)
				defer s.Close()
				value := make([]byte, 180)
				var batch persistence.Batch
				n := uint64(0)
				b.ReportAllocs()
				for b.Loop() {
					batch.Reset()
					for range size {
						n++
						batch.Put(persistence.PartPage.Key(n%1000, n), binary.BigEndian.AppendUint64(value[:0:180], n)[:180])
					}
					if err := s.Apply(&batch); err != nil {
						b.Fatal(err)
					}
					if sync {
						if err := s.Sync(); err != nil {
							b.Fatal(err)
						}
					}
				}
				b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "changes/s")
			})
		}
	}
}

// BenchmarkGet reads keys of a store with tables and a log.
func BenchmarkGet(b *testing.B) {
	s, err := badger.Open(b.TempDir(), badger.Options{})
	require.NoError(b, err)
	defer s.Close()
	const keys = 100_000
	for first := uint64(0); first < keys; first += 1000 {
		var batch persistence.Batch
		for i := range uint64(1000) {
			batch.Put(persistence.PartPage.Key(first+i), make([]byte, 180))
		}
		require.NoError(b, s.Apply(&batch))
	}
	var dst []byte
	n := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		n += 7919
		if dst, err = s.Get(dst[:0], persistence.PartPage.Key(n%keys)); err != nil {
			b.Fatal(err)
		}
	}
}
