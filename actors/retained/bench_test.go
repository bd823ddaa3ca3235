package retained_test

import (
	"fmt"
	"iter"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/troupemq/troupe/actors/retained"
	"github.com/troupemq/troupe/internal/telemetry"
	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/badger"
	"github.com/troupemq/troupe/persistence/memory"
	"github.com/troupemq/troupe/protocol/packet"
)

// records is a store with nothing but retained messages, made as they are read.
type records struct {
	*memory.Store
	all iter.Seq2[[]byte, []byte]
}

func (r records) Scan(_, _ []byte, visit func(key, value []byte) bool) error {
	r.all(visit)
	return nil
}

// manyRecords are n messages of about 100 bytes.
func manyRecords(n int) records {
	payload := []byte(text(64))
	return records{memory.New(), func(yield func(key, value []byte) bool) {
		var key, value, frame []byte
		for i := range n {
			key = fmt.Appendf(append(key[:0], byte(persistence.PartRetained)), "site/%04d/device/%07d/state", i/1000, i)
			p := packet.Publish{Retain: true, Topic: key[1:], Payload: payload}
			frame = p.Append(frame[:0], packet.V5)
			value = persistence.AppendRetained(value[:0], frame, packet.V5, 0)
			if !yield(key, value) {
				return
			}
		}
	}}
}

// BenchmarkLoad reads a million messages, those in memory and those on disk,
// but for what a store itself takes.
func BenchmarkLoad(b *testing.B) {
	const n = 1_000_000
	store := manyRecords(n)
	b.Run("store alone", func(b *testing.B) {
		for b.Loop() {
			_ = store.Scan(nil, nil, func(_, value []byte) bool {
				_, _, _, err := persistence.DecodeRetained(value)
				return err == nil
			})
		}
	})
	for name, memory := range map[string]int64{"in memory": 0, "on disk": 1} {
		b.Run(name, func(b *testing.B) { load(b, store, n, memory) })
	}
}

func load(b *testing.B, store persistence.Store, n, memory int64) {
	each := int64(0)
	for b.Loop() {
		b.StopTimer()
		before := live()
		b.StartTimer()
		stores, err := retained.Load(store, 4, retained.Limits{Memory: memory}, 1, new(telemetry.Counters), nil)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		each = (live() - before) / n
		if len(stores) != 4 {
			b.Fatal("some are missing")
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(each), "B/message")
}

// BenchmarkDisk is a start with a directory of a million messages, and what a
// replay reads of it: 64 messages of one actor at a time.
func BenchmarkDisk(b *testing.B) {
	const n = 1_000_000
	dir := b.TempDir()
	open := func() *badger.Store {
		store, err := badger.Open(dir, badger.Options{})
		if err != nil {
			b.Fatal(err)
		}
		return store
	}
	store := open()
	var names []string
	var batch persistence.Batch
	_ = manyRecords(n).Scan(nil, nil, func(key, value []byte) bool {
		if name := key[1:]; len(names) < 64*1000 && xxhash.Sum64(name)%4 == 0 {
			names = append(names, string(key[1:]))
		}
		batch.Put(append([]byte(nil), key...), append([]byte(nil), value...))
		if batch.Len() == 10_000 {
			if err := store.Apply(&batch); err != nil {
				b.Fatal(err)
			}
			batch.Reset()
		}
		return true
	})
	if err := store.Close(); err != nil {
		b.Fatal(err)
	}
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			_ = open().Close()
		}
	})
	store = open()
	defer func() { _ = store.Close() }()
	b.Run("load/in memory", func(b *testing.B) { load(b, store, n, 0) })
	b.Run("load/on disk", func(b *testing.B) { load(b, store, n, 1) })
	b.Run("read", func(b *testing.B) {
		reader := retained.NewReader(store, 2)
		done := make(chan error)
		i := 0
		for b.Loop() {
			reader.Read(names[i:i+64], func(_ [][]byte, err error) { done <- err })
			if err := <-done; err != nil {
				b.Fatal(err)
			}
			i = (i + 64) % len(names)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/64, "ns/message")
		reader.Close()
	})
}
