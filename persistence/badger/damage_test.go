package badger_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"pgregory.net/rapid"

	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/badger"
)

const damagedKeys = 6000

// value says which key it belongs to, so that a mix-up is found.
func value(i uint64) []byte { return bytes.Repeat(binary.BigEndian.AppendUint64(nil, i), 40) }

// written makes a directory with tables, a log, and a value in pieces, as a
// process leaves it that was killed.
func written(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	s := open(t, dir)
	for first := uint64(0); first < damagedKeys; first += 100 {
		var b persistence.Batch
		for i := range uint64(100) {
			b.Put(persistence.PartPage.Key(first+i), value(first+i))
		}
		require.NoError(t, s.Apply(&b))
	}
	put(t, s, persistence.PartBody.Key(1), make([]byte, 1<<20))
	require.NoError(t, s.Close())
	s = open(t, dir)
	put(t, s, persistence.PartRetained.Named("a"), []byte("1"))
	put(t, s, persistence.PartRetained.Named("b"), []byte("2"))
	require.Eventually(t, func() bool { // the copy must not be made within a compaction
		require.NoError(t, s.Maintain(t.Context()))
		return s.Resting()
	}, 30*time.Second, 10*time.Millisecond)
	return clone(t, dir)
}

// pages counts the keys that are there, and fails if one has not its value.
func pages(t require.TestingT, s *badger.Store) (n int) {
	last := int64(-1)
	require.NoError(t, s.Scan(persistence.PartPage.Key(), nil, func(key, v []byte) bool {
		i := persistence.Number(key, 0)
		require.Greater(t, int64(i), last)
		require.True(t, bytes.Equal(value(i), v), "key %d has %x", i, v[:min(len(v), 8)])
		last = int64(i)
		n++
		return true
	}))
	return n
}

// files lists a directory's files that end so.
func files(t require.TestingT, dir, suffix string) []string {
	names, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	require.NoError(t, err)
	require.NotEmpty(t, names)
	return names
}

func change(t require.TestingT, name string, f func([]byte) []byte) {
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(name, f(b), 0o600))
}

func flip(at int) func([]byte) []byte {
	return func(b []byte) []byte {
		if at < 0 {
			at += len(b)
		}
		b[at] ^= 0x40
		return b
	}
}

func TestTornTailOpensWithANotice(t *testing.T) {
	dir := written(t)
	logs := files(t, dir, ".mem")
	last := logs[len(logs)-1]
	change(t, last, func(b []byte) []byte {
		end := bytes.LastIndexFunc(b, func(r rune) bool { return r != 0 })
		b[end-20] ^= 1 // within the last change
		return b
	})
	core, seen := observer.New(zap.WarnLevel)
	s, err := badger.Open(dir, badger.Options{Log: zap.New(core)})
	require.NoError(t, err)
	defer s.Close()
	require.Equal(t, damagedKeys, pages(t, s))
	_, err = s.Get(nil, persistence.PartRetained.Named("a"))
	require.NoError(t, err)
	_, err = s.Get(nil, persistence.PartRetained.Named("b"))
	require.ErrorIs(t, err, persistence.ErrNotFound)
	require.Equal(t, 1, seen.FilterMessageSnippet("power").Len())
	require.Equal(t, last, seen.All()[0].ContextMap()["file"])
}

func TestWholeLogOpensWithoutANotice(t *testing.T) {
	core, seen := observer.New(zap.InfoLevel)
	s, err := badger.Open(written(t), badger.Options{Log: zap.New(core)})
	require.NoError(t, err)
	defer s.Close()
	require.Zero(t, seen.Len(), "%v", seen.All())
}

