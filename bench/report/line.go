package report

import (
	"fmt"
	"strings"
)

// Summary says in a line what a Run came to: the figures that it has, and what went wrong.
func (run Run) Summary() string {
	if run.Failed != "" {
		return "FAILED: " + run.Failed
	}
	var parts []string
	for _, m := range metrics() {
		v, ok := m.value(run.Result)
		switch m.key {
		case "p90", "p99.9", "max", "switches", "peak":
			continue
		}
		if ok {
			parts = append(parts, fmt.Sprintf("%s %s", m.write(v), m.title))
		}
	}
	var s integrity
	s.add(run.Result)
	if !s.whole() {
		parts = append(parts, s.mark())
	}
	for _, d := range run.Result.Beside {
		if s := deliveryOf(d); !s.whole() {
			parts = append(parts, d.Traffic+": "+s.mark())
		}
	}
	if run.Result.Partial != "" {
		parts = append(parts, "ENDED EARLY: "+run.Result.Partial)
	}
	if len(parts) == 0 {
		return none
	}
	return strings.Join(parts, ", ")
}
