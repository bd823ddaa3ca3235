// Package storetest is what each [persistence.Store] has to pass.
package storetest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/persistence"
)

// Run runs the suite. open opens the store that is kept under a directory, a new
// one if there is none; the store that was opened there before is closed by then.
func Run(t *testing.T, open func(t *testing.T, dir string) persistence.Store) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *fixture)
	}{
		{"Empty", testEmpty},
		{"Order", testOrder},
		{"Prefix", testPrefix},
		{"From", testFrom},
		{"Stop", testStop},
		{"Replace", testReplace},
		{"BatchOrder", testBatchOrder},
		{"Copies", testCopies},
		{"Nested", testNested},
		{"Moment", testMoment},
		{"ManyChanges", testManyChanges},
		{"LargeValues", testLargeValues},
		{"ReadersSeeWholeBatches", testReaders},
		{"Usage", testUsage},
		{"Closed", testClosed},
		{"CloseWaits", testCloseWaits},
		{"Model", testModel},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := &fixture{t: t, dir: t.TempDir(), open: open}
			f.Store = open(t, f.dir)
			defer func() { require.NoError(t, f.Close()) }()
			test.run(t, f)
		})
	}
}

// fixture is a store, and how to open it again.
type fixture struct {
	persistence.Store
	t    *testing.T
	dir  string
	open func(t *testing.T, dir string) persistence.Store
}

func (f *fixture) reopen() {
	f.t.Helper()
	require.NoError(f.t, f.Close())
	f.Store = f.open(f.t, f.dir)
}

// put applies a batch of keys and values, in turn.
func (f *fixture) put(pairs ...string) {
	f.t.Helper()
	var b persistence.Batch
	for i := 0; i < len(pairs); i += 2 {
		b.Put([]byte(pairs[i]), []byte(pairs[i+1]))
	}
	require.NoError(f.t, f.Apply(&b))
}

// scan returns what a scan visits, as key=value.
func (f *fixture) scan(prefix, from string) []string {
	f.t.Helper()
	found := []string{}
	require.NoError(f.t, f.Scan([]byte(prefix), []byte(from), func(key, value []byte) bool {
		found = append(found, fmt.Sprintf("%s=%s", key, value))
		return true
	}))
	return found
}

func testEmpty(t *testing.T, f *fixture) {
	dst, err := f.Get([]byte("before"), []byte("x"))
	require.ErrorIs(t, err, persistence.ErrNotFound)
	require.Equal(t, "before", string(dst), "what was in dst stays")
	require.Empty(t, f.scan("x", ""))
	require.NoError(t, f.Apply(&persistence.Batch{}))
	require.NoError(t, f.Sync())
	var b persistence.Batch
	b.Delete([]byte("x"))
	require.NoError(t, f.Apply(&b), "nothing happens if a key is not there")
}

func testOrder(t *testing.T, f *fixture) {
	random := rand.New(rand.NewPCG(1, 2))
	var keys []string
	var b persistence.Batch
	for range 500 {
		key := binary.BigEndian.AppendUint64([]byte{'o'}, random.Uint64()>>(random.IntN(8)*8))
		key = key[:1+random.IntN(9)]
		keys = append(keys, string(key))
		b.Put(key, []byte("v"))
	}
	require.NoError(t, f.Apply(&b))
	slices.Sort(keys)
	keys = slices.Compact(keys)
	for range 2 {
		var found []string
		require.NoError(t, f.Scan([]byte("o"), nil, func(key, _ []byte) bool { found = append(found, string(key)); return true }))
		require.Equal(t, keys, found)
		f.reopen()
	}
}

func testPrefix(t *testing.T, f *fixture) {
	f.put("a", "1", "ab", "2", "ab\xff", "3", "ab\xff\xff", "4", "ac", "5", "b", "6")
	require.Equal(t, []string{"ab=2", "ab\xff=3", "ab\xff\xff=4"}, f.scan("ab", ""))
	require.Equal(t, []string{"ab\xff=3", "ab\xff\xff=4"}, f.scan("ab\xff", ""))
	require.Empty(t, f.scan("abc", ""))
	require.Empty(t, f.scan("z", ""))
}

func testFrom(t *testing.T, f *fixture) {
	f.put("a1", "", "a3", "", "b2", "")
	require.Equal(t, []string{"a1=", "a3="}, f.scan("a", "a"), "from before the prefix's first")
	require.Equal(t, []string{"a1=", "a3="}, f.scan("a", "a1"), "from a key that is there")
	require.Equal(t, []string{"a3="}, f.scan("a", "a2"), "from between keys")
	require.Empty(t, f.scan("a", "a4"))
	require.Empty(t, f.scan("a", "b"), "from behind the prefix")
	require.Equal(t, []string{"b2="}, f.scan("b", "a2"), "from before the prefix")
}

func testStop(t *testing.T, f *fixture) {
	f.put("k1", "", "k2", "", "k3", "")
	visits := 0
	require.NoError(t, f.Scan([]byte("k"), nil, func(_, _ []byte) bool { visits++; return visits < 2 }))
	require.Equal(t, 2, visits)
}

