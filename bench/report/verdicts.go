package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Count is how many Judgements have a Verdict.
func (c Comparison) Count(v Verdict) (n int) {
	for _, j := range c.Judgements {
		if j.Verdict == v {
			n++
		}
	}
	return n
}

// Table writes the Judgements for a terminal, with what they rest on.
func (c Comparison) Table(w io.Writer) error {
	var b strings.Builder
	for _, r := range c.Remarks {
		fmt.Fprintf(&b, "%s\n", r)
	}
	if len(c.Remarks) > 0 {
		b.WriteByte('\n')
	}
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "Workload\tBroker\tFigure\tOld\tNew\tChange\tBy chance\tVerdict")
	for _, j := range c.Judgements {
		change, chance := none, none
		if j.P < 1 || j.Change != 0 {
			change, chance = fmt.Sprintf("%+.1f%%", 100*j.Change), percent(j.P)
		}
		figure := j.Metric
		if j.Reference != "" {
			figure += " / " + j.Reference + "'s"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", j.Workload, j.Broker, figure, j.Old, j.New, change, chance, j.Verdict)
	}
	_ = t.Flush() // into memory: nothing can go wrong
	fmt.Fprintf(&b, "\n%s\n", c.summary())
	_, err := io.WriteString(w, b.String())
	return err
}

func (c Comparison) summary() string {
	var parts []string
	for _, v := range []Verdict{Worse, Better, Same, TooFew, Incomparable} {
		if n := c.Count(v); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	if len(parts) == 0 {
		return "The reports have nothing in common that could be compared."
	}
	s := strings.Join(parts, ", ") + fmt.Sprintf(".\nA difference counts if chance makes one like it in at most %s of cases (Mann-Whitney, exact), and if it is %s or more.",
		percent(c.Terms.Level), percent(c.Terms.Least))
	if tested := c.Count(Worse) + c.Count(Better) + c.Count(Same); tested >= 10 {
		s += fmt.Sprintf("\nOf %d comparisons, chance alone would make about %s look different.", tested, digits(float64(tested)*c.Terms.Level))
	}
	if c.Count(TooFew) > 0 {
		s += fmt.Sprintf("\nA verdict needs %d rounds in each report.", roundsFor(c.Terms.Level))
	}
	return s
}
