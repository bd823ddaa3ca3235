package report

import (
	"fmt"
	"slices"

	"github.com/troupemq/troupe/bench"
)

// column is one of a sheet's table: a cell for each line, with the ends of its rounds if they are worth saying.
type column struct {
	title string
	cell  func(*line) (median, ends string)
}

// figures are the columns of values, of those metrics that any Broker has; what was lost stands beside the first.
func (s sheet) figures(which []metric) (columns []column) {
	for _, m := range which {
		if !s.has(m) {
			continue
		}
		columns = append(columns, column{s.title(m), func(l *line) (string, string) { return l.spread(m).show(m.write, m.short) }})
	}
	loss := column{"loss", func(l *line) (string, string) { return l.mark(), "" }}
	return slices.Insert(columns, min(1, len(columns)), loss)
}

// comparisons are the columns of ratios: to the first Broker, and of the null broker.
func (s sheet) comparisons() (columns []column) {
	if s.base != nil && len(s.lines) > 1 {
		for _, m := range headline(s.workload) {
			if s.has(m) {
				columns = append(columns, s.ratio(m))
			}
		}
	}
	share := s.share()
	if s.null != nil && slices.ContainsFunc(s.lines, func(l *line) bool { return l != s.null && s.ofNull(l).n > 0 }) {
		columns = append(columns, share)
	}
	return columns
}

// title is a metric's, with what the memory of each is of, and what a rate is of.
func (s sheet) title(m metric) string {
	if m.key == "rate" && s.workload.Kind == bench.Acknowledged {
		return "acknowledged/s"
	}
	if m.key != "memory" {
		return m.title
	}
	for _, l := range s.lines {
		for _, r := range l.rounds {
			if r.Memory != nil && r.Memory.Of != "" {
				return "resident per " + r.Memory.Of
			}
		}
	}
	return m.title
}

func (s sheet) ratio(m metric) column {
	return column{s.title(m) + " ×", func(l *line) (string, string) {
		if l == s.base && l.spread(m).n > 0 {
			return "1", ""
		}
		return l.against(s.base, m).show(digits, digits)
	}}
}

// share is how near a Broker comes to the null broker in the figure that the Workload is run for first.
func (s sheet) share() column {
	title := "of null"
	if first := headline(s.workload)[0]; !first.more {
		title += " (" + first.title + ")"
	}
	return column{title, func(l *line) (string, string) {
		if l == s.null && l.spread(headline(s.workload)[0]).n > 0 {
			return "100%", ""
		}
		return s.ofNull(l).show(percent, percent)
	}}
}

func (s sheet) ofNull(l *line) spread {
	m := headline(s.workload)[0]
	if s.null == nil {
		return spread{}
	}
	if m.more {
		return l.against(s.null, m)
	}
	return s.null.against(l, m)
}

// remarks are sentences about what a reader must know before he believes the figures, each naming its Broker.
func (s sheet) remarks() (all []string) {
	for _, l := range s.lines {
		for _, sentence := range l.harm() {
			all = append(all, fmt.Sprintf("%s: %s", l.broker.Name, sentence))
		}
		for _, trouble := range l.troubles {
			all = append(all, fmt.Sprintf("%s, %s", l.broker.Name, trouble))
		}
		switch {
		case l.partial:
			all = append(all, fmt.Sprintf("%s: all that is shown is of runs that ended early", l.broker.Name))
		case len(l.rounds) == 0 && len(l.troubles) == 0 && !l.broker.Null: // that one can do a part of the Workloads only
			all = append(all, fmt.Sprintf("%s was not run", l.broker.Name))
		}
	}
	return all
}
