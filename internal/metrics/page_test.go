package metrics

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the table of docs/metrics.md anew")

const (
	page     = "../../docs/metrics.md"
	tableTop = "| Metric | Type | What it is | Below `$SYS/broker/` |\n|---|---|---|---|\n"
)

// table is what the page has of the families.
func table() string {
	var b strings.Builder
	b.WriteString(tableTop)
	for _, f := range families {
		kind, name, topic := "gauge", prefix+f.name, ""
		if f.kind == prometheus.CounterValue {
			kind = "counter"
		}
		if len(f.labels) > 0 {
			name += "{" + strings.Join(f.labels, ",") + "}"
		}
		if f.topic != "" {
			topic = "`" + f.topic + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, kind, f.help, topic)
	}
	return b.String()
}

// The page lists all there is and nothing else.
func TestPage(t *testing.T) {
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), tableTop)
	require.True(t, found, "the page has no table")
	rows, after, _ := strings.Cut(rest, "\n\n")
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(before+table()+"\n"+after), 0o644))
		return
	}
	require.Equal(t, table(), tableTop+rows+"\n", "if that is meant: go test ./internal/metrics -update")
}

// Each topic of $SYS is a metric, or the page says what of metrics makes the same.
func TestEveryTopicIsAMetric(t *testing.T) {
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	known := make(map[string]bool)
	for _, f := range families {
		add(known, f.topic)
	}
	_, derived, found := strings.Cut(string(text), "| Topic | Instead |\n")
	require.True(t, found, "the page does not say what is made of metrics")
	derived, _, _ = strings.Cut(derived, "\n\n")
	for topic := range first(derived) {
		add(known, topic)
	}
	operating, err := os.ReadFile("../../docs/operating.md")
	require.NoError(t, err)
	topics := 0
	for section, in := range map[string]string{"Shares": "", "$SYS": "", "$SYS of bridges": "bridge/<name>/"} {
		_, rows, found := strings.Cut(string(operating), "\n## "+section+"\n")
		require.True(t, found, section)
		rows, _, _ = strings.Cut(rows, "\n## ")
		_, rows, _ = strings.Cut(rows, "\n| Topic |")
		for cell := range first(rows) {
			all := make(map[string]bool)
			add(all, in+cell)
			for topic := range all {
				topics++
				require.True(t, known[topic], "%s is no metric, and %s does not say what is like it", topic, page)
			}
		}
	}
	require.Greater(t, topics, 100)
}

// Examples on the page are of metrics that there are.
func TestExamples(t *testing.T) {
	there := make(map[string]bool)
	for _, f := range families {
		there[prefix+f.name] = true
	}
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	for _, name := range regexp.MustCompile(`\btroupe_[a-z_]+`).FindAllString(string(text), -1) {
		require.True(t, there[name], "there is no %s", name)
	}
}

// first are the pieces of code in the first cells of rows.
func first(rows string) map[string]bool {
	found := make(map[string]bool)
	for line := range strings.Lines(rows) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cell, _, _ := strings.Cut(line[1:], "|")
		for i, piece := range strings.Split(cell, "`") {
			if i%2 == 1 {
				found[piece] = true
			}
		}
	}
	return found
}

// add spells out a/{b,c}/{d,e} as a/b/d and so on.
func add(all map[string]bool, topic string) {
	if before, rest, ok := strings.Cut(topic, "{"); ok {
		list, after, _ := strings.Cut(rest, "}")
		for part := range strings.SplitSeq(list, ",") {
			add(all, before+part+after)
		}
		return
	}
	all[topic] = true
}
