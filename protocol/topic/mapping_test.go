package topic

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestMapping(t *testing.T) {
	for _, c := range []struct{ from, to, prefix, suffix, name, want string }{
		{"sensors/+/state/#", "plant7/+/state/#", "", "", "sensors/a/state/b/c", "plant7/a/state/b/c"},
		{"sensors/+/state/#", "plant7/+/state/#", "", "", "sensors/a/state", "plant7/a/state"},
		{"sensors/+/state/#", "plant7/+/state/#", "", "", "sensors/a/state/", "plant7/a/state/"},
		{"sensors/+/state/#", "plant7/+/state/#", "", "", "sensors/a", ""},
		{"a/b", "", "", "", "a/b", "a/b"},
		{"#", "", "site/", "", "a/b", "site/a/b"},
		{"#", "", "", "", "$SYS/a", ""},
		{"$SYS/#", "edge/#", "", "", "$SYS/broker/uptime", "edge/broker/uptime"},
		{"$SYS/#", "", "", "", "$SYS/broker/uptime", "$SYS/broker/uptime"},
		{"a/#", "b/#", "", "", "a", "b"},
		{"a/#", "b/#", "", "", "a/", "b/"},
		{"a/#", "#", "", "", "a", ""},
		{"a/#", "#", "", "", "a/", ""},
		{"a/#", "#", "", "", "a/b", "b"},
		{"a/#", "#", "", "", "a//", "/"},
		{"a/#", "#", "", "", "a/$SYS/x", ""},
		{"a/#", "#", "x/", "", "a/$SYS/x", "x/$SYS/x"},
		{"a/#", "#", "x/", "", "a", "x/"},
		{"a/+", "+", "", "", "a/", ""},
		{"+/+/+", "+/x/+", "", "", "a/b/c", "a/x/b"}, // the third is left out
		{"+/+/#", "#", "", "", "a/b/c/d", "c/d"},
		{"+/+/#", "x", "", "", "a/b/c/d", "x"},
		{"+/+/#", "+/#", "", "", "a/b", "a"},
		{"+/a", "+/b", "p", "s", "x/a", "px/bs"},
		{"a/#", "b/#", "p/", "/s", "a/x/y", "p/b/x/y/s"},
		{"a/#", "b/#", "p/", "s", "a", "p/bs"},
		{"a/+/c", "a/+", "", "", "a//c", "a/"},
	} {
		m, err := NewMapping(c.from, c.to, c.prefix, c.suffix)
		require.NoError(t, err, "%+v", c)
		require.Equal(t, c.from, m.Filter())
		got, ok := m.Append([]byte("before "), []byte(c.name))
		require.Equal(t, "before "+c.want, string(got), "%+v", c)
		require.Equal(t, c.want != "", ok, "%+v", c)
	}
	long := strings.Repeat("x", MaxLength-1)
	m, err := NewMapping("+", "a+", "", "")
	require.ErrorIs(t, err, ErrSingleLevel)
	require.Nil(t, m)
	m, err = NewMapping("+", "+", "p/", "")
	require.NoError(t, err)
	_, ok := m.Append(nil, []byte(long))
	require.False(t, ok, "longer than a Topic Name can be")
	_, ok = m.Append(nil, []byte(long[1:]))
	require.True(t, ok)
}

