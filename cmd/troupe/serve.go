package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/configs"
)

// errInterrupted is a shutdown that a second signal cut short.
var errInterrupted = errors.New("ended at once by a second signal; what waited for connected clients was not all delivered")

func newServe(stderr *os.File) *cobra.Command {
	var from configuration
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the broker",
		Long: `Run the broker until SIGINT or SIGTERM. It then accepts no more connections,
delivers what waits for connected clients for at most shutdown.grace_period,
tells them that it is shutting down, and ends with exit code 0. A second signal
ends it at once, with exit code 3. SIGHUP reads the configuration again: bridges
change as it says, and the log names what else would need a restart.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			config, sources, err := from.load(c)
			if err != nil {
				return err
			}
			logger, err := newLogger(config.Log, stderr, isTerminal(stderr))
			if err != nil {
				return err
			}
			for _, warning := range configs.Warnings(config, sources) {
				logger.Warn("the configuration has a danger", zap.String("key", warning.Key), zap.Stringer("source", warning.Source), zap.String("warning", warning.Text))
			}
			again := func() (configs.Config, error) {
				config, _, err := from.load(c)
				return config, err
			}
			return serve(c.Context(), config, again, logger, c.OutOrStdout())
		},
	}
	from.addFlags(c)
	return c
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

// serve runs one instance until a signal ends it. It prints to out where it
// listens and where it keeps data. again loads the configuration once more.
func serve(ctx context.Context, config configs.Config, again func() (configs.Config, error), log *zap.Logger, out io.Writer) error {
	defer fitCollector(log)()
	defer keepTidy()()
	// Before the start, so that no signal finds the default behaviour.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	hangups := make(chan os.Signal, 1) // one that comes while another is obeyed asks for one more
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)

	broker, err := troupe.New(troupe.WithConfig(config), troupe.WithLogger(log))
	if err != nil {
		return err
	}
	if err := broker.Start(ctx); err != nil {
		return err
	}
	for _, l := range config.Listeners {
		fmt.Fprintf(out, "troupe: listening on %s://%s\n", l.Transport.Scheme(), broker.Addr(l.Name))
	}
	fmt.Fprintln(out, "troupe: "+whatIsKept(config))

	for ended := false; !ended; {
		select {
		case <-broker.Done():
			return broker.Err()
		case <-hangups:
			reload(ctx, broker, again, log)
		case s := <-signals:
			log.Info("shutting down", zap.Stringer("signal", s), zap.Stringer("grace_period", config.Shutdown.GracePeriod))
			ended = true
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-signals:
			cancel(errInterrupted)
		case <-broker.Done():
		}
	}()
	if err := broker.Shutdown(ctx); err != nil {
		return context.Cause(ctx)
	}
	log.Info("shut down")
	return nil
}

// reloadMost bounds how long a reload holds up a signal to end.
const reloadMost = 10 * time.Second

// reload reads the configuration again. What is wrong with it changes nothing.
func reload(ctx context.Context, broker *troupe.Broker, again func() (configs.Config, error), log *zap.Logger) {
	config, err := again()
	if err != nil {
		log.Error("the configuration was not reloaded, all stays as it is", zap.Error(err))
		return
	}
	ctx, cancel := context.WithTimeout(ctx, reloadMost)
	defer cancel()
	restart, err := broker.Reload(ctx, config)
	if err != nil {
		log.Error("the configuration was not reloaded in whole", zap.Error(err))
		return
	}
	if len(restart) > 0 {
		log.Warn("what has changed needs a restart", zap.Strings("keys", restart))
	}
	log.Info("reloaded", zap.Int("bridges", len(config.Bridges)))
}