func TestDamageIsNamedAndRepaired(t *testing.T) {
	t.Parallel()
	whole := written(t)
	for _, test := range []struct {
		name   string
		damage func(t *testing.T, dir string) (file string)
		atMost int // keys that may be lost
	}{
		{"block", func(t *testing.T, dir string) string {
			name := files(t, dir, ".sst")[0]
			change(t, name, flip(5000))
			return name
		}, 40},
		{"two blocks", func(t *testing.T, dir string) string {
			name := files(t, dir, ".sst")[0]
			change(t, name, flip(5000))
			change(t, name, flip(50000))
			return name
		}, 80},
		{"index", func(t *testing.T, dir string) string {
			name := files(t, dir, ".sst")[0]
			change(t, name, flip(-50))
			return name
		}, damagedKeys},
		{"footer", func(t *testing.T, dir string) string {
			name := files(t, dir, ".sst")[0]
			change(t, name, flip(-1))
			return name
		}, damagedKeys},
		{"truncated table", func(t *testing.T, dir string) string {
			name := files(t, dir, ".sst")[0]
			change(t, name, func(b []byte) []byte { return b[:len(b)/2] })
			return name
		}, damagedKeys},
		{"empty table", func(t *testing.T, dir string) string {
			name := files(t, dir, ".sst")[0]
			change(t, name, func([]byte) []byte { return nil })
			return name
		}, damagedKeys},
		{"missing table", func(t *testing.T, dir string) string {
			name := files(t, dir, ".sst")[0]
			require.NoError(t, os.Remove(name))
			return name
		}, damagedKeys},
		{"MANIFEST", func(t *testing.T, dir string) string {
			name := filepath.Join(dir, "MANIFEST")
			change(t, name, flip(20))
			return name
		}, 0},
		{"MANIFEST end", func(t *testing.T, dir string) string {
			name := filepath.Join(dir, "MANIFEST")
			change(t, name, func(b []byte) []byte { return b[:len(b)-12] })
			return name
		}, 0},
		{"MANIFEST length of a record", func(t *testing.T, dir string) string {
			name := filepath.Join(dir, "MANIFEST")
			change(t, name, func(b []byte) []byte { b[19] += 8; return b }) // the record behind the first, empty one
			return name
		}, 0},
		{"MANIFEST length of a later record", func(t *testing.T, dir string) string {
			name := filepath.Join(dir, "MANIFEST")
			change(t, name, flip(43))
			return name
		}, 0},
		{"MANIFEST header", func(t *testing.T, dir string) string {
			name := filepath.Join(dir, "MANIFEST")
			change(t, name, flip(0))
			return name
		}, 0},
		{"missing MANIFEST", func(t *testing.T, dir string) string {
			name := filepath.Join(dir, "MANIFEST")
			require.NoError(t, os.Remove(name))
			return name
		}, 0},
		{"KEYREGISTRY", func(t *testing.T, dir string) string {
			name := filepath.Join(dir, "KEYREGISTRY")
			change(t, name, flip(20))
			return name
		}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir, into := clone(t, whole), filepath.Join(t.TempDir(), "new")
			file := test.damage(t, dir)
			before := listing(t, dir)
			_, err := badger.Open(dir, badger.Options{})
			require.ErrorIs(t, err, persistence.ErrCorrupt)
			require.ErrorContains(t, err, filepath.Base(file))
			require.ErrorContains(t, err, "troupe repair")
			require.Equal(t, before, listing(t, dir), "a directory that is refused is left alone")

			report := repair(t, dir, into)
			if test.atMost > 0 {
				require.Contains(t, report, filepath.Base(file))
			}
			s := open(t, into)
			found := pages(t, s)
			require.GreaterOrEqual(t, found, damagedKeys-test.atMost)
			require.LessOrEqual(t, found, damagedKeys)
			got, err := s.Get(nil, persistence.PartRetained.Named("b"))
			require.NoError(t, err, "what was in the log is there")
			require.Equal(t, "2", string(got))
			put(t, s, persistence.PartPage.Key(0), value(0))
		})
	}
}

func TestRepairTakesTheNewest(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for round := range 5 {
		var b persistence.Batch
		for i := range uint64(2000) {
			b.Put(persistence.PartPage.Key(i), fmt.Appendf(nil, "%d%s", round, strings.Repeat("x", 200)))
		}
		if round == 4 {
			b.Reset()
			for i := range uint64(1000) {
				b.Put(persistence.PartPage.Key(i), []byte("last"))
				b.Delete(persistence.PartPage.Key(i + 1000))
			}
		}
		require.NoError(t, s.Apply(&b))
	}
	require.NoError(t, s.Close())
	into := t.TempDir()
	require.NotContains(t, repair(t, dir, into), "lost")
	s = open(t, into)
	n := 0
	require.NoError(t, s.Scan(persistence.PartPage.Key(), nil, func(_, v []byte) bool {
		require.Equal(t, "last", string(v))
		n++
		return true
	}))
	require.Equal(t, 1000, n)
	require.Equal(t, uint64(3), s.Boot(), "the first, the repair's own, this")
}

