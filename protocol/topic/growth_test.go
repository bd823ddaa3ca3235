package topic

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

func name(format string, a ...any) []byte { return fmt.Appendf(nil, format, a...) }

// copied counts what the latest edit of an Index copied or made: nodes, and all
// the places in their branches and pages.
func copied(x *Index[int]) (n int) {
	epoch := x.trie.epoch
	var pages func(p *page[uint64, int])
	pages = func(p *page[uint64, int]) {
		if p == nil || p.epoch != epoch {
			return
		}
		n += 1 + p.width()
		for _, l := range p.links {
			pages(l.page)
		}
	}
	var visit func(*node[filterEntry[int]])
	visit = func(node *node[filterEntry[int]]) {
		if node == nil || node.epoch != epoch {
			return
		}
		n++
		pages(node.value.set.members.root)
		if node.value.groups != nil {
			node.value.groups.from(0, func(_ string, g *Group[int]) bool {
				if g.epoch == epoch {
					pages(g.members.root)
				}
				return true
			})
		}
		if node.branch != nil {
			n += len(node.branch.kids)
			for _, kid := range node.branch.kids {
				visit(kid)
			}
		}
	}
	visit(x.trie.root)
	return n
}

// TestOneEditCopiesLittle: neither subscribers nor siblings by the 100,000 make
// one more or one less dear.
func TestOneEditCopiesLittle(t *testing.T) {
	for what, filter := range map[string]func(i int) string{
		"subscribers of one filter":   func(int) string { return "news/#" },
		"members of one group":        func(int) string { return "$share/g/news/#" },
		"kids of one level":           func(i int) string { return fmt.Sprintf("devices/%d/+/state", i) },
		"kids of one level, spread":   func(i int) string { return fmt.Sprintf("devices/%x/+/state", uint32(i)*2654435761) },
		"wildcards on the first spot": func(i int) string { return fmt.Sprintf("+/%d/state", i) },
	} {
		e := NewIndex[int]().Edit()
		for i := range 100000 {
			e.Put(filter(i), uint64(i), i)
		}
		x := e.Commit()
		for _, i := range []int{0, 777, 99999} {
			e := x.Edit()
			require.True(t, e.Delete(filter(i), uint64(i)))
			x = e.Commit()
			require.LessOrEqual(t, copied(x), 250, "%s: delete", what)
			e = x.Edit()
			require.False(t, e.Put(filter(i), uint64(i), i))
			x = e.Commit()
			require.LessOrEqual(t, copied(x), 250, "%s: put", what)
		}
	}
}

// TestJoiningOneFilterIsLinear: what 10,000 subscribers that join in a row cost
// each does not depend on how many there are.
func TestJoiningOneFilterIsLinear(t *testing.T) {
	join := func(n, perEdit int) (copies int) {
		x := NewIndex[int]()
		for i := 0; i < n; {
			e := x.Edit()
			for range perEdit {
				e.Put("news/today", uint64(i), i)
				i++
			}
			x = e.Commit()
			copies += copied(x)
		}
		return copies
	}
	// In one Edit each place is made once, whatever comes after.
	require.LessOrEqual(t, join(10000, 10000), 10000*5/4)
	// In an Edit each, it is a page per level.
	require.LessOrEqual(t, join(10000, 1), 10000*4*(pageWidth+1))

	each := func(n int) float64 {
		return testing.AllocsPerRun(1, func() {
			e := NewIndex[int]().Edit()
			for i := range n {
				e.Put("news/today", uint64(i), i)
			}
		}) / float64(n)
	}
	require.Less(t, each(10000), 1.0)
}

