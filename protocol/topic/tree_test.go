package topic

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestTreeAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type version struct {
			tree  *Tree[int]
			model map[string]int
		}
		// A walk that is left alone while edits go on, and what it has still to find.
		type walk struct {
			c    *Cursor[int]
			rest []string
			v    version
		}
		versions := []version{{NewTree[int](), map[string]int{}}}
		var walks []walk
		e, model := versions[0].tree.Edit(), map[string]int{}
		resume := func(w *walk, budget int) {
			done := w.c.Walk(budget, func(name string, v int) bool {
				if len(w.rest) == 0 || name != w.rest[0] || v != w.v.model[name] {
					t.Fatalf("found %q=%d, want %q of %v", name, v, w.rest, w.v.model)
				}
				w.rest = w.rest[1:]
				return v%5 > 0 // now and then stopped early
			})
			if done && len(w.rest) > 0 {
				t.Fatalf("at the end without %q", w.rest)
			}
		}
		name := rapid.Custom(func(t *rapid.T) string {
			if known := slices.Sorted(maps.Keys(model)); len(known) > 0 && rapid.Bool().Draw(t, "known") {
				return rapid.SampledFrom(known).Draw(t, "name")
			}
			return nameGen.Draw(t, "name")
		})
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				key, v := name.Draw(t, "name"), rapid.Int().Draw(t, "value")
				buffer := []byte(key)
				_, there := model[key]
				if e.Put(string(buffer), v) != there {
					t.Fatalf("Put replaced %v, want %v", !there, there)
				}
				clear(buffer) // is the caller's again
				model[key] = v
			},
			"delete": func(t *rapid.T) {
				key := name.Draw(t, "name")
				_, there := model[key]
				if e.Delete([]byte(key)) != there {
					t.Fatalf("Delete existed %v, want %v", !there, there)
				}
				delete(model, key)
			},
			"commit": func(t *rapid.T) {
				versions = append(versions, version{e.Commit(), maps.Clone(model)})
			},
			"find": func(t *rapid.T) {
				v, filter := rapid.SampledFrom(versions).Draw(t, "version"), filterGen.Draw(t, "filter")
				walks = append(walks, walk{v.tree.Find(filter), matching(v.model, filter), v})
			},
			"resume": func(t *rapid.T) {
				if len(walks) == 0 {
					t.Skip("nothing begun")
				}
				i := rapid.IntRange(0, len(walks)-1).Draw(t, "walk")
				resume(&walks[i], rapid.IntRange(0, 12).Draw(t, "budget"))
			},
			"": func(t *rapid.T) {
				v := rapid.SampledFrom(versions).Draw(t, "version")
				soundTrie(t, &v.tree.trie, func(*int) {})
				if v.tree.Len() != len(v.model) {
					t.Fatalf("Len %d, want %d", v.tree.Len(), len(v.model))
				}
				key := name.Draw(t, "name")
				want, there := v.model[key]
				if got, ok := v.tree.Get([]byte(key)); got != want || ok != there {
					t.Fatalf("Get(%q) = %d, %v", key, got, ok)
				}
			},
		})
		for i := range walks {
			w := &walks[i]
			for n, v, ok := w.c.Next(); ok; n, v, ok = w.c.Next() {
				if len(w.rest) == 0 || n != w.rest[0] || v != w.v.model[n] {
					t.Fatalf("found %q=%d, want %q", n, v, w.rest)
				}
				w.rest = w.rest[1:]
			}
			if len(w.rest) > 0 {
				t.Fatalf("at the end without %q", w.rest)
			}
		}
	})
}

func matching(model map[string]int, filter string) []string {
	names := slices.Sorted(maps.Keys(model))
	return slices.DeleteFunc(names, func(name string) bool { return !Match(filter, name) })
}

func TestWalkKeepsToItsBudget(t *testing.T) {
	e := NewTree[int]().Edit()
	for i := range 10000 {
		e.Put(fmt.Sprintf("devices/%d/state", i), i)
	}
	c := e.Commit().Find("+/+/absent") // passes every name and finds none
	turns := 1
	for !c.Walk(100, func(string, int) bool { t.Error("found"); return true }) {
		turns++
	}
	require.Greater(t, turns, 100)
	require.Less(t, turns, 1000)
}
