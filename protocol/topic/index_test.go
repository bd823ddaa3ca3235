package topic

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// model is an Index by the plain definition: whole filter -> subscriber -> value.
type model map[string]map[uint64]int

func (m model) put(filter string, subscriber uint64, v int) (replaced bool) {
	if m[filter] == nil {
		m[filter] = map[uint64]int{}
	}
	_, replaced = m[filter][subscriber]
	m[filter][subscriber] = v
	return replaced
}

func (m model) delete(filter string, subscriber uint64) (existed bool) {
	_, existed = m[filter][subscriber]
	delete(m[filter], subscriber)
	if len(m[filter]) == 0 {
		delete(m, filter)
	}
	return existed
}

func (m model) clone() model {
	c := model{}
	for filter, members := range m {
		c[filter] = maps.Clone(members)
	}
	return c
}

func (m model) len() (n int) {
	for _, members := range m {
		n += len(members)
	}
	return n
}

// found is what matches a name, one line for each subscription, sorted.
func (m model) found(name string) (lines []string) {
	for filter, members := range m {
		share, rest, shared := cutShare(filter)
		if !Match(rest, name) {
			continue
		}
		for subscriber, v := range members {
			lines = append(lines, line(shared, share, filter, subscriber, v))
		}
	}
	slices.Sort(lines)
	return lines
}

// line leaves out the filter where Matches does not tell it.
func line(shared bool, share, filter string, subscriber uint64, v int) string {
	if !shared {
		return fmt.Sprintf("%d=%d", subscriber, v)
	}
	return fmt.Sprintf("%s %s %d=%d", share, filter, subscriber, v)
}

func found(x *Index[int], name string) (lines []string) {
	var m Matches[int]
	x.Match([]byte(name), &m)
	for _, s := range m.Sets {
		for subscriber, v := range s.All() {
			lines = append(lines, line(false, "", "", subscriber, v))
		}
	}
	for _, g := range m.Groups {
		for i := range g.Len() {
			subscriber, v := g.At(i)
			lines = append(lines, line(true, g.Name, g.Filter, subscriber, v))
		}
	}
	slices.Sort(lines)
	return lines
}

var (
	levelGen  = rapid.SampledFrom([]string{"", "a", "b", "ab", "abc", "$a", "$share", "é"})
	nameGen   = rapid.Custom(func(t *rapid.T) string { return joinLevels(t, levelGen, 1) })
	filterGen = rapid.Custom(func(t *rapid.T) string {
		filter := joinLevels(t, rapid.OneOf(levelGen, rapid.Just("+")), 0)
		switch rapid.IntRange(0, 3).Draw(t, "tail") {
		case 0:
			return filter + "#"
		case 1:
			return filter + "+"
		}
		return filter + "b"
	}).Filter(func(s string) bool { share, _, err := ParseFilter(s); return err == nil && share == "" })
	subscriptionGen = rapid.Custom(func(t *rapid.T) string {
		return rapid.SampledFrom([]string{"", "", "", "$share/g/", "$share/h/", "$share/é/"}).Draw(t, "share") + filterGen.Draw(t, "filter")
	})
)

// joinLevels draws at least min levels; a filter's last is put on by filterGen.
func joinLevels(t *rapid.T, level *rapid.Generator[string], min int) string {
	s := ""
	for i := range rapid.IntRange(min, 5).Draw(t, "levels") {
		if i > 0 && min > 0 {
			s += "/"
		}
		s += level.Draw(t, "level")
		if min == 0 {
			s += "/"
		}
	}
	if min > 0 && s == "" {
		return "/"
	}
	return s
}

