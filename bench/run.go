package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/troupemq/troupe/bench/internal/client"
	"github.com/troupemq/troupe/bench/internal/process"
)

// dialers is how many connections are made at once.
const dialers = 32

// Phases of a run, in their order. Not every Kind has all.
const (
	Connecting = "connect"
	Filling    = "fill" // Retained and Queued
	Warming    = "warm-up"
	Measuring  = "measure"
	Draining   = "drain"
)

// Progress is how far a run has come.
type Progress struct {
	Phase    string
	Done, Of int64 // nanoseconds in Warming and Measuring, connections or messages else
	// Rate is of the last moment, per second: of messages, connections, or whatever is counted.
	Rate float64
}

// Option changes how Run works.
type Option func(*run)

// WithProgress has report called about ten times a second, from the goroutine that called Run. It must not take long.
func WithProgress(report func(Progress)) Option { return func(r *run) { r.report = report } }

// WithoutCollector turns Go's garbage collector off for this whole process while the run lasts, unless the heap exceeds limit
// bytes, so that the clients do not stop in the middle of a measurement. It is for a program that does nothing else.
func WithoutCollector(limit int64) Option { return func(r *run) { r.heap = limit } }

// WithProcessors lets Go use n processors while the run lasts, for this whole process; 0 stands for twice those of the machine.
// With more than there are, a client of an open loop whose time has come is put on by the system at once, and does not wait
// inside of Go until those of a flood have had their turns: its latency is the broker's then, and not the harness's.
func WithProcessors(n int) Option {
	return func(r *run) {
		if r.processors = n; n == 0 {
			r.processors = 2 * runtime.NumCPU()
		}
	}
}

// run is one call of Run.
type run struct {
	workload   Workload
	target     Target
	endpoint   client.Endpoint
	sources    int
	report     func(Progress)
	heap       int64
	processors int
	result     Result
	cancel     context.CancelCauseFunc
	peak       int64           // of the broker's resident memory
	sampled    bool            // by us, since the kernel's own cannot be reset
	enough     <-chan struct{} // ends warm-up and counted span before their time; nil: never
	patience   time.Duration   // without a message, until what is missing is lost
	lastDone   int64
	lastShown  time.Time
}

// Run does to the target what the workload says. If the run is cut short, by ctx, by a broker that goes away or by one that
// breaks the rules, the Result holds what was measured until then, with Partial set, beside the error.
//
// It raises the process's soft limit of open files to the hard one.
func Run(ctx context.Context, w Workload, t Target, opts ...Option) (Result, error) {
	r := &run{workload: w.withDefaults(), target: t, report: func(Progress) {}, patience: drainPatience}
	if w.Kind == Acknowledged {
		r.patience = ackPatience
	}
	for _, o := range opts {
		o(r)
	}
	r.result = Result{Workload: w.Name, Target: t.Name, Started: time.Now()}
	if err := w.Validate(); err != nil {
		return r.result, err
	}
	var err error
	if r.endpoint, err = client.ParseEndpoint(t.URI); err != nil {
		return r.result, err
	}
	if err := r.workload.preflight(r.endpoint, t.PID); err != nil {
		return r.result, err
	}
	if t.PID > 0 {
		if _, err := process.Used(t.PID); err != nil {
			return r.result, fmt.Errorf("what the broker uses: %w", err)
		}
	}
	if t.PID == 0 && (w.Kind == Idle || w.Kind == Queued) {
		return r.result, fmt.Errorf("workload %s asks for the broker's memory: its process must be known (Target.PID)", w.Name)
	}
	r.sources = r.workload.sources(r.endpoint)
	if r.heap > 0 {
		percent, limit := debug.SetGCPercent(-1), debug.SetMemoryLimit(r.heap)
		defer func() {
			debug.SetGCPercent(percent)
			debug.SetMemoryLimit(limit)
			debug.FreeOSMemory()
		}()
	}
	if r.processors > 0 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(r.processors))
	}
	outer := ctx
	ctx, r.cancel = context.WithCancelCause(ctx)
	defer r.cancel(nil)
	switch w.Kind {
	case Messages:
		err = r.messages(ctx)
	case Connects:
		err = r.connects(ctx)
	case Idle:
		err = r.idle(ctx)
	case Retained:
		err = r.retained(ctx)
	case Queued:
		err = r.queued(ctx)
	case Acknowledged:
		err = r.acknowledged(ctx)
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause // it is what the others are the consequence of
	}
	if err != nil {
		r.result.Partial = err.Error()
		if errors.Is(outer.Err(), context.Canceled) {
			r.result.Partial = "stopped: " + err.Error()
		}
		err = fmt.Errorf("workload %s: %w", w.Name, err)
	}
	return r.result, err
}

// dial connects client number n of the run.
func (r *run) dial(ctx context.Context, n int, o client.Options) (*client.Client, error) {
	o.Endpoint, o.TLS, o.Username, o.Password = r.endpoint, r.target.TLS, r.target.Username, r.target.Password
	if r.sources > 0 {
		o.Source = source(n, r.sources)
	}
	c, err := client.Dial(ctx, o)
	if err != nil {
		return nil, explainDial(err)
	}
	return c, nil
}

// each calls do for 0 to n-1, a bounded number at once, and reports it as a phase. It returns the first error, when all calls
// have returned.
func (r *run) each(ctx context.Context, phase string, n int, do func(ctx context.Context, i int) error) error {
	return r.together(ctx, phase, dialers, n, do)
}

// together is each with up to so many at once.
func (r *run) together(ctx context.Context, phase string, most, n int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next, done := make(chan int), make(chan struct{}, most)
	var work sync.WaitGroup
	for range min(n, most) {
		work.Go(func() {
			for i := range next {
				if err := do(ctx, i); err != nil {
					cancel(err)
				}
				done <- struct{}{}
			}
		})
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for i, finished := 0, 0; finished < n && (ctx.Err() == nil || finished < i); {
		feed := next
		if i == n || ctx.Err() != nil {
			feed = nil
		}
		select {
		case feed <- i:
			i++
		case <-done:
			finished++
		case <-tick.C:
			r.show(phase, int64(finished), int64(n), int64(finished))
		}
	}
	close(next)
	work.Wait()
	return context.Cause(ctx)
}

// show reports progress; counted is what Rate is the growth of.
func (r *run) show(phase string, done, of, counted int64) {
	now := time.Now()
	p := Progress{Phase: phase, Done: done, Of: of}
	if since := now.Sub(r.lastShown); since > 0 && counted >= r.lastDone && !r.lastShown.IsZero() {
		p.Rate = float64(counted-r.lastDone) / since.Seconds()
	}
	r.lastShown, r.lastDone = now, counted
	r.report(p)
}

// watch lets a phase pass that begins at from, and reports the growth of counted.
func (r *run) watch(ctx context.Context, phase string, c clock, from, length time.Duration, counted func() int64) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	end := time.NewTimer(c.until(int64(from + length)))
	defer end.Stop()
	r.show(phase, 0, int64(length), counted())
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-end.C:
			return nil
		case <-r.enough:
			return nil
		case <-tick.C:
		}
		r.samplePeak()
		r.show(phase, c.now()-int64(from), int64(length), counted())
	}
}
