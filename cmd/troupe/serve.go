package main

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/configs"
)

func newServe(stderr *os.File) *cobra.Command {
	var from configuration
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the broker",
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			config, _, err := from.load(c)
			if err != nil {
				return err
			}
			logger, err := newLogger(config.Log, stderr, isTerminal(stderr))
			if err != nil {
				return err
			}
			return serve(c.Context(), config, logger, c.OutOrStdout())
		},
	}
	from.addFlags(c)
	return c
}

// serve runs one instance until a signal ends it. It prints to out where it
// listens and where it keeps data.
func serve(_ context.Context, _ configs.Config, _ *zap.Logger, _ io.Writer) error {
	return errors.New("serve: this build holds no broker yet")
}
