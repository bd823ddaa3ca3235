package sys

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/internal/telemetry"
)

// What is counted is shown: each counter moves a figure, and each figure is
// moved by a counter.
func TestEveryCounterIsAFigure(t *testing.T) {
	moved := make(map[string]bool)
	for i := range reflect.TypeFor[telemetry.Counters]().NumField() {
		c := new(telemetry.Counters)
		field := reflect.ValueOf(c).Elem().Field(i)
		field.Addr().Interface().(*atomic.Int64).Store(7)
		shown := false
		for _, f := range figures {
			if f.value(c) != 0 {
				shown, moved[f.topic] = true, true
			}
		}
		require.True(t, shown, "%s is in no figure", reflect.TypeFor[telemetry.Counters]().Field(i).Name)
	}
	for _, f := range figures {
		require.True(t, moved[f.topic], "no counter moves %s", f.topic)
	}
}

// The operator's page lists every topic and no other.
func TestTopicsAreDocumented(t *testing.T) {
	published := []string{"version", "uptime"}
	for _, f := range figures {
		published = append(published, f.topic)
	}
	new(loads).each(func(topic, _ string) { published = append(published, "load/"+topic) })
	slices.Sort(published)
	require.Equal(t, published, slices.Compact(slices.Clone(published)), "a topic is there twice")

	page, err := os.ReadFile("../../docs/operating.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(page), "\n## $SYS\n")
	require.True(t, found, "there is no section $SYS")
	section, _, _ = strings.Cut(section, "\n## ")
	var documented []string
	for line := range strings.Lines(section) {
		if cell, ok := strings.CutPrefix(line, "| `"); ok {
			topic, _, _ := strings.Cut(cell, "`")
			documented = append(documented, spelledOut(topic)...)
		}
	}
	require.ElementsMatch(t, published, documented)
}

// spelledOut makes a/1x and a/2x of a/{1,2}x.
func spelledOut(topic string) []string {
	prefix, rest, ok := strings.Cut(topic, "{")
	if !ok {
		return []string{topic}
	}
	list, suffix, _ := strings.Cut(rest, "}")
	var topics []string
	for part := range strings.SplitSeq(list, ",") {
		topics = append(topics, prefix+part+suffix)
	}
	return topics
}
