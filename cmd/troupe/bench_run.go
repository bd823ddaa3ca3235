package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/troupemq/troupe/bench"
	benchpeer "github.com/troupemq/troupe/bench/peer"
	"github.com/troupemq/troupe/bench/report"
	"github.com/troupemq/troupe/bench/suite"
)

const (
	// defaultRounds are as many as compare needs for a verdict.
	defaultRounds = 5
	// generatorHeap is up to where the clients run without a garbage collector, in bytes.
	generatorHeap = 2 << 30
)

// errSignalled is work that a signal ended, which is not the shutdown of a broker.
var errSignalled = errors.New("interrupted")

// comparison is what the command line of bench asks for.
type comparison struct {
	which  brokers
	change overrides
	to     outputs
	rounds int
	quiet  bool
}

func newBenchRun(stderr *os.File, use string) *cobra.Command {
	var b comparison
	c := &cobra.Command{
		Use:   use,
		Short: "Run workloads against brokers in turn",
		Long: `Run workloads against brokers in turn, check every message, and report what it
cost. Each WORKLOAD is a name (bench list has them, all means all) or the path of
a .yaml file. Without --target and --peer it measures this binary, and the null
broker, which forwards messages and does nothing else: the ceiling of this
machine. Ctrl-C ends it and reports what was measured until then.

Exit codes: 0 done; 1 no broker could be measured, a run failed or a file could
not be written; 2 something that is not allowed, or not there; 3 ended by a
signal.`,
		Example: `  troupe bench A B G --peer troupe,mosquitto --out results
  troupe bench G --target mine=mqtt://127.0.0.1:1883 --pid 4711 --rate 20000`,
		RunE: func(c *cobra.Command, args []string) error {
			workloads, err := b.change.load(c.Flags(), args)
			if err != nil {
				return err
			}
			return b.do(c.Context(), workloads, c.OutOrStdout(), stderr)
		},
	}
	f := c.Flags()
	f.IntVar(&b.rounds, "rounds", defaultRounds, "how often each workload runs against each broker; compare needs 5")
	f.BoolVar(&b.quiet, "quiet", false, "no progress; the table alone")
	b.which.addFlags(f)
	b.change.addFlags(f)
	b.to.addFlags(f)
	return c
}

// do measures, and reports whatever came of it. All that can be wrong with the flags is found before anything is started.
func (b *comparison) do(ctx context.Context, workloads []bench.Workload, out io.Writer, stderr *os.File) error {
	if b.rounds < 1 {
		return usageError{fmt.Errorf("--rounds: %d is not allowed; allowed: 1 or more", b.rounds)}
	}
	targets, err := b.which.running()
	if err != nil {
		return err
	}
	definitions, err := b.which.chosen()
	if err != nil {
		return err
	}
	if err := b.to.check(); err != nil {
		return err
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	if err := reach(ctx, targets); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "troupe-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	plan := suite.Plan{Workloads: workloads, Rounds: b.rounds, Command: commandLine(os.Args),
		Options: []bench.Option{bench.WithoutCollector(generatorHeap), bench.WithProcessors(0)}}
	for _, t := range targets {
		plan.Brokers = append(plan.Brokers, suite.Target(t))
	}
	for _, d := range definitions {
		broker, err := find(ctx, d, dir)
		if err != nil {
			return err
		}
		plan.Brokers = append(plan.Brokers, broker)
	}
	r, err := b.measure(ctx, plan, stderr)
	if r == nil {
		return err
	}
	if written := errors.Join(r.Table(out), b.to.write(r)); written != nil {
		return written
	}
	if err != nil {
		return err
	}
	return failures(r)
}

// measure carries the plan out and shows how far it is.
func (b *comparison) measure(ctx context.Context, plan suite.Plan, stderr *os.File) (*report.Report, error) {
	if b.quiet {
		return plan.Run(ctx, func(suite.Event) {})
	}
	p := newProgress(stderr, isTerminal(stderr))
	defer p.close()
	return plan.Run(ctx, p.tell)
}

// find looks for a peer. One that is missing is no error.
func find(ctx context.Context, d benchpeer.Definition, dir string) (suite.Broker, error) {
	p, err := d.Find(ctx, dir)
	missing := (*benchpeer.Missing)(nil)
	switch {
	case errors.As(err, &missing):
		return suite.Missing(d, errors.New(whyMissing(missing))), nil
	case err != nil:
		return suite.Broker{}, err
	}
	return suite.Peer(p), nil
}

// failures is the error of a report in which runs failed.
func failures(r *report.Report) error {
	failed := 0
	for _, run := range r.Runs {
		if run.Failed != "" || run.Result.Partial != "" {
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d runs failed; the report says why", failed, len(r.Runs))
	}
	return nil
}

// untilSignal ends the context with the first signal. The second one does what signals do.
func untilSignal(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case <-signals:
			signal.Stop(signals)
			cancel(errSignalled)
		case <-done:
			signal.Stop(signals)
			cancel(nil)
		}
	}()
	return ctx, func() { close(done) }
}

// commandLine is for the report: how to do it again. A password stays out of it.
func commandLine(args []string) string {
	words := []string{"troupe"}
	for i, arg := range args[1:] {
		switch {
		case args[i] == "--password":
			arg = "***"
		case strings.HasPrefix(arg, "--password="):
			arg = "--password=***"
		case strings.ContainsAny(arg, " \t\n\"'\\$*?"):
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}
