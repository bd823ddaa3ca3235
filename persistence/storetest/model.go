package storetest

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupemq/troupe/persistence"
)

// testModel has any sequence of operations give what a map gives.
func testModel(t *testing.T, f *fixture) {
	rapid.Check(t, func(rt *rapid.T) {
		clear(t, f)
		m := &model{fixture: f, want: make(map[string]string)}
		rt.Repeat(map[string]func(*rapid.T){
			"":       m.check,
			"apply":  m.apply,
			"get":    m.get,
			"scan":   m.scan,
			"sync":   func(rt *rapid.T) { require.NoError(rt, f.Sync()) },
			"reopen": m.reopen,
		})
	})
}

type model struct {
	*fixture
	want map[string]string
}

// key is one of few, so that they meet; the part is one of the model's own.
func key(rt *rapid.T) []byte {
	return append([]byte{'~'}, rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 'a', 0xff}), 0, 3).Draw(rt, "key")...)
}

func (m *model) apply(rt *rapid.T) {
	var b persistence.Batch
	for range rapid.IntRange(0, 5).Draw(rt, "changes") {
		k := key(rt)
		if rapid.IntRange(0, 2).Draw(rt, "kind") == 0 {
			b.Delete(k)
			delete(m.want, string(k))
			continue
		}
		v := rapid.SliceOfN(rapid.Byte(), 0, 4).Draw(rt, "value")
		if rapid.IntRange(0, 199).Draw(rt, "size") == 199 { // a value that a store may have to cut
			v = append(v, strings.Repeat("x", 280<<10)...)
		}
		b.Put(k, v)
		m.want[string(k)] = string(v)
	}
	require.NoError(rt, m.Apply(&b))
}

func (m *model) get(rt *rapid.T) {
	k := key(rt)
	got, err := m.Get(nil, k)
	want, ok := m.want[string(k)]
	if !ok {
		require.ErrorIs(rt, err, persistence.ErrNotFound)
		return
	}
	require.NoError(rt, err)
	require.True(rt, want == string(got), "%x", k)
}

func (m *model) scan(rt *rapid.T) {
	prefix, from := key(rt), key(rt)
	limit := rapid.IntRange(1, 20).Draw(rt, "limit")
	var want []string
	for _, k := range slices.Sorted(maps.Keys(m.want)) {
		if strings.HasPrefix(k, string(prefix)) && k >= string(from) && len(want) < limit {
			want = append(want, k)
		}
	}
	var got []string
	require.NoError(rt, m.Scan(prefix, from, func(k, v []byte) bool {
		require.True(rt, m.want[string(k)] == string(v), "%x", k)
		got = append(got, string(k))
		return len(got) < limit
	}))
	require.Equal(rt, want, got)
}

func (m *model) reopen(rt *rapid.T) {
	if rapid.IntRange(0, 29).Draw(rt, "really") == 29 { // it is what takes time
		m.fixture.reopen()
	}
}

func (m *model) check(rt *rapid.T) {
	n := 0
	require.NoError(rt, m.Scan([]byte("~"), nil, func(_, _ []byte) bool { n++; return true }))
	require.Equal(rt, len(m.want), n)
}

// clear removes what the run before has left.
func clear(t *testing.T, f *fixture) {
	var b persistence.Batch
	require.NoError(t, f.Scan([]byte("~"), nil, func(k, _ []byte) bool { b.Delete(slices.Clone(k)); return true }))
	require.NoError(t, f.Apply(&b))
}