func TestRepairNeedsAnEmptyDirectory(t *testing.T) {
	dir := written(t)
	require.ErrorContains(t, badger.Repair(dir, dir, func(string) {}), "not empty")
	require.ErrorIs(t, badger.Repair(filepath.Join(dir, "none"), t.TempDir(), func(string) {}), os.ErrNotExist)
}

func TestVerifyFindsDamageOfAnOpenStore(t *testing.T) {
	dir := written(t)
	name := files(t, dir, ".sst")[0]
	s, err := badger.Open(dir, badger.Options{})
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.Verify(t.Context()))
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("damage"), 5000)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.ErrorIs(t, s.Verify(t.Context()), persistence.ErrCorrupt)
	require.ErrorIs(t, s.Sync(), persistence.ErrCorrupt, "nothing is written any more")
}

// anyDamage is how many damages TestAnyDamage tries.
const anyDamage = 12

// TestAnyDamage changes a byte anywhere: then the directory opens and gives no
// wrong value, or is refused; either way what is left can be saved.
func TestAnyDamage(t *testing.T) {
	t.Parallel()
	whole := written(t)
	checks := 0
	rapid.Check(t, func(rt *rapid.T) {
		if checks++; checks > anyDamage {
			return // each copies a directory
		}
		dir := clone(t, whole)
		all, err := os.ReadDir(dir)
		require.NoError(rt, err)
		names := []string{}
		for _, f := range all {
			if f.Name() != "OWNER" {
				names = append(names, f.Name())
			}
		}
		name := filepath.Join(dir, rapid.SampledFrom(names).Draw(rt, "file"))
		change(rt, name, func(b []byte) []byte {
			used := len(bytes.TrimRight(b, "\x00"))
			if used == 0 {
				return b
			}
			if rapid.Bool().Draw(rt, "cut") {
				return b[:rapid.IntRange(0, used-1).Draw(rt, "length")]
			}
			b[rapid.IntRange(0, used-1).Draw(rt, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
			return b
		})
		s, err := badger.Open(dir, badger.Options{MemTable: 1 << 20})
		if err == nil {
			log := filepath.Ext(name) == ".mem"
			require.Equal(rt, damagedKeys, pages(rt, s))
			for key, want := range map[string]string{"a": "1", "b": "2"} {
				if got, err := s.Get(nil, persistence.PartRetained.Named(key)); !log || err == nil {
					require.NoError(rt, err)
					require.Equal(rt, want, string(got))
				}
			}
			require.NoError(rt, s.Close())
			return
		}
		if !strings.Contains(err.Error(), "another program") && !strings.Contains(err.Error(), "later version") {
			require.ErrorIs(rt, err, persistence.ErrCorrupt)
		}
		into := t.TempDir()
		require.NoError(rt, badger.Repair(dir, into, func(string) {}))
		s, err = badger.Open(into, badger.Options{MemTable: 1 << 20})
		require.NoError(rt, err)
		pages(rt, s)
		require.NoError(rt, s.Close())
	})
}

// repair returns the report in one text.
func repair(t *testing.T, dir, into string) string {
	t.Helper()
	var lines []string
	require.NoError(t, badger.Repair(dir, into, func(line string) { lines = append(lines, line) }))
	for _, line := range lines {
		t.Log(line)
	}
	return strings.Join(lines, "\n")
}

// listing is the names and sizes of all files.
func listing(t *testing.T, dir string) (list []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, f := range all {
		info, err := f.Info()
		require.NoError(t, err)
		list = append(list, fmt.Sprint(f.Name(), " ", info.Size()))
	}
	return slices.DeleteFunc(list, func(s string) bool { return strings.HasPrefix(s, "OWNER") })
}
