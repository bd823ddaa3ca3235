package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/troupemq/troupe/bench/nullbroker"
)

// newNullBroker is what the definition "null" of the peers starts.
func newNullBroker() *cobra.Command {
	var address string
	c := &cobra.Command{
		Use:    "null-broker",
		Short:  "Run the null broker of the harness, until a signal",
		Hidden: true,
		Args:   noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			l, err := net.Listen("tcp", address)
			if err != nil {
				return fmt.Errorf("null broker: %w", err)
			}
			return nullbroker.Serve(ctx, l)
		},
	}
	c.Flags().StringVar(&address, "listen", "127.0.0.1:0", "`host:port` to listen on")
	return c
}