func TestIndexAgainstNaiveMatcher(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type version struct {
			x *Index[int]
			m model
		}
		versions := []version{{NewIndex[int](), model{}}}
		e, m := versions[0].x.Edit(), model{}
		check := func(v version) {
			if v.x.Len() != v.m.len() {
				t.Fatalf("Len %d, want %d", v.x.Len(), v.m.len())
			}
			sound(t, v.x)
			for range 3 {
				name := nameGen.Draw(t, "name")
				if got, want := found(v.x, name), v.m.found(name); !slices.Equal(got, want) {
					t.Fatalf("%q: got %q, want %q in %v", name, got, want, v.m)
				}
			}
		}
		subscriber := rapid.Uint64Range(0, 80)
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				filter, s := subscriptionGen.Draw(t, "filter"), subscriber.Draw(t, "subscriber")
				if got, want := e.Put(filter, s, len(m)), m.put(filter, s, len(m)); got != want {
					t.Fatalf("Put replaced %v, want %v", got, want)
				}
			},
			"put many": func(t *rapid.T) {
				filter, first := subscriptionGen.Draw(t, "filter"), subscriber.Draw(t, "subscriber")
				step := rapid.SampledFrom([]uint64{1, 3, 1 << 40, ^uint64(0)}).Draw(t, "step")
				for i := range uint64(70) {
					s := first + i*step
					if got, want := e.Put(filter, s, int(i)), m.put(filter, s, int(i)); got != want {
						t.Fatalf("Put replaced %v, want %v", got, want)
					}
				}
			},
			"delete": func(t *rapid.T) {
				filter := subscriptionGen.Draw(t, "filter")
				s := subscriber.Draw(t, "subscriber")
				if len(m) > 0 && rapid.IntRange(0, 3).Draw(t, "known") > 0 {
					filter = rapid.SampledFrom(slices.Sorted(maps.Keys(m))).Draw(t, "filter")
					s = rapid.SampledFrom(slices.Sorted(maps.Keys(m[filter]))).Draw(t, "subscriber")
				}
				if got, want := e.Delete(filter, s), m.delete(filter, s); got != want {
					t.Fatalf("Delete existed %v, want %v", got, want)
				}
			},
			"delete many": func(t *rapid.T) {
				if len(m) == 0 {
					t.Skip("nothing there")
				}
				filter := rapid.SampledFrom(slices.Sorted(maps.Keys(m))).Draw(t, "filter")
				for _, s := range slices.Sorted(maps.Keys(m[filter])) {
					if s%7 > 0 {
						require.True(t, e.Delete(filter, s))
						m.delete(filter, s)
					}
				}
			},
			"commit": func(t *rapid.T) {
				versions = append(versions, version{e.Commit(), m.clone()})
			},
			"edit an old version": func(t *rapid.T) {
				v := rapid.SampledFrom(versions).Draw(t, "version")
				e, m = v.x.Edit(), v.m.clone()
			},
			"": func(t *rapid.T) {
				check(rapid.SampledFrom(versions).Draw(t, "version"))
			},
		})
		versions = append(versions, version{e.Commit(), m})
		for _, v := range versions {
			check(v)
		}
	})
}

// sound checks the invariants of everything in an Index.
func sound(t require.TestingT, x *Index[int]) {
	soundTrie(t, &x.trie, func(f *filterEntry[int]) {
		require.False(t, f.set.Len() == 0 && f.groups == nil, "entry without subscribers")
		soundOrdered(t, &f.set.members)
		if f.groups != nil {
			soundOrdered(t, f.groups)
		}
	})
}

func soundTrie[T any](t require.TestingT, trie *trie[T], value func(*T)) {
	if trie.root == nil {
		return
	}
	require.Empty(t, trie.root.label())
	var visit func(n *node[T], topic string)
	visit = func(n *node[T], topic string) {
		topic += n.label()
		require.LessOrEqual(t, n.epoch, trie.epoch)
		require.Equal(t, hasWildcard(n.label()), n.wild)
		if n.set {
			require.Equal(t, topic, n.key)
			value(&n.value)
		}
		if n.branch == nil {
			require.True(t, n.set)
			return
		}
		require.True(t, n.set || n == trie.root || len(n.branch.kids) > 1, "node that ought to be merged")
		last := -1
		for i, kid := range n.branch.kids {
			c := kid.label()[0]
			require.Greater(t, int(c), last)
			last = int(c)
			place, ok := n.branch.find(c)
			require.True(t, ok)
			require.Equal(t, i, place)
			visit(kid, topic)
		}
	}
	visit(trie.root, "")
}

func soundOrdered[K ~string | ~uint64, V any](t require.TestingT, o *ordered[K, V]) {
	if o.root == nil {
		require.LessOrEqual(t, o.n, 1)
		return
	}
	require.Greater(t, o.n, 1)
	height := -1
	var keys []K
	var visit func(p *page[K, V], depth int)
	visit = func(p *page[K, V], depth int) {
		require.LessOrEqual(t, p.width(), pageWidth)
		require.True(t, len(p.entries) == 0 || len(p.links) == 0)
		if p.links == nil {
			if height < 0 {
				height = depth
			}
			require.Equal(t, height, depth)
			require.NotEmpty(t, p.entries)
			for _, e := range p.entries {
				keys = append(keys, e.key)
			}
			return
		}
		for _, l := range p.links {
			before := len(keys)
			visit(l.page, depth+1)
			require.Equal(t, l.low, keys[before])
			require.Equal(t, l.n, len(keys)-before)
		}
	}
	visit(o.root, 0)
	require.Len(t, keys, o.n)
	require.True(t, slices.IsSorted(keys))
	for i, key := range keys {
		got, _ := o.at(i)
		require.Equal(t, key, got)
	}
}
