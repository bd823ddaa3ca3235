package report

import (
	"fmt"
	"strings"

	"github.com/troupemq/troupe/bench"
)

// integrity is what went wrong with the messages of one traffic, or with connections, over all runs of a Workload against a
// Broker.
type integrity struct {
	expected     int64
	harms        [kindsOfHarm]int64
	runs, harmed int  // runs, and those among them in which something of this happened
	known        bool // there was something to check
}

// What can go wrong, the worst first.
const (
	lost = iota
	duplicated
	reordered
	misrouted
	unacknowledged
	refused
	failedConnects
	kindsOfHarm
)

// harmWords are what each is called: beside a speed, and in a sentence.
func harmWords(kind int) (mark, words string) {
	switch kind {
	case lost:
		return "LOST", "lost"
	case duplicated:
		return "DUPLICATED", "duplicated"
	case reordered:
		return "OUT OF ORDER", "out of order"
	case misrouted:
		return "MISROUTED", "came to who had not asked for them"
	case unacknowledged:
		return "UNACKNOWLEDGED", "never acknowledged"
	case refused:
		return "REFUSED", "refused"
	default:
		return "FAILED", "connections failed"
	}
}

// add takes what was measured in one run.
func (s *integrity) add(r bench.Result) {
	this := integrity{known: r.Delivery != nil || r.Replay != nil || r.Connects != nil}
	if r.Delivery != nil {
		this = deliveryOf(*r.Delivery)
	}
	if r.Replay != nil {
		this.expected += r.Replay.Expected
		this.harms[lost] += max(0, r.Replay.Expected-r.Replay.Received)
	}
	if r.Connects != nil {
		this.harms[failedConnects] += r.Connects.Failed
	}
	s.join(this)
}

func deliveryOf(d bench.Delivery) integrity {
	s := integrity{expected: d.Expected, known: true}
	s.harms[lost], s.harms[duplicated], s.harms[reordered] = d.Lost, d.Duplicated, d.Reordered
	s.harms[misrouted], s.harms[unacknowledged], s.harms[refused] = d.Misrouted, d.Unacknowledged, d.Refused
	return s
}

// join takes one more run.
func (s *integrity) join(run integrity) {
	s.expected += run.expected
	for kind, n := range run.harms {
		s.harms[kind] += n
	}
	s.known = s.known || run.known
	s.runs++
	if !run.whole() {
		s.harmed++
	}
}

// whole tells that nothing went wrong.
func (s *integrity) whole() bool { return s.harms == [kindsOfHarm]int64{} }

// lostShare is a part of what was expected.
func (s *integrity) lostShare() float64 { return float64(s.harms[lost]) / float64(max(1, s.expected)) }

// mark is the cell beside a speed: the worst that happened.
func (s *integrity) mark() string {
	if !s.known {
		return none
	}
	for kind, n := range s.harms {
		mark, _ := harmWords(kind)
		switch {
		case n > 0 && kind == lost:
			return mark + " " + percent(s.lostShare())
		case n > 0:
			return mark + " " + count(float64(n))
		}
	}
	return "0"
}

// sentence says all of it.
func (s *integrity) sentence() string {
	var parts []string
	for kind, n := range s.harms {
		_, words := harmWords(kind)
		switch {
		case n > 0 && kind == lost:
			parts = append(parts, fmt.Sprintf("lost %s of %s messages (%s)", count(float64(n)), count(float64(s.expected)), percent(s.lostShare())))
		case n > 0:
			parts = append(parts, count(float64(n))+" "+words)
		}
	}
	return fmt.Sprintf("%s, in %d of %s", strings.Join(parts, ", "), s.harmed, plural(int64(s.runs), "run", "runs"))
}
