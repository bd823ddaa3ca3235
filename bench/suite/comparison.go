package suite

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/troupemq/troupe/bench"
	"github.com/troupemq/troupe/bench/report"
)

// comparison is a Plan that is being carried out.
type comparison struct {
	plan  Plan
	tell  func(Event)
	steps []step
	at    int
	began time.Time // the present step
	took  estimates
	notes map[string]string // by broker: what went wrong beside the runs
}

// note remembers what is worth a word in the report. The last word counts: a broker that cannot be stopped never can.
func (c *comparison) note(broker string, err error) {
	if c.notes == nil {
		c.notes = make(map[string]string)
	}
	c.notes[broker] = strings.Join(strings.Fields(err.Error()), " ")
}

// step makes the present run.
func (c *comparison) step(ctx context.Context) report.Run {
	s := c.steps[c.at]
	c.began = time.Now()
	c.emit(Event{Kind: Began})
	result, err := c.measure(ctx, s)
	result.Workload, result.Target = s.workload.Name, s.broker.Name
	run := report.Run{Round: s.round, Result: result}
	if err != nil {
		// What was measured until then is shown as such; if nothing was, the run failed.
		if measured(result) {
			run.Result.Partial = err.Error()
		} else {
			run.Failed, run.Result.Partial = err.Error(), ""
		}
	}
	c.took.add(s, time.Since(c.began))
	c.emit(Event{Kind: Ended, Run: &run})
	return run
}

// measure starts the broker, has bench measure it, and stops it. A broker that dies ends the run, and is its reason.
func (c *comparison) measure(ctx context.Context, s step) (bench.Result, error) {
	c.emit(Event{Kind: Progressed, Progress: bench.Progress{Phase: Starting}})
	i, err := s.broker.start(ctx)
	if err != nil {
		return bench.Result{Started: c.began}, err
	}
	bounded, cancel := context.WithCancelCause(ctx)
	watched := make(chan error, 1)
	go func() {
		defer close(watched)
		select {
		case err := <-i.died: // never, if it is not ours
			watched <- err
			cancel(err)
		case <-bounded.Done():
		}
	}()
	options := append([]bench.Option{bench.WithProgress(func(p bench.Progress) {
		c.emit(Event{Kind: Progressed, Progress: p})
	})}, c.plan.Options...)
	result, err := c.plan.measure(bounded, s.workload, i.target, options...)
	if err != nil && ctx.Err() == nil && i.died != nil {
		// Its clients may have noticed before we did.
		late := time.NewTimer(c.plan.afterlife)
		select {
		case died, ok := <-watched:
			if ok {
				err = died
			}
		case <-late.C:
		}
		late.Stop()
	}
	cancel(nil)
	for range watched { // the watcher has ended
	}
	if stopped := i.stop(); stopped != nil && err == nil {
		c.note(s.broker.Name, stopped) // the run is as good as any
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = context.Cause(ctx)
	}
	return result, err
}

// measured tells whether there is anything in a result.
func measured(r bench.Result) bool {
	return r.Delivery != nil || r.Latency != nil || r.Memory != nil || r.Connects != nil || r.Replay != nil
}

// emit fills in where the comparison is.
func (c *comparison) emit(e Event) {
	s := c.steps[c.at]
	e.Workload, e.Broker = s.workload.Name, s.broker.Name
	e.Round, e.Rounds = s.round, c.plan.Rounds
	e.Step, e.Steps = c.at+1, len(c.steps)
	ahead := c.steps[c.at:]
	var spent time.Duration
	if e.Kind == Ended {
		ahead = ahead[1:]
	} else {
		spent = time.Since(c.began)
	}
	e.Remaining = c.took.remaining(ahead, spent)
	c.tell(e)
}