func testReplace(t *testing.T, f *fixture) {
	f.put("k1", "old", "k2", "stays", "k3", "goes")
	f.put("k1", "new")
	var b persistence.Batch
	b.Delete([]byte("k3"))
	require.NoError(t, f.Apply(&b))
	for range 2 {
		require.Equal(t, []string{"k1=new", "k2=stays"}, f.scan("k", ""))
		dst, err := f.Get([]byte("a "), []byte("k1"))
		require.NoError(t, err)
		require.Equal(t, "a new", string(dst))
		_, err = f.Get(nil, []byte("k3"))
		require.ErrorIs(t, err, persistence.ErrNotFound)
		f.reopen()
	}
}

func testBatchOrder(t *testing.T, f *fixture) {
	var b persistence.Batch
	b.Put([]byte("k1"), []byte("1"))
	b.Put([]byte("k1"), []byte("2"))
	b.Put([]byte("k2"), []byte("1"))
	b.Delete([]byte("k2"))
	b.Delete([]byte("k3"))
	b.Put([]byte("k3"), []byte("3"))
	require.NoError(t, f.Apply(&b))
	require.Equal(t, []string{"k1=2", "k3=3"}, f.scan("k", ""), "of the changes of one key the last counts")
}

func testCopies(t *testing.T, f *fixture) {
	key, value := []byte("k1"), []byte("mine")
	var b persistence.Batch
	b.Put(key, value)
	require.NoError(t, f.Apply(&b))
	b.Reset()
	copy(key, "xx")
	copy(value, "xxxx")
	require.Equal(t, []string{"k1=mine"}, f.scan("k", ""), "a store keeps nothing of a batch")

	dst, err := f.Get(nil, []byte("k1"))
	require.NoError(t, err)
	copy(dst, "xxxx")
	require.NoError(t, f.Scan([]byte("k"), nil, func(key, value []byte) bool {
		copy(key, "xx")
		copy(value, "xxxx")
		return true
	}))
	require.Equal(t, []string{"k1=mine"}, f.scan("k", ""), "what a store gives out is a copy")
}

func testNested(t *testing.T, f *fixture) {
	f.put("k1", "1", "k2", "2")
	var found []string
	require.NoError(t, f.Scan([]byte("k"), nil, func(key, _ []byte) bool {
		value, err := f.Get(nil, key)
		require.NoError(t, err)
		found = append(found, string(value))
		f.put(string(key), "changed")
		return true
	}))
	require.Equal(t, []string{"1", "2"}, found, "a visitor may read and write")
	require.Equal(t, []string{"k1=changed", "k2=changed"}, f.scan("k", ""))
}

func testMoment(t *testing.T, f *fixture) {
	f.put("k1", "old", "k3", "old")
	var found []string
	require.NoError(t, f.Scan([]byte("k"), nil, func(key, value []byte) bool {
		f.put("k2", "late", "k3", "late")
		found = append(found, string(key)+"="+string(value))
		return true
	}))
	require.Equal(t, []string{"k1=old", "k3=old"}, found, "a scan sees the store as of its begin")
}

// testManyChanges needs a store that takes a batch of any size.
func testManyChanges(t *testing.T, f *fixture) {
	const keys = 30_000
	value := bytes.Repeat([]byte("v"), 100)
	var b persistence.Batch
	for i := range uint64(keys) {
		b.Put(persistence.Part('k').Key(i), value)
	}
	b.Put([]byte("last"), []byte("1"))
	require.NoError(t, f.Apply(&b))
	count := func() (n int) {
		require.NoError(t, f.Scan([]byte("k"), nil, func(key, v []byte) bool {
			require.Equal(t, uint64(n), persistence.Number(key, 0))
			require.Len(t, v, len(value))
			n++
			return true
		}))
		return n
	}
	require.Equal(t, keys, count())
	f.reopen()
	require.Equal(t, keys, count())
	b.Reset()
	for i := range uint64(keys) {
		b.Delete(persistence.Part('k').Key(i))
	}
	require.NoError(t, f.Apply(&b))
	require.Zero(t, count())
	f.reopen()
	require.Zero(t, count())
	require.Equal(t, []string{"last=1"}, f.scan("l", ""))
}

