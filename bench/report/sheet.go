package report

import (
	"fmt"

	"github.com/troupemq/troupe/bench"
)

// sheet is one Workload with what every Broker made of it.
type sheet struct {
	workload bench.Workload
	lines    []*line // of the Brokers that are not missing, in their order
	base     *line   // what the others are held against; nil: none of them ran
	null     *line   // the null broker's; nil: it was not measured
}

// line is one Broker under one Workload.
type line struct {
	broker   Broker
	rounds   map[int]bench.Result // those that count, by their number
	troubles troubles             // runs that failed or ended early
	measured integrity
	beside   map[string]*integrity // by name of the traffic that ran beside
	partial  bool                  // all that counts ended early
}

// sheets sorts the Runs by Workload and Broker.
func (r *Report) sheets() []sheet {
	base := r.base()
	all := make([]sheet, len(r.Workloads))
	for i, w := range r.Workloads {
		s := sheet{workload: w}
		for _, b := range r.Brokers {
			if b.Missing != "" {
				continue
			}
			l := r.line(w.Name, b)
			s.lines = append(s.lines, l)
			if b.Name == base {
				s.base = l
			}
			if b.Null {
				s.null = l
			}
		}
		all[i] = s
	}
	return all
}

// base names the first Broker that could be measured and is a real one.
func (r *Report) base() string {
	for _, b := range r.Brokers {
		if b.Missing == "" && !b.Null {
			return b.Name
		}
	}
	return ""
}

// line gathers the Runs of one Broker under one Workload. Runs that ended early count only where there is no other.
func (r *Report) line(workload string, b Broker) *line {
	l := &line{broker: b, rounds: make(map[int]bench.Result), beside: make(map[string]*integrity)}
	early := make(map[int]bench.Result)
	for _, run := range r.Runs {
		if run.Result.Workload != workload || run.Result.Target != b.Name {
			continue
		}
		if run.Failed != "" {
			l.troubles.add(run.Round, "failed: "+run.Failed)
			continue
		}
		l.check(run.Result)
		if run.Result.Partial != "" {
			l.troubles.add(run.Round, fmt.Sprintf("ended early, after %s: %s", span(float64(run.Result.Took)), run.Result.Partial))
			early[run.Round] = run.Result
			continue
		}
		l.rounds[run.Round] = run.Result
	}
	if len(l.rounds) == 0 && len(early) > 0 {
		l.rounds, l.partial = early, true
	}
	return l
}

func (l *line) check(r bench.Result) {
	l.measured.add(r)
	for _, d := range r.Beside {
		if l.beside[d.Traffic] == nil {
			l.beside[d.Traffic] = new(integrity)
		}
		l.beside[d.Traffic].join(deliveryOf(d))
	}
}

// values are those of one figure in the rounds that have it, by round.
func (l *line) values(m metric) map[int]float64 {
	values := make(map[int]float64)
	for round, r := range l.rounds {
		if v, ok := m.value(r); ok {
			values[round] = v
		}
	}
	return values
}

func (l *line) spread(m metric) spread { return spreadOf(unordered(l.values(m))) }

// against holds a figure against another Broker's of the same round.
func (l *line) against(other *line, m metric) spread {
	if other == nil {
		return spread{}
	}
	return spreadOf(unordered(ratios(l.values(m), other.values(m))))
}

// ratios divides round by round, where both have a value.
func ratios(a, b map[int]float64) map[int]float64 {
	each := make(map[int]float64)
	for round, v := range a {
		if d := b[round]; d != 0 {
			each[round] = v / d
		}
	}
	return each
}

func unordered(m map[int]float64) []float64 {
	values := make([]float64, 0, len(m))
	for _, v := range m {
		values = append(values, v)
	}
	return values
}

// harm says what was lost, repeated or put out of order, a sentence for each traffic.
func (l *line) harm() (sentences []string) {
	if !l.measured.whole() {
		sentences = append(sentences, l.measured.sentence())
	}
	for _, name := range sortedKeys(l.beside) {
		if s := l.beside[name]; !s.whole() {
			sentences = append(sentences, fmt.Sprintf("of %q, which ran beside, %s", name, s.sentence()))
		}
	}
	return sentences
}

// mark is the cell beside a speed that says whether it can be believed.
func (l *line) mark() string {
	mark := l.measured.mark()
	for _, name := range sortedKeys(l.beside) {
		if s := l.beside[name]; !s.whole() {
			mark += ", " + name + ": " + s.mark()
		}
	}
	return mark
}

// has tells whether any Broker has a figure.
func (s sheet) has(m metric) bool {
	for _, l := range s.lines {
		if l.spread(m).n > 0 {
			return true
		}
	}
	return false
}
