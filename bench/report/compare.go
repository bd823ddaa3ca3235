package report

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/troupemq/troupe/bench"
)

// Verdict is what two Reports say about one figure.
type Verdict string

const (
	// Better and Worse: the rounds differ by more than their noise explains, and by enough to matter.
	Better Verdict = "better"
	Worse  Verdict = "WORSE"
	// Same: no difference was seen, which is not to say that there is none.
	Same Verdict = "no difference seen"
	// TooFew: so few rounds could not tell whatever they held.
	TooFew Verdict = "too few rounds"
	// Incomparable: the machines differ, and no Broker in both Reports is the same.
	Incomparable Verdict = "not comparable"
)

// Judgement is the verdict on one figure of one Broker under one Workload.
type Judgement struct {
	Workload, Broker, Metric string
	// Reference is the Broker of whose figure Old and New are multiples; empty: they are the figures themselves.
	Reference string
	Old, New  string  // medians, with their unit
	Change    float64 // of the median, as a part of the old one
	P         float64 // how likely such a difference is by chance
	Verdict   Verdict
}

// Comparison is what two Reports say about each other.
type Comparison struct {
	Terms      Terms
	Remarks    []string // what differs between the Reports besides their figures
	Judgements []Judgement
}

// Compare judges what changed from an old Report to a new one, for all that both measured.
//
// It compares the rounds of one with those of the other by the test of Mann and Whitney, which assumes nothing about how
// figures scatter. Loss, failed runs and the like need no test: what happens in the new Report alone is Worse.
func Compare(old, new *Report, terms Terms) Comparison {
	c := Comparison{Terms: terms}
	ratio := terms.By == Ratio
	if differs := old.Machine.differs(new.Machine); differs != "" {
		c.remark("the machines differ: %s", differs)
		if terms.By == Auto {
			ratio = true
			c.remark("so figures are compared as multiples of a broker's that is the same in both reports")
		}
	}
	c.versions(old, new)
	before := make(map[string]sheet)
	for _, s := range old.sheets() {
		before[s.workload.Name] = s
	}
	for _, s := range new.sheets() {
		b, ok := before[s.workload.Name]
		delete(before, s.workload.Name)
		switch {
		case !ok:
			c.remark("workload %s is in the new report alone", s.workload.Name)
		case !sameWork(b.workload, s.workload):
			c.remark("workload %s is not the same in both reports, and not compared: %s, then %s", s.workload.Name, Describe(b.workload), Describe(s.workload))
		default:
			c.sheet(b, s, ratio)
		}
	}
	for _, name := range sortedKeys(before) {
		c.remark("workload %s is in the old report alone", name)
	}
	return c
}

func (c *Comparison) remark(format string, args ...any) {
	c.Remarks = append(c.Remarks, fmt.Sprintf(format, args...))
}

// versions says which Brokers are not those of the old Report.
func (c *Comparison) versions(old, new *Report) {
	for _, b := range new.Brokers {
		a, ok := old.broker(b.Name)
		switch {
		case !ok:
			c.remark("%s is in the new report alone", b.Name)
		case a.Missing == "" && b.Missing != "":
			c.remark("%s is missing from the new report: %s", b.Name, b.Missing)
		case a.Version != b.Version && a.Missing == "":
			c.remark("%s: %s, then %s", b.Name, or(a.Version), or(b.Version))
		}
	}
	for _, a := range old.Brokers {
		if _, ok := new.broker(a.Name); !ok {
			c.remark("%s is in the old report alone", a.Name)
		}
	}
}

func (r *Report) broker(name string) (Broker, bool) {
	for _, b := range r.Brokers {
		if b.Name == name {
			return b, true
		}
	}
	return Broker{}, false
}

// differs names what of two machines is not the same. The memory that a system reports varies by a little.
func (m Machine) differs(other Machine) string {
	if m.System == other.System && m.CPU == other.CPU && m.Cores == other.Cores && max(m.Memory, other.Memory)-min(m.Memory, other.Memory) <= m.Memory/20 {
		return ""
	}
	return fmt.Sprintf("%s; then %s", m, other)
}

// sameWork tells whether two Workloads ask the same, whatever their titles.
func sameWork(a, b bench.Workload) bool {
	a.Title, b.Title = "", ""
	return reflect.DeepEqual(a, b)
}

// judged are the figures that get a verdict. Latency in a closed loop follows from the rate, and the farthest tail is noise in
// runs of seconds.
func judged(w bench.Workload) []metric {
	switch {
	case open(w):
		return []metric{metricOf("rate"), metricOf("p50"), metricOf("p99"), metricOf("cpu"), metricOf("peak")}
	case w.Kind == bench.Messages:
		return append(headline(w), metricOf("peak"))
	default:
		return headline(w)
	}
}

// sheet judges one Workload.
func (c *Comparison) sheet(old, new sheet, ratio bool) {
	for _, now := range new.lines {
		then := old.line(now.broker.Name)
		if then == nil || len(then.rounds) == 0 {
			continue
		}
		c.trouble(new.workload.Name, then, now)
		c.harm(new.workload.Name, then, now)
		for _, m := range judged(new.workload) {
			if then.spread(m).n > 0 && now.spread(m).n > 0 {
				c.figure(old, new, then, now, m, ratio)
			}
		}
	}
}

