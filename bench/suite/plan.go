package suite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/troupemq/troupe/bench"
	"github.com/troupemq/troupe/bench/nullbroker"
	"github.com/troupemq/troupe/bench/report"
)

// Plan says what is compared.
type Plan struct {
	Workloads []bench.Workload
	Brokers   []Broker // in the order of the report
	Rounds    int
	Command   string         // for the report: the command line that made it
	Options   []bench.Option // for each run

	// For tests: what measures, bench.Run if nil, and how long a failed run waits to hear that its broker died, which is then
	// the reason to tell, a second if 0.
	measure   func(context.Context, bench.Workload, bench.Target, ...bench.Option) (bench.Result, error)
	afterlife time.Duration
}

// Run makes the comparison, and tells of it by events, from the goroutine that called it. Workload by workload and round by
// round each broker has its turn; the null broker only where it can stand in for one.
//
// A run that fails is in the report with the reason, and the others are made. The error says that there is nothing to measure,
// in which case there is no report, or that ctx ended, beside a report with the runs until then.
func (p Plan) Run(ctx context.Context, tell func(Event)) (*report.Report, error) {
	if err := p.validate(); err != nil {
		return nil, fmt.Errorf("suite: %w", err)
	}
	if p.measure == nil {
		p.measure = bench.Run
	}
	if p.afterlife == 0 {
		p.afterlife = time.Second
	}
	r := &report.Report{
		Schema:    report.Schema,
		Command:   p.Command,
		Started:   time.Now(),
		Machine:   machine(),
		Rounds:    p.Rounds,
		Workloads: p.Workloads,
	}
	for _, b := range p.Brokers {
		r.Brokers = append(r.Brokers, b.Broker)
	}
	c := &comparison{plan: p, tell: tell, steps: p.steps()}
	for c.at = range c.steps {
		if ctx.Err() != nil {
			break
		}
		r.Runs = append(r.Runs, c.step(ctx))
	}
	for i, b := range r.Brokers {
		if note := c.notes[b.Name]; note != "" {
			r.Brokers[i].Notes = strings.TrimPrefix(b.Notes+"; "+note, "; ")
		}
	}
	if ctx.Err() != nil {
		r.Ended = context.Cause(ctx).Error()
		return r, fmt.Errorf("suite: ended after %d of %d runs: %w", len(r.Runs), len(c.steps), context.Cause(ctx))
	}
	return r, nil
}

// validate refuses a plan that could not be carried out, before anything is started.
func (p Plan) validate() error {
	if p.Rounds < 1 {
		return fmt.Errorf("%d rounds: there must be at least one", p.Rounds)
	}
	if len(p.Workloads) == 0 {
		return errors.New("there is no workload")
	}
	names := make(map[string]bool)
	var missing []error
	for _, b := range p.Brokers {
		if names[b.Name] {
			return fmt.Errorf("two brokers have the name %q: give one another name, so that the report can tell them apart", b.Name)
		}
		names[b.Name] = true
		if b.start == nil {
			missing = append(missing, errors.New(b.Missing))
		}
	}
	if len(missing) == len(p.Brokers) {
		return errors.Join(append([]error{errors.New("there is no broker to measure")}, missing...)...)
	}
	var wrong []error
	for _, w := range p.Workloads {
		for _, b := range p.Brokers {
			if b.start == nil {
				continue
			}
			if err := w.Preflight(b.uri, 0); err != nil {
				wrong = append(wrong, err)
				break
			}
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return err
	}
	if len(p.steps()) == 0 {
		return errors.New("there is nothing to measure: the null broker cannot stand in for a broker in any of these workloads")
	}
	return nil
}

// step is one run to make.
type step struct {
	workload bench.Workload
	round    int
	broker   Broker
}

// steps are all runs in their order.
func (p Plan) steps() (all []step) {
	for _, w := range p.Workloads {
		for round := 1; round <= p.Rounds; round++ {
			for _, b := range p.Brokers {
				if b.start != nil && !(b.Null && nullbroker.Carries(w) != nil) {
					all = append(all, step{w, round, b})
				}
			}
		}
	}
	return all
}
