package report

import (
	"fmt"
	"strings"

	"github.com/troupemq/troupe/bench"
)

// integrity is what went wrong with the messages of one traffic, or with connections, over all runs of a Workload against a
// Broker.
type integrity struct {
	expected, lost, duplicated, reordered int64
	refused                               int64 // connections that failed
	runs, harmed                          int   // runs, and those among them in which something of this happened
	known                                 bool  // there was something to check
}

// add takes what was measured in one run.
func (s *integrity) add(r bench.Result) {
	this := integrity{known: r.Delivery != nil || r.Replay != nil || r.Connects != nil}
	if r.Delivery != nil {
		this = deliveryOf(*r.Delivery)
	}
	if r.Replay != nil {
		this.expected += r.Replay.Expected
		this.lost += max(0, r.Replay.Expected-r.Replay.Received)
	}
	if r.Connects != nil {
		this.refused += r.Connects.Failed
	}
	s.join(this)
}

func deliveryOf(d bench.Delivery) integrity {
	return integrity{expected: d.Expected, lost: d.Lost, duplicated: d.Duplicated, reordered: d.Reordered, known: true}
}

// join takes one more run.
func (s *integrity) join(run integrity) {
	s.expected += run.expected
	s.lost += run.lost
	s.duplicated += run.duplicated
	s.reordered += run.reordered
	s.refused += run.refused
	s.known = s.known || run.known
	s.runs++
	if !run.whole() {
		s.harmed++
	}
}

// whole tells that nothing was lost, repeated, put out of order or refused.
func (s *integrity) whole() bool {
	return s.lost == 0 && s.duplicated == 0 && s.reordered == 0 && s.refused == 0
}

// mark is the cell beside a speed.
func (s *integrity) mark() string {
	switch {
	case !s.known:
		return none
	case s.lost > 0 && s.expected > 0:
		return "LOST " + percent(float64(s.lost)/float64(s.expected))
	case s.lost > 0:
		return "LOST " + count(float64(s.lost))
	case s.duplicated > 0:
		return "DUPLICATED " + count(float64(s.duplicated))
	case s.reordered > 0:
		return "OUT OF ORDER " + count(float64(s.reordered))
	case s.refused > 0:
		return "REFUSED " + count(float64(s.refused))
	default:
		return "0"
	}
}

// sentence says all of it.
func (s *integrity) sentence() string {
	var parts []string
	if s.lost > 0 {
		parts = append(parts, fmt.Sprintf("lost %s of %s messages (%s)", count(float64(s.lost)), count(float64(s.expected)),
			percent(float64(s.lost)/float64(max(1, s.expected)))))
	}
	for _, p := range []struct {
		n    int64
		what string
	}{{s.duplicated, "duplicated"}, {s.reordered, "out of order"}, {s.refused, "connections failed"}} {
		if p.n > 0 {
			parts = append(parts, count(float64(p.n))+" "+p.what)
		}
	}
	return fmt.Sprintf("%s, in %d of %s", strings.Join(parts, ", "), s.harmed, plural(int64(s.runs), "run", "runs"))
}