func (s sheet) line(broker string) *line {
	for _, l := range s.lines {
		if l.broker.Name == broker {
			return l
		}
	}
	return nil
}

func (c *Comparison) figure(old, new sheet, then, now *line, m metric, ratio bool) {
	j := Judgement{Workload: new.workload.Name, Broker: now.broker.Name, Metric: m.title, P: 1, Verdict: Incomparable, Old: none, New: none}
	before, after, write := then.values(m), now.values(m), m.write
	if ratio {
		if now.broker.Null {
			return // it is what others are held against
		}
		a, b := reference(old, new, now.broker.Name, m)
		switch {
		case a == nil && settled(then.broker, now.broker):
			return // nor is this one judged, that others are held against
		case a == nil:
			c.Judgements = append(c.Judgements, j)
			return
		}
		j.Reference = b.broker.Name
		before, after, write = ratios(before, a.values(m)), ratios(after, b.values(m)), times
	}
	c.Judgements = append(c.Judgements, j.decide(unordered(before), unordered(after), write, m.more, c.Terms))
}

// reference finds a Broker that is the same in both Reports and has the figure.
func reference(old, new sheet, judged string, m metric) (then, now *line) {
	for _, null := range []bool{true, false} {
		for _, now := range new.lines {
			then := old.line(now.broker.Name)
			if then == nil || now.broker.Null != null || now.broker.Name == judged {
				continue
			}
			if (null || settled(then.broker, now.broker)) && then.spread(m).n > 0 && now.spread(m).n > 0 {
				return then, now
			}
		}
	}
	return nil, nil
}

// settled tells whether a Broker is the same in both Reports: of one version, which is that of a release and says what is in it.
func settled(then, now Broker) bool {
	vague := now.Version == "" || now.Version == "unknown" || strings.Contains(now.Version, "(devel)") || strings.Contains(now.Version, "+changes")
	return !vague && then.Version == now.Version
}

// decide fills in the verdict on the values of all rounds.
func (j Judgement) decide(old, new []float64, write func(float64) string, more bool, terms Terms) Judgement {
	a, b := spreadOf(old), spreadOf(new)
	if a.n == 0 || b.n == 0 {
		return j
	}
	j.Old, j.New = write(a.median), write(b.median)
	if a.median != 0 {
		j.Change = b.median/a.median - 1
	} else if b.median != 0 {
		j.Change = 1
	}
	j.P = rankTest(old, new)
	switch {
	case likeliest(a.n, b.n) > terms.Level:
		j.Verdict = TooFew
	case j.P > terms.Level || max(j.Change, -j.Change) < terms.Least:
		j.Verdict = Same
	case (j.Change > 0) == more:
		j.Verdict = Better
	default:
		j.Verdict = Worse
	}
	return j
}

// trouble judges runs that failed or ended early: nothing of that is noise.
func (c *Comparison) trouble(workload string, then, now *line) {
	a, b := then.troubled(), now.troubled()
	if a == 0 && b == 0 {
		return
	}
	j := Judgement{Workload: workload, Broker: now.broker.Name, Metric: "failed runs", Old: count(float64(a)), New: count(float64(b)), P: 1, Verdict: Same}
	switch {
	case a == 0:
		j.Verdict = Worse
	case b == 0:
		j.Verdict = Better
	}
	c.Judgements = append(c.Judgements, j)
}

func (l *line) troubled() (runs int) {
	for _, t := range l.troubles {
		runs += len(t.rounds)
	}
	return runs
}

// harm judges what was lost, repeated, put out of order or refused, of every traffic. It needs no test where it happened in one
// Report alone.
func (c *Comparison) harm(workload string, then, now *line) {
	share := metric{title: "loss", write: percent, value: func(r bench.Result) (float64, bool) {
		var s integrity
		s.add(r)
		return s.lostShare(), s.known
	}}
	j := Judgement{Workload: workload, Broker: now.broker.Name, Metric: share.title, P: 1}
	if j, ok := j.harm(&then.measured, &now.measured); ok {
		if j.Verdict == Same {
			j = j.decide(unordered(then.values(share)), unordered(now.values(share)), share.write, false, c.Terms)
		}
		c.Judgements = append(c.Judgements, j)
	}
	for _, name := range sortedKeys(now.beside) {
		j.Metric = share.title + " of " + name
		if a := then.beside[name]; a != nil {
			if j, ok := j.harm(a, now.beside[name]); ok {
				c.Judgements = append(c.Judgements, j)
			}
		}
	}
}

func (j Judgement) harm(then, now *integrity) (_ Judgement, any bool) {
	if now.runs == 0 || then.whole() && now.whole() {
		return j, false
	}
	j.Old, j.New, j.Verdict = then.mark(), now.mark(), Same
	switch {
	case then.whole():
		j.Verdict = Worse
	case now.whole():
		j.Verdict = Better
	}
	return j, true
}
