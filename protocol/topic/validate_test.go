package topic

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestValidateName(t *testing.T) {
	for name, want := range map[string]error{
		"":                                 ErrEmpty,
		"/":                                nil,
		"a":                                nil,
		" ":                                nil,
		"a//b/":                            nil,
		"$SYS/broker":                      nil,
		"é/\U0001F600":                     nil,
		"\ufeff":                           nil, // kept as it is [MQTT-1.5.4-3]
		"a/+":                              ErrWildcard,
		"a#":                               ErrWildcard,
		"a\x00":                            ErrNull,
		"\xff":                             ErrEncoding,
		"\xed\xa0\x80":                     ErrEncoding, // a surrogate
		"\xc0\x80":                         ErrEncoding, // overlong U+0000
		strings.Repeat("/", MaxLength):     nil,
		strings.Repeat("a", MaxLength+1):   ErrTooLong,
		strings.Repeat("é", MaxLength/2+1): ErrTooLong,
	} {
		require.Equal(t, want, ValidateName(name), "%.40q", name)
		require.Equal(t, want, ValidateName([]byte(name)), "%.40q", name)
	}
}

func TestValidateFilter(t *testing.T) {
	for filter, want := range map[string]error{
		"":                                  ErrEmpty,
		"a\x00":                             ErrNull,
		"\xff/#":                            ErrEncoding,
		strings.Repeat("+/", MaxLength/2+1): ErrTooLong,
		// [MQTT-4.7.1-1], with the examples of the specification
		"#":                    nil,
		"/#":                   nil,
		"sport/tennis/#":       nil,
		"sport/tennis#":        ErrMultiLevel,
		"sport/tennis/#/ranks": ErrMultiLevel,
		"#/":                   ErrMultiLevel,
		"##":                   ErrMultiLevel,
		// [MQTT-4.7.1-2]
		"+":                     nil,
		"+/tennis/#":            nil,
		"sport+":                ErrSingleLevel,
		"sport/+/player1":       nil,
		"/+":                    nil,
		"+/+":                   nil,
		"+a":                    ErrSingleLevel,
		"a/++/b":                ErrSingleLevel,
		"$SYS/#":                nil,
		"$share":                nil, // an ordinary level
		"$shared/g/#":           nil,
		"a/$share/g":            nil,
		"$share/consumer/a/+/#": nil,
		"$share/g//":            nil,
		"$share/g/$share/h/a":   nil,
		// [MQTT-4.8.2-1]
		"$share/":   ErrShareName,
		"$share//a": ErrShareName,
		// [MQTT-4.8.2-2]
		"$share/g":     ErrShareFilter,
		"$share/g/":    ErrShareFilter,
		"$share/+/a":   ErrShareFilter,
		"$share/g#/a":  ErrShareFilter,
		"$share/g/a#":  ErrMultiLevel,
		"$share/g/+a/": ErrSingleLevel,
	} {
		require.Equal(t, want, ValidateFilter(filter), "%.40q", filter)
		require.Equal(t, want, ValidateFilter([]byte(filter)), "%.40q", filter)
	}
}

func TestParseFilter(t *testing.T) {
	for filter, want := range map[string][2]string{
		"a/b":                 {"", "a/b"},
		"$share/g/a/+/#":      {"g", "a/+/#"},
		"$share/g//a":         {"g", "/a"},
		"$share/g/$share/h/a": {"g", "$share/h/a"},
	} {
		share, rest, err := ParseFilter(filter)
		require.NoError(t, err)
		require.Equal(t, want, [2]string{share, rest})
	}
}

func TestErrorsNameTheStatement(t *testing.T) {
	require.EqualError(t, ValidateName(""), "topic is empty [MQTT-4.7.3-1]")
	require.Equal(t, "MQTT-4.7.3-1", ValidateName("").(*Error).Statement)
}

func TestValidatingDoesNotAllocate(t *testing.T) {
	name, bad := []byte("devices/4711/telemetry/temperature"), []byte("a/#/b")
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if ValidateName(name) != nil || ValidateFilter(bad) == nil {
			t.Error("judged wrongly")
		}
	}))
}

// FuzzTopics holds validation to the rules level by level, and everything that
// matches to one another.
func FuzzTopics(f *testing.F) {
	for _, filter := range []string{"", "#", "+", "a/#", "a/+/b", "+/+", "/+", "$share/g/a/+", "$a/#", "a/b", "a+", "\xff", "$share/g/#"} {
		for _, name := range []string{"", "a", "a/", "/a", "a/b", "a/x/b", "$a", "$a/b", "a\x00", "+"} {
			f.Add(filter, name)
		}
	}
	f.Fuzz(func(t *testing.T, filter, name string) {
		filterErr, nameErr := ValidateFilter(filter), ValidateName(name)
		require.Equal(t, validFilter(filter), filterErr == nil, "filter %q", filter)
		require.Equal(t, validString(name) && !strings.ContainsAny(name, "+#"), nameErr == nil, "name %q", name)

		e, te := NewIndex[int]().Edit(), NewTree[int]().Edit()
		require.False(t, e.Put(filter, 7, 1))
		require.True(t, e.Put(filter, 7, 1))
		require.False(t, te.Put(name, 1))
		x, tree := e.Commit(), te.Commit()
		_, rest, _ := cutShare(filter)
		_, _, matched := tree.Find(rest).Next()
		shard := FilterShard(filter, 5)
		met := shard == 5 || shard == NameShard([]byte(name), 5)
		inIndex := len(found(x, name)) > 0
		require.True(t, e.Delete(filter, 7))
		require.False(t, e.Delete(filter, 7))
		require.Nil(t, e.Commit().trie.root)
		require.True(t, te.Delete([]byte(name)))
		require.Nil(t, te.Commit().trie.root)
		if filterErr != nil || nameErr != nil {
			return // no panic was all that was asked
		}
		want := matchLevels(rest, name)
		require.Equal(t, want, Match(rest, name), "Match(%q, %q)", rest, name)
		require.Equal(t, want, inIndex, "Index with %q, %q", filter, name)
		require.Equal(t, want, matched, "Tree with %q, %q", name, rest)
		require.True(t, met || !want, "%q and %q do not meet in a shard", filter, name)
	})
}

func validString(s string) bool {
	return s != "" && len(s) <= 65535 && utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}

func validFilter(filter string) bool {
	if !validString(filter) {
		return false
	}
	levels := strings.Split(filter, "/")
	if levels[0] == "$share" && len(levels) > 1 {
		if levels[1] == "" || strings.ContainsAny(levels[1], "+#") {
			return false
		}
		levels = levels[2:]
		if len(levels) == 0 || len(levels) == 1 && levels[0] == "" {
			return false
		}
	}
	for i, level := range levels {
		if strings.ContainsAny(level, "+#") && level != "+" && (level != "#" || i < len(levels)-1) {
			return false
		}
	}
	return true
}

// matchLevels is section 4.7 once more, over lists of levels.
func matchLevels(filter, name string) bool {
	f, n := strings.Split(filter, "/"), strings.Split(name, "/")
	if n[0] != "" && n[0][0] == '$' && (f[0] == "+" || f[0] == "#") {
		return false
	}
	if f[len(f)-1] == "#" {
		f = f[:len(f)-1]
		if len(n) < len(f) {
			return false
		}
		n = n[:len(f)]
	}
	if len(f) != len(n) {
		return false
	}
	for i := range f {
		if f[i] != "+" && f[i] != n[i] {
			return false
		}
	}
	return true
}
