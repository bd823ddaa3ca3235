package report

import (
	"fmt"
	"io"
	"strings"
)

// Markdown writes the report with all its figures.
func (r *Report) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Benchmark of %s\n\n", r.Started.Format("2 January 2006"))
	if r.Ended != "" {
		fmt.Fprintf(&b, "**Ended before its time: %s.**\n\n", plain(r.Ended))
	}
	fmt.Fprintf(&b, "    %s\n\nMeasured at %s on %s.\n\n", r.Command, r.Started.Format("15:04 MST"), plain(r.Machine.String()))
	r.brokers(&b)
	sheets := r.sheets()
	r.glance(&b, sheets)
	fmt.Fprintf(&b, "%s\n", strings.ReplaceAll(r.legend(), "\n", " "))
	for _, s := range sheets {
		fmt.Fprintf(&b, "\n## %s. %s\n\n%s; %s.\n\n", s.workload.Name, plain(s.workload.Title), plain(Describe(s.workload)), plural(int64(r.Rounds), "round", "rounds"))
		for _, remark := range s.remarks() {
			fmt.Fprintf(&b, "- **%s**\n", plain(remark))
		}
		if len(s.remarks()) > 0 {
			b.WriteByte('\n')
		}
		s.markdown(&b, s.figures(metrics()))
		if c := s.comparisons(); len(c) > 0 {
			b.WriteByte('\n')
			s.markdown(&b, c)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) brokers(b *strings.Builder) {
	b.WriteString("| Broker | Version | Notes |\n|---|---|---|\n")
	for _, broker := range r.Brokers {
		notes := broker.Notes
		if broker.Missing != "" {
			notes = "**missing**: " + plain(broker.Missing)
		} else {
			notes = plain(notes)
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", plain(broker.Name), or(plain(broker.Version)), or(notes))
	}
	b.WriteByte('\n')
}

// glance is one table of all medians that the Workloads are run for.
func (r *Report) glance(b *strings.Builder, sheets []sheet) {
	if len(sheets) < 2 || len(sheets[0].lines) == 0 {
		return
	}
	b.WriteString("| Workload | |")
	for _, l := range sheets[0].lines {
		fmt.Fprintf(b, " %s |", plain(l.broker.Name))
	}
	b.WriteString("\n|---|---|" + strings.Repeat("--:|", len(sheets[0].lines)) + "\n")
	for _, s := range sheets {
		for i, m := range headline(s.workload) {
			name := ""
			if i == 0 {
				name = s.workload.Name
			}
			fmt.Fprintf(b, "| %s | %s |", name, s.title(m))
			for _, l := range s.lines {
				median, _ := l.spread(m).show(m.write, m.short)
				if !l.measured.whole() && median != none {
					median += " **" + plain(l.measured.mark()) + "**"
				}
				fmt.Fprintf(b, " %s |", median)
			}
			b.WriteByte('\n')
		}
	}
	b.WriteByte('\n')
}

func (s sheet) markdown(b *strings.Builder, columns []column) {
	b.WriteString("| Broker |")
	for _, c := range columns {
		fmt.Fprintf(b, " %s |", c.title)
	}
	b.WriteString("\n|---|" + strings.Repeat("--:|", len(columns)) + "\n")
	for _, l := range s.lines {
		fmt.Fprintf(b, "| %s |", plain(l.broker.Name))
		for _, c := range columns {
			median, ends := c.cell(l)
			if ends != "" {
				median += " (" + ends + ")"
			}
			if c.title == "loss" && len(l.harm()) > 0 {
				median = "**" + plain(median) + "**"
			}
			fmt.Fprintf(b, " %s |", median)
		}
		b.WriteByte('\n')
	}
}

// plain keeps text of others (versions, errors) from being taken for Markdown or HTML.
func plain(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "\r", "", "\n", "; ", "*", `\*`, "`", "'").Replace(s)
}

func or(s string) string {
	if s == "" {
		return none
	}
	return s
}