func TestMappingThatCannotWork(t *testing.T) {
	for _, c := range []struct{ from, to, prefix, suffix, want string }{
		{"a/+", "b/+/+", "", "", "\"b/+/+\" has 2 `+` and \"a/+\" only 1 to take their places; write as many or fewer"},
		{"a/#", "b/+", "", "", "\"b/+\" has 1 `+` and \"a/#\" only 0 to take their places; write as many or fewer"},
		{"a/+", "b/#", "", "", "\"b/#\" ends with `#` and \"a/+\" does not, so that nothing could take its place; end both with it, or neither"},
		{"$share/g/a", "", "", "", `"$share/g/a" is of a Shared Subscription; write only what follows the ShareName`},
		{"a", "$share/g/a", "", "", `"$share/g/a" is of a Shared Subscription; write only what follows the ShareName`},
		{"", "a", "", "", `"": topic is empty [MQTT-4.7.3-1]`},
		{"a#", "b", "", "", "\"a#\": `#` is not the whole last level of the filter [MQTT-4.7.1-1]"},
		{"a", "b+", "", "", "\"b+\": `+` is not a whole level of the filter [MQTT-4.7.1-2]"},
		{"a", "b", "+/", "", `"+/": topic name holds a wildcard [MQTT-4.7.0-1]`},
		{"a", "b", "", "/\x00", `"/\x00": topic holds a null character [MQTT-4.7.3-2]`},
		{"$a/#", "", "", "s", "prefix \"\" and suffix \"s\" leave open where the first level of \"$a/#\" ends, which begins with `$`; end the prefix, or begin the suffix, with `/`"},
		{"+", "", "$a", "", "prefix \"$a\" and suffix \"\" leave open where the first level of \"+\" ends, which begins with `$`; end the prefix, or begin the suffix, with `/`"},
		{"a", "b", strings.Repeat("x", MaxLength), "", "topic is longer than 65,535 bytes [MQTT-4.7.3-3]"},
	} {
		_, err := NewMapping(c.from, c.to, c.prefix, c.suffix)
		require.EqualError(t, err, c.want)
	}
}

// mapped is what a Mapping gives by regular expressions, which know nothing of
// how Append goes about it.
func mapped(from, to, prefix, suffix, name string) (string, bool) {
	if !Match(from, name) {
		return "", false
	}
	pattern := regexp.QuoteMeta(from)
	pattern = strings.ReplaceAll(pattern, `\+`, `([^/]*)`)
	pattern = strings.TrimSuffix(pattern, "#")
	if strings.HasSuffix(from, "#") {
		if strings.HasSuffix(pattern, "/") {
			pattern = strings.TrimSuffix(pattern, "/") + "(?:/(.*))?"
		} else {
			pattern += "(.*)"
		}
	}
	found := regexp.MustCompile("(?s)^" + pattern + "$").FindStringSubmatchIndex(name)
	capture := func(i int) (string, bool) {
		if found[2*i] < 0 {
			return "", false
		}
		return name[found[2*i]:found[2*i+1]], true
	}
	var out []string
	plus := 0
	for _, level := range strings.Split(to, "/") {
		switch level {
		case "+":
			plus++
			text, _ := capture(plus)
			out = append(out, text)
		case "#":
			if text, ok := capture(len(found)/2 - 1); ok {
				out = append(out, text)
			}
		default:
			out = append(out, level)
		}
	}
	result := prefix + strings.Join(out, "/") + suffix
	wildcardFirst := prefix == "" && (to[0] == '+' || to[0] == '#')
	return result, result != "" && !(wildcardFirst && result[0] == '$')
}

var affixGen = rapid.SampledFrom([]string{"", "", "p/", "p", "/", "/s", "s"})

func TestMappingAgainstRegularExpressions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from, to := filterGen.Draw(t, "from"), filterGen.Draw(t, "to")
		prefix, suffix := affixGen.Draw(t, "prefix"), affixGen.Draw(t, "suffix")
		if rapid.Bool().Draw(t, "same") {
			to = from
		}
		m, err := NewMapping(from, to, prefix, suffix)
		fits := strings.Count(to, "+") <= strings.Count(from, "+") && (!strings.HasSuffix(to, "#") || strings.HasSuffix(from, "#"))
		if fits && strings.HasPrefix(to, "$a/#") && suffix != "" && suffix[0] != '/' && prefix == "" {
			fits = false // the first level begins with `$` and is open
		}
		if fits != (err == nil) {
			t.Fatalf("fits %v: %v", fits, err)
		}
		if err != nil {
			return
		}
		name := nameLike(t, from)
		want, wantOK := mapped(from, to, prefix, suffix, name)
		got, ok := m.Append(nil, []byte(name))
		if ok != wantOK || ok && string(got) != want {
			t.Fatalf("%q -> %q: got %q %v, want %q %v", from, to, got, ok, want, wantOK)
		}
		if ok && (ValidateFilter(m.Target()) != nil || !Match(m.Target(), want)) {
			t.Fatalf("%q is not of the target %q", want, m.Target())
		}
	})
}

