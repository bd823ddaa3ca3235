package topic

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// allNames are all names of up to four levels out of an alphabet that has, for
// each kind of level of a shortFilter, one that no such filter has: what holds
// for them holds for every name.
func allNames() (names []string) {
	var grow func(name string, levels int)
	grow = func(name string, levels int) {
		if name != "" {
			names = append(names, name)
		}
		if levels == 4 {
			return
		}
		for _, level := range []string{"", "a", "b", "$a", "other"} {
			next := level
			if levels > 0 {
				next = name + "/" + level
			}
			grow(next, levels+1)
		}
	}
	grow("", 0)
	return names
}

// shortFilter makes Topic Filters of up to three levels.
var shortFilter = rapid.Custom(func(t *rapid.T) string {
	levels := rapid.SliceOfN(rapid.SampledFrom([]string{"", "a", "b", "$a", "+"}), 1, 3).Draw(t, "levels")
	if rapid.Bool().Draw(t, "rest") {
		levels[len(levels)-1] = "#"
	}
	return strings.Join(levels, "/")
}).Filter(func(filter string) bool { return filter != "" })

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"a", "a", true}, {"a", "b", false}, {"+", "a", true}, {"a", "+", false}, {"#", "+", true}, {"+", "#", false},
		{"a/#", "a", true}, {"a/#", "a/#", true}, {"a/#", "a/+/b", true}, {"a/+", "a/#", false}, {"a/+/#", "a/#", false},
		{"+/#", "#", true}, {"#", "+/#", true}, {"+/+/#", "/#", true}, {"/+", "/#", false}, {"+/+", "a/b", true},
		{"#", "$SYS/#", false}, {"+/a", "$SYS/a", false}, {"$SYS/#", "$SYS/broker/+", true}, {"$SYS/#", "#", false},
		{"a/b", "a/b/c", false}, {"a/b/c", "a/b", false}, {"a/#", "ab", false}, {"a/b/#", "a/#", false},
	} {
		require.Equal(t, c.want, Covers(c.a, c.b), "%s %s", c.a, c.b)
	}
}

func TestCoversAgainstAllNames(t *testing.T) {
	names := allNames()
	rapid.Check(t, func(t *rapid.T) {
		a, b := shortFilter.Draw(t, "a"), shortFilter.Draw(t, "b")
		all := true
		for _, name := range names {
			all = all && (!Match(b, name) || Match(a, name))
		}
		if Covers(a, b) != all {
			t.Fatalf("%q and %q: %v", a, b, !all)
		}
	})
}

func TestCoversAllocatesNothing(t *testing.T) {
	require.Zero(t, testing.AllocsPerRun(100, func() { Covers("sensors/+/state/#", "sensors/4711/state/+") }))
}