func testLargeValues(t *testing.T, f *fixture) {
	value := func(size int, seed byte) []byte {
		v := make([]byte, size)
		for i := range v {
			v[i] = byte(i*7) ^ byte(i>>11) ^ seed
		}
		return v
	}
	same := func(key string, want []byte) {
		t.Helper()
		got, err := f.Get([]byte("x"), []byte(key))
		require.NoError(t, err)
		require.True(t, bytes.Equal(append([]byte("x"), want...), got), "%d bytes of %d", len(got)-1, len(want))
	}
	var b persistence.Batch
	for i, size := range []int{0, 1, 300 << 10, 1 << 20, 5<<20 + 1} {
		b.Put(fmt.Appendf(nil, "k%d", i), value(size, 1))
	}
	require.NoError(t, f.Apply(&b))
	for range 2 {
		for i, size := range []int{0, 1, 300 << 10, 1 << 20, 5<<20 + 1} {
			same(fmt.Sprint("k", i), value(size, 1))
		}
		require.Len(t, f.scan("k", ""), 5)
		f.reopen()
	}
	b.Reset()
	b.Put([]byte("k2"), []byte("small"))
	b.Put([]byte("k3"), value(2<<20, 2))
	b.Put([]byte("k3"), value(3<<20, 3))
	b.Delete([]byte("k4"))
	b.Put([]byte("k5"), value(2<<20, 4))
	b.Delete([]byte("k5"))
	require.NoError(t, f.Apply(&b))
	for range 2 {
		same("k2", []byte("small"))
		same("k3", value(3<<20, 3))
		require.Len(t, f.scan("k", ""), 4)
		f.reopen()
	}
}

// testReaders has readers look at batches of every size while they are applied.
func testReaders(t *testing.T, f *fixture) {
	const rounds = 12
	apply := func(round uint64) {
		keys := uint64(10)
		if round%5 == 3 {
			keys = 8_000
		}
		var b persistence.Batch
		for i := range keys {
			b.Put(persistence.Part('k').Key(i%10, i/10), binary.BigEndian.AppendUint64(nil, round))
		}
		require.NoError(t, f.Apply(&b))
		b.Reset()
		for i := range keys - 10 {
			b.Delete(persistence.Part('k').Key(i%10, i/10+1))
		}
		require.NoError(t, f.Apply(&b))
		if round%7 == 0 {
			require.NoError(t, f.Sync())
		}
	}
	apply(1)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			last := uint64(0)
			for {
				select {
				case <-done:
					return
				default:
				}
				seen := make(map[uint64]int)
				err := f.Scan([]byte("k"), nil, func(key, value []byte) bool {
					if persistence.Number(key, 1) == 0 {
						seen[binary.BigEndian.Uint64(value)]++
					}
					return true
				})
				if err != nil || len(seen) != 1 {
					t.Errorf("a scan saw parts of batches: %v, %v", seen, err)
					return
				}
				value, err := f.Get(nil, persistence.Part('k').Key(3, 0))
				if err != nil || binary.BigEndian.Uint64(value) < last {
					t.Errorf("a read went back from %d: %x, %v", last, value, err)
					return
				}
				last = binary.BigEndian.Uint64(value)
			}
		})
	}
	for round := range uint64(rounds) {
		apply(round + 2)
	}
	close(done)
	readers.Wait()
}

func testUsage(t *testing.T, f *fixture) {
	before, err := f.Usage()
	require.NoError(t, err)
	f.put("k1", "12345", "k2", "12", "q", "", "r", string(make([]byte, 3<<20)))
	u, err := f.Usage()
	require.NoError(t, err)
	require.Equal(t, persistence.Amount{Keys: 2, Bytes: 11}, u.Parts['k'])
	require.Equal(t, persistence.Amount{Keys: 1, Bytes: 1}, u.Parts['q'])
	require.Equal(t, persistence.Amount{Keys: 1, Bytes: 3<<20 + 1}, u.Parts['r'])
	require.Positive(t, u.Memory)
	require.Len(t, u.Parts, len(before.Parts)+3)
	if u.Disk > 0 {
		require.Greater(t, u.Disk, before.Disk)
	}
	require.GreaterOrEqual(t, u.Free, int64(-1))
}

func testClosed(t *testing.T, f *fixture) {
	f.put("k", "v")
	require.NoError(t, f.Close())
	require.NoError(t, f.Close(), "a second Close does nothing")
	var b persistence.Batch
	b.Put([]byte("k"), nil)
	require.ErrorIs(t, f.Apply(&b), persistence.ErrClosed)
	require.ErrorIs(t, f.Sync(), persistence.ErrClosed)
	dst, err := f.Get([]byte("x"), []byte("k"))
	require.ErrorIs(t, err, persistence.ErrClosed)
	require.Equal(t, "x", string(dst))
	require.ErrorIs(t, f.Scan(nil, nil, func(_, _ []byte) bool { return true }), persistence.ErrClosed)
	_, err = f.Usage()
	require.ErrorIs(t, err, persistence.ErrClosed)
	f.Store = f.open(t, f.dir)
	require.Equal(t, []string{"k=v"}, f.scan("k", ""))
}

func testCloseWaits(t *testing.T, f *fixture) {
	f.put("k1", "v", "k2", "v")
	var closing sync.WaitGroup
	visits := 0
	require.NoError(t, f.Scan([]byte("k"), nil, func(_, value []byte) bool {
		if visits++; visits == 1 {
			closing.Go(func() { _ = f.Close() })
		}
		require.Equal(t, "v", string(value))
		return true
	}))
	require.Equal(t, 2, visits, "a scan that began before Close ends as it would have")
	closing.Wait()
}
