package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/troupemq/troupe/bench"
	benchpeer "github.com/troupemq/troupe/bench/peer"
)

func newBenchList() *cobra.Command {
	var which brokers
	c := &cobra.Command{
		Use:   "list",
		Short: "List the workloads, and the brokers with what is found of them",
		Long: `List prints the workloads that come with the program, and the brokers that it
knows how to start: which are found here, in what version, and for those that
are missing what was looked for and how to get it. In the source tree it builds
those that are built from it.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			definitions, err := which.definitions()
			if err != nil {
				return err
			}
			dir, err := os.MkdirTemp("", "troupe-bench-")
			if err != nil {
				return err
			}
			defer os.RemoveAll(dir)
			t := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(t, "Workload\tKind\tWhat it asks")
			for _, w := range bench.Workloads() {
				fmt.Fprintf(t, "%s\t%s\t%s\n", w.Name, w.Kind, w.Title)
			}
			fmt.Fprintln(t, "\t\t\nBroker\tVersion\tWhere")
			for _, d := range definitions {
				p, err := d.Find(c.Context(), dir)
				missing := (*benchpeer.Missing)(nil)
				switch {
				case errors.As(err, &missing):
					fmt.Fprintf(t, "%s\tMISSING\t%s\n", d.Name, whyMissing(missing))
				case err != nil:
					return err
				case strings.HasPrefix(p.Binary, dir):
					fmt.Fprintf(t, "%s\t%s\tbuilt from this source tree\n", d.Name, p.Version)
				default:
					fmt.Fprintf(t, "%s\t%s\t%s\n", d.Name, p.Version, p.Binary)
				}
			}
			return t.Flush()
		},
	}
	which.addPeerFlags(c.Flags())
	return c
}

// whyMissing is a Missing without the name of its broker, which stands beside it.
func whyMissing(m *benchpeer.Missing) string {
	text := strings.Join(m.Tried, "; ")
	if m.Obtain != "" {
		text += "; to get it: " + m.Obtain
	}
	return text
}