// nameLike is a Topic Name that has good chances to match filter.
func nameLike(t *rapid.T, filter string) string {
	var levels []string
	for _, level := range strings.Split(filter, "/") {
		switch level {
		case "+":
			levels = append(levels, levelGen.Draw(t, "level"))
		case "#":
			for range rapid.IntRange(0, 3).Draw(t, "rest") {
				levels = append(levels, levelGen.Draw(t, "level"))
			}
		default:
			levels = append(levels, level)
		}
	}
	if name := strings.Join(levels, "/"); name != "" && rapid.IntRange(0, 9).Draw(t, "other") > 0 {
		return name
	}
	return nameGen.Filter(func(name string) bool { return name != "" }).Draw(t, "name")
}

func TestOverlap(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"a", "a", true}, {"a", "b", false}, {"a", "+", true}, {"a/+", "+/b", true}, {"a/+", "+/b/c", false},
		{"a/#", "a", true}, {"a/#", "ab", false}, {"a/+/c", "a/#", true}, {"#", "$SYS/a", false}, {"+/a", "$SYS/a", false},
		{"$SYS/#", "$SYS/+/b", true}, {"#", "+", true}, {"a/b/#", "a/+", true}, {"a/b/c/#", "a/+", false}, {"+/+", "a", false},
	} {
		require.Equal(t, c.want, Overlap(c.a, c.b), "%s %s", c.a, c.b)
		require.Equal(t, c.want, Overlap(c.b, c.a), "%s %s", c.b, c.a)
	}
}

func TestOverlapAgainstAllNames(t *testing.T) {
	names := allNames()
	rapid.Check(t, func(t *rapid.T) {
		a, b := shortFilter.Draw(t, "a"), shortFilter.Draw(t, "b")
		both := false
		for _, name := range names {
			both = both || Match(a, name) && Match(b, name)
		}
		if Overlap(a, b) != both {
			t.Fatalf("%q and %q: %v", a, b, !both)
		}
	})
}

// FuzzMapping holds what Append gives to be a valid Topic Name.
func FuzzMapping(f *testing.F) {
	f.Add("sensors/+/state/#", "plant7/+/#", "p/", "/s", "sensors/a/state")
	f.Add("#", "#", "", "", "$SYS")
	f.Fuzz(func(t *testing.T, from, to, prefix, suffix, name string) {
		m, err := NewMapping(from, to, prefix, suffix)
		if err != nil || ValidateName(name) != nil {
			return
		}
		require.NoError(t, ValidateFilter(m.Target()))
		if got, ok := m.Append([]byte("x"), []byte(name)); ok {
			require.NoError(t, ValidateName(got[1:]))
		}
	})
}

func BenchmarkMapping(b *testing.B) {
	m, err := NewMapping("sensors/+/state/#", "plant7/+/state/#", "", "")
	require.NoError(b, err)
	name, dst := []byte("sensors/4711/state/temperature/celsius"), make([]byte, 0, 128)
	b.ReportAllocs()
	for b.Loop() {
		var ok bool
		if dst, ok = m.Append(dst[:0], name); !ok {
			b.Fatal("not mapped")
		}
	}
}

func TestMappingAllocatesNothing(t *testing.T) {
	m, err := NewMapping("sensors/+/state/#", "plant7/+/state/#", "", "")
	require.NoError(t, err)
	name, dst := []byte("sensors/4711/state/temperature/celsius"), make([]byte, 0, 128)
	require.Zero(t, testing.AllocsPerRun(100, func() { dst, _ = m.Append(dst[:0], name) }))
}
