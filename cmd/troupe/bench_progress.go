package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/troupemq/troupe/bench/suite"
)

// progress tells how far a comparison has come: a line for each run that ended and, on a terminal, bars below them.
type progress struct {
	lines io.Writer
	bars  *mpb.Progress // nil: no terminal
	runs  *mpb.Bar      // of all runs
	run   *mpb.Bar      // of the one that goes on

	mu  sync.Mutex // bars are drawn by a goroutine of their own
	now suite.Event
}

func newProgress(out *os.File, terminal bool) *progress {
	p := &progress{lines: out}
	if !terminal {
		return p
	}
	// Five pictures a second: drawing takes time from the clients.
	p.bars = mpb.New(mpb.WithOutput(out), mpb.WithWidth(80), mpb.WithRefreshRate(200*time.Millisecond), mpb.WithAutoRefresh())
	p.lines = p.bars
	text := func(say func(suite.Event) string) decor.Decorator {
		return decor.Any(func(decor.Statistics) string {
			p.mu.Lock()
			defer p.mu.Unlock()
			return say(p.now)
		})
	}
	p.run = p.bars.AddBar(0, // its total comes later, and being full does not end it
		mpb.PrependDecorators(text(func(e suite.Event) string {
			return fmt.Sprintf("%-32s %-8s", fmt.Sprintf("%s round %d %s", e.Workload, e.Round, e.Broker), e.Progress.Phase)
		})),
		mpb.AppendDecorators(text(func(e suite.Event) string { return fmt.Sprintf("%10.0f/s", e.Progress.Rate) })))
	p.runs = p.bars.AddBar(0,
		mpb.PrependDecorators(text(func(e suite.Event) string { return fmt.Sprintf("%-41s", fmt.Sprintf("run %d of %d", e.Step, e.Steps)) })),
		mpb.AppendDecorators(text(func(e suite.Event) string {
			return fmt.Sprintf("%12s", e.Remaining.Round(time.Second).String()+" left")
		})))
	return p
}

// tell takes the events of a comparison.
func (p *progress) tell(e suite.Event) {
	if e.Kind == suite.Ended {
		fmt.Fprintf(p.lines, "%s round %d %s: %s\n", e.Workload, e.Round, e.Broker, e.Run.Summary())
	}
	if p.bars == nil {
		return
	}
	p.mu.Lock()
	p.now = e
	p.mu.Unlock()
	p.run.SetTotal(max(e.Progress.Of, e.Progress.Done), false)
	p.run.SetCurrent(e.Progress.Done)
	p.runs.SetTotal(int64(e.Steps), false)
	done := e.Step - 1
	if e.Kind == suite.Ended {
		done = e.Step
	}
	p.runs.SetCurrent(int64(done))
}

// close takes the bars away and leaves the lines.
func (p *progress) close() {
	if p.bars == nil {
		return
	}
	p.run.Abort(true)
	p.runs.Abort(true)
	p.bars.Wait()
}
