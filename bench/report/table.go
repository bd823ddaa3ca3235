package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/troupemq/troupe/bench"
)

// Table writes the report for a terminal: medians, with the least and the most of the rounds below them.
func (r *Report) Table(w io.Writer) error {
	var b strings.Builder
	r.head(&b)
	for _, s := range r.sheets() {
		fmt.Fprintf(&b, "\n%s  %s\n%s; %s\n\n", s.workload.Name, s.workload.Title, Describe(s.workload), plural(int64(r.Rounds), "round", "rounds"))
		s.table(&b)
		for _, remark := range s.remarks() {
			fmt.Fprintf(&b, "  !! %s\n", remark)
		}
	}
	fmt.Fprintf(&b, "\n%s\n", r.legend())
	if r.Ended != "" {
		fmt.Fprintf(&b, "\n!! Ended before its time: %s\n", r.Ended)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) head(b *strings.Builder) {
	fmt.Fprintf(b, "%s\n%s\n%s\n", r.Command, r.Started.Format("2 January 2006 15:04 MST"), r.Machine)
	for _, broker := range r.Brokers {
		if broker.Missing != "" {
			fmt.Fprintf(b, "  %s: MISSING: %s\n", broker.Name, broker.Missing)
			continue
		}
		fmt.Fprintf(b, "  %s", broker.Name)
		for _, part := range []string{broker.Version, broker.Notes} {
			if part != "" {
				fmt.Fprintf(b, ": %s", part)
			}
		}
		b.WriteByte('\n')
	}
}

func (m Machine) String() string {
	parts := []string{m.System, m.CPU, plural(int64(m.Cores), "core", "cores"), size(float64(m.Memory)), m.Go}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}

// legend explains the columns, in the words of the report.
func (r *Report) legend() string {
	s := "Medians; least–most of the rounds. CPU s/M: the broker's CPU seconds per million messages or connects."
	if base := r.base(); base != "" && len(r.Brokers) > 1 {
		s += fmt.Sprintf("\n×: times %s's of the same round.", base)
	}
	for _, b := range r.Brokers {
		if b.Null && b.Missing == "" {
			s += " of null: how near to the null broker, which forwards and keeps no state."
		}
	}
	return s
}

// table writes two lines for a Broker. The names are filled up by hand: the writer aligns all to the right.
func (s sheet) table(b *strings.Builder) {
	shown := headline(s.workload)
	if open(s.workload) {
		shown = append([]metric{metricOf("rate")}, shown...)
	}
	if s.workload.Kind == bench.Queued {
		shown = append(shown, metricOf("peak"))
	}
	columns := append(s.figures(shown), s.comparisons()...)
	width := len("Broker")
	for _, l := range s.lines {
		width = max(width, utf8.RuneCountInString(l.broker.Name))
	}
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(name string, cells []string) {
		fmt.Fprintf(t, "  %-*s\t%s\t\n", width, name, strings.Join(cells, "\t"))
	}
	titles := make([]string, len(columns))
	for i, c := range columns {
		titles[i] = c.title
	}
	row("Broker", titles)
	for _, l := range s.lines {
		medians, ends, several := make([]string, len(columns)), make([]string, len(columns)), false
		for i, c := range columns {
			medians[i], ends[i] = c.cell(l)
			several = several || ends[i] != ""
		}
		row(l.broker.Name, medians)
		if several {
			row("", ends)
		}
	}
	_ = t.Flush() // into memory: nothing can go wrong
}
