package topic

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMatch holds Match, Index and Tree to the examples of sections 4.7.1 to 4.7.3.
func TestMatch(t *testing.T) {
	for _, c := range []struct {
		filter     string
		yes, never string
	}{
		{"sport/tennis/player1/#",
			"sport/tennis/player1 sport/tennis/player1/ranking sport/tennis/player1/score/wimbledon",
			"sport/tennis/player10 sport/tennis sport/tennis/player"},
		{"sport/#", "sport sport/ sport/a", "sports Sport /sport"},
		{"sport/tennis/+", "sport/tennis/player1 sport/tennis/", "sport/tennis sport/tennis/player1/ranking"},
		{"sport/+", "sport/ sport/a", "sport sport/a/"},
		{"+", "finance", "/finance finance/ / $SYS"},
		{"+/+", "/finance / a/b", "finance $SYS/a"},
		{"/+", "/finance /", "finance /a/b"},
		{"+/+/#", "/finance a/b a/b/c / //", "a"},
		{"/finance", "/finance", "finance"},
		{"a//b", "a//b", "a/b a/x/b"},
		{"a/+/b", "a//b a/x/b", "a/b a/x/b/c"},
		{"a/+/#", "a/ a/b a/b/c", "a"},
		{"a/+/b/#", "a/x/b a//b a/x/b/", "a/x a/x/bc"},
		{"#", "a / a/b //", "$SYS $SYS/a $"}, // [MQTT-4.7.2-1]
		{"+/monitor/Clients", "x/monitor/Clients", "$SYS/monitor/Clients"},
		{"$SYS/#", "$SYS $SYS/ $SYS/a/b", "SYS/a"},
		{"$SYS/monitor/+", "$SYS/monitor/Clients", "$SYS/monitor"},
		{"a/+", "a/$b", ""}, // `$` hides as the first character only
		{"a/#", "a/$b a/$b/c", ""},
		{"ACCOUNTS", "ACCOUNTS", "Accounts"},
		{"\u00c5", "\u00c5", "A\u030a"}, // [MQTT-4.7.3-4]: not normalised
	} {
		for i, names := range []string{c.yes, c.never} {
			for name := range strings.FieldsSeq(names) {
				e, te := NewIndex[int]().Edit(), NewTree[int]().Edit()
				e.Put(c.filter, 1, 1)
				te.Put(name, 1)
				_, _, inTree := te.Commit().Find(c.filter).Next()
				require.Equal(t, i == 0, Match(c.filter, name), "Match(%q, %q)", c.filter, name)
				require.Equal(t, i == 0, len(found(e.Commit(), name)) > 0, "Index with %q, %q", c.filter, name)
				require.Equal(t, i == 0, inTree, "Tree with %q, %q", name, c.filter)
			}
		}
	}
}