// TestMatchGoesByTheName: the nodes on the way to a filter do not grow with the
// filters beside it.
func TestMatchGoesByTheName(t *testing.T) {
	for _, n := range []int{100, 100000} {
		e := NewIndex[int]().Edit()
		for i := range n {
			e.Put(fmt.Sprintf("devices/%d/+/state", i), uint64(i), i)
		}
		key, depth := "devices/77/+/state", 0
		for at := e.Commit().trie.root; key != ""; at = at.kid(key[0]) {
			key = key[len(at.label()):]
			depth++
			if key == "" {
				break
			}
		}
		require.LessOrEqual(t, depth, 8, "%d filters", n)
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	e := NewIndex[int]().Edit()
	for i := range 1000 {
		e.Put("#", uint64(i), i)
		for _, filter := range []string{"+/%d/+/state", "devices/%d/#", "devices/+/a/state", "$share/g/devices/%d/+/+", "devices/%d/a/state"} {
			if strings.Contains(filter, "%") {
				filter = fmt.Sprintf(filter, i)
			}
			e.Put(filter, uint64(i), i)
		}
	}
	x := e.Commit()
	var m Matches[int]
	topic := []byte("devices/77/a/state")
	members := 0
	require.Zero(t, testing.AllocsPerRun(100, func() {
		m.Reset()
		x.Match(topic, &m)
	}))
	require.Len(t, m.Sets, 5)
	require.Len(t, m.Groups, 1)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		members = 0
		for _, s := range m.Sets {
			for range s.All() {
				members++
			}
		}
	}))
	require.Equal(t, 1000+1000+3, members)

	m.Reset()
	for _, s := range m.Sets[:cap(m.Sets)] {
		require.Nil(t, s, "a snapshot is kept")
	}
	for _, g := range m.Groups[:cap(m.Groups)] {
		require.Nil(t, g, "a snapshot is kept")
	}
	for _, s := range m.pending[:cap(m.pending)] {
		require.Nil(t, s.node, "a snapshot is kept")
	}
}

// TestDeepTopics: as many levels as fit, as one chain and as a node for each.
func TestDeepTopics(t *testing.T) {
	slashes := strings.Repeat("/", MaxLength) // 65,536 levels
	plus := strings.Repeat("+/", MaxLength/2) + "#"
	require.NoError(t, ValidateFilter(slashes))
	require.NoError(t, ValidateFilter(plus))
	e, te := NewIndex[int]().Edit(), NewTree[int]().Edit()
	te.Put(slashes, 0)
	e.Put(slashes, 0, 0)
	e.Put(plus, 1, 1)
	require.LessOrEqual(t, copied(e.Commit()), 6, "a chain is one node")
	const nodes = 4000
	for i := 1; i <= nodes; i++ {
		e.Put(slashes[:i], 2, 2)
		e.Put(plus[:i*2-1], 3, 3)
		te.Put(slashes[:i], i)
	}
	x, tree := e.Commit(), te.Commit()
	require.Equal(t, []string{"0=0", "1=1"}, found(x, slashes))
	require.Equal(t, []string{"2=2", "3=3"}, found(x, slashes[:nodes-1]))
	require.Equal(t, nodes+1, count(tree.Find("#")))
	require.Equal(t, 1, count(tree.Find(slashes)))
	require.Equal(t, 1, count(tree.Find(plus)))
	require.Equal(t, 1, count(tree.Find(plus[:99])))
	for i := 1; i <= nodes; i++ {
		require.True(t, e.Delete(slashes[:i], 2))
		require.True(t, e.Delete(plus[:i*2-1], 3))
	}
	x = e.Commit()
	sound(t, x)
	require.Equal(t, []string{"0=0", "1=1"}, found(x, slashes))
}

// TestShortLabelsKeepNoLongTopics: a node that topics share outlives them, and
// must not keep the 65,535 bytes of one that is gone.
func TestShortLabelsKeepNoLongTopics(t *testing.T) {
	long := "a/" + strings.Repeat("x", MaxLength-2)
	e := NewIndex[int]().Edit()
	e.Put(long, 1, 1)
	e.Put("a/b", 1, 1)
	e.Put("a/c", 1, 1)
	e.Put("b", 1, 1)
	e.Delete(long, 1)
	inner := e.Commit().trie.root.kid('a')
	require.Equal(t, "a/", inner.label())
	require.False(t, unsafe.StringData(inner.key) == unsafe.StringData(long))
}

func count(c *Cursor[int]) (n int) {
	for _, _, ok := c.Next(); ok; _, _, ok = c.Next() {
		n++
	}
	return n
}
