package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/instances"
)

// errInterrupted is a shutdown that a second signal cut short.
var errInterrupted = errors.New("ended at once by a second signal; what waited for connected clients was not all delivered")

func newServe(stderr *os.File) *cobra.Command {
	var from configuration
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the broker, or several",
		Long: `Run the broker until SIGINT or SIGTERM. It then accepts no more connections,
delivers what waits for connected clients for at most shutdown.grace_period,
tells them that it is shutting down, and ends with exit code 0. A second signal,
more than a second after the first, ends it at once, with exit code 3. SIGHUP reads the configuration again: bridges,
certificates, users and rules change as it says, and the log names what else would
need a restart.

With several files, or a list of instances in one, it runs a broker for each.
One that fails takes no other with it, unless its supervision.on_failure says so;
the process ends with the last of them, for the reason of the first.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			all, err := from.loadToStart(c)
			if err != nil {
				return err
			}
			lines := zapcore.Lock(stderr) // of all loggers, so that no two mix
			newLog := func(c configs.Config) (*zap.Logger, error) { return newLogger(c.Log, lines, isTerminal(stderr)) }
			log, err := newLog(all[0].Config)
			if err != nil {
				return err
			}
			s := &server{all: all, log: log, out: c.OutOrStdout(), options: instances.Options{
				Log: log, Logger: newLog, Inputs: inputs(c), UntilLast: true,
			}}
			s.load = func() ([]configs.Instance, error) { return from.loadToStart(c) }
			s.options.Fits = fits(log)
			s.warn()
			return s.run(c.Context())
		},
	}
	from.addFlags(c)
	return c
}

// server runs the instances of a process until a signal ends them.
type server struct {
	all     []configs.Instance
	load    func() ([]configs.Instance, error) // reads them once more
	options instances.Options
	log     *zap.Logger
	out     io.Writer

	running *instances.Supervisor
}

func (s *server) warn() {
	warn := func(warning *configs.Problem, of zap.Field) {
		s.log.Warn("the configuration has a danger", zap.String("key", warning.Key), zap.Stringer("source", warning.Source), zap.String("warning", warning.Text), of)
	}
	for _, i := range s.all {
		for _, warning := range configs.Warnings(i.Config, i.Sources) {
			warn(warning, zap.String("instance", i.Config.Name))
		}
	}
	for _, warning := range configs.Strangers(s.all) {
		warn(warning, zap.Skip())
	}
}

func (s *server) run(ctx context.Context) (err error) {
	defer fitCollector(s.log)()
	defer keepTidy()()
	// Before the start, and until the process is gone, so that no signal finds the
	// default behaviour: one that comes late would take the exit code away.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	hangups := make(chan os.Signal, 1) // one that comes while another is obeyed asks for one more
	signal.Notify(hangups, syscall.SIGHUP)

	if s.running, err = instances.New(s.options); err != nil {
		return err
	}
	launched := make(chan error, 1)
	go func() { launched <- s.running.Launch(ctx, s.all...) }()
	// One reload at a time, beside the loop: a file that cannot be read to its end,
	// of a network that is gone, must not keep a signal from ending the process.
	reloads, reloaded := hangups, make(chan []configs.Instance, 1)
	for {
		select {
		case err := <-launched:
			if launched = nil; err != nil {
				return errors.Join(err, s.running.Shutdown(ctx))
			}
			s.announce()
		case <-s.running.Done():
			return s.running.Err()
		case <-reloads:
			reloads = nil
			all := s.all
			go func() { reloaded <- s.reload(ctx, all) }()
		case s.all = <-reloaded:
			reloads = hangups
		case sent := <-signals:
			at := time.Now()
			s.log.Info("shutting down", zap.Stringer("signal", sent), zap.Stringer("grace_period", s.grace()))
			return s.shutdown(ctx, signals, at)
		}
	}
}

// grace is how long the shutdown of all may wait for Clients.
func (s *server) grace() (longest configs.Duration) {
	for _, i := range s.all {
		longest = max(longest, i.Config.Shutdown.GracePeriod)
	}
	return longest
}

// shutdown ends all in order, or at once with a signal other than the first.
func (s *server) shutdown(ctx context.Context, signals <-chan os.Signal, first time.Time) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		if another(signals, first, time.Now, s.running.Done()) {
			cancel(errInterrupted)
		}
	}()
	if err := s.running.Shutdown(ctx); err != nil {
		return cmp.Or(context.Cause(ctx), err)
	}
	s.log.Info("shut down")
	return nil
}

// announce prints where those that run listen, and where they keep data.
func (s *server) announce() {
	list, _ := s.running.List(context.Background())
	is := make(map[string]troupe.Instance, len(list))
	for _, i := range list {
		is[i.Name] = i
	}
	for _, i := range s.all {
		now, name := is[i.Config.Name], owned(i.Config.Name, len(s.all))
		if now.State != troupe.InstanceRunning {
			continue
		}
		for _, l := range now.Listeners {
			fmt.Fprintf(s.out, "troupe: %slistening on %s://%s\n", name, configs.Transport(l.Transport).Scheme(), l.Address)
		}
		if now.MetricsAddress != "" {
			fmt.Fprintf(s.out, "troupe: %smetrics at http://%s/metrics\n", name, now.MetricsAddress)
		}
		fmt.Fprintf(s.out, "troupe: %s%s\n", name, whatIsKept(i.Config))
	}
}

// whatIsKept says where the instance keeps data, and what an acknowledgement is worth.
func whatIsKept(c configs.Config) string {
	if c.DataDir == "" {
		return "no data directory: sessions, queued and retained messages end with the process"
	}
	worth := "what is acknowledged survives a loss of power"
	switch c.Durability {
	case configs.DurabilityMemory:
		worth = fmt.Sprintf("what is acknowledged is written within %v or %s, and lost if the process is killed before",
			c.Persistence.FlushInterval, countText(int64(c.Persistence.FlushMessages), "message", "messages"))
	case configs.DurabilityProcess:
		worth = "what is acknowledged survives the end of the process, and may not survive a loss of power"
	}
	return fmt.Sprintf("data directory %s; durability %s: %s", c.DataDir, c.Durability, worth)
}

// reloadMost bounds how long a reload of all instances waits for them, and so how
// long it holds up the next.
const reloadMost = 10 * time.Second

// reload reads the configurations again, each for itself: what is wrong with one
// changes nothing there. What is new among several is launched. It returns all that
// have been launched then.
func (s *server) reload(ctx context.Context, launched []configs.Instance) []configs.Instance {
	ctx, cancel := context.WithTimeout(ctx, reloadMost)
	defer cancel()
	list, _ := s.running.List(ctx)
	known := make(map[string]bool, len(list))
	for _, i := range list {
		known[i.Name] = true
		s.reloadOne(ctx, i.Name, zap.String("instance", i.Name))
	}
	if len(launched) == 1 && launched[0].Entry == "" {
		return launched
	}
	taken := make(map[string]bool) // files of one instance, which may have another name there now
	for _, was := range launched {
		taken[was.File] = taken[was.File] || was.Entry == "" && known[was.Config.Name]
	}
	all, err := s.load()
	if err != nil {
		s.log.Error("what is new in the configuration was not looked for, since something in it is wrong", zap.Error(err))
		return launched
	}
	for _, i := range all {
		if known[i.Config.Name] || i.Entry == "" && taken[i.File] {
			continue
		}
		if err := s.running.Launch(ctx, i); err != nil && !errors.Is(err, context.DeadlineExceeded) { // then it is still starting
			s.log.Error("the new instance was not started", zap.String("instance", i.Config.Name), zap.Error(err))
			continue
		}
		s.log.Info("a new instance was started", zap.String("instance", i.Config.Name))
		launched = append(slices.DeleteFunc(slices.Clone(launched), func(was configs.Instance) bool { return was.Config.Name == i.Config.Name }), i)
	}
	return launched
}

func (s *server) reloadOne(ctx context.Context, name string, of zap.Field) {
	restart, err := s.running.Reload(ctx, name)
	if problems := (configs.Problems)(nil); errors.As(err, &problems) {
		s.log.Error("the configuration was not reloaded, all stays as it is", of, zap.Error(problems))
		return
	}
	if err != nil {
		s.log.Error("the configuration was not reloaded in whole", of, zap.Error(err))
		return
	}
	restart, renamed := apartFromName(restart)
	if len(restart) > 0 {
		s.log.Warn("what has changed needs a restart", of, zap.Strings("keys", restart))
	}
	if renamed {
		s.log.Warn("the name has changed, which needs a restart of the process", of)
	}
	s.log.Info("reloaded", of)
}
