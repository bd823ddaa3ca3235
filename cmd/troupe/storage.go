package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/internal/control"
)

func newStorage() *cobra.Command {
	var of data
	var asJSON bool
	c := &cobra.Command{
		Use:   "storage",
		Short: "Say what uses the space in a data directory",
		Long: `Storage says how much an instance has on disk and in memory, and what it is. It
asks the broker if it runs, and reads the data directory else. Parts are counted
as they were written; files also hold what is out of date and not yet removed.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			dir, config, err := of.directory(c)
			if err != nil {
				return err
			}
			ctx, stop := untilSignal(c.Context())
			defer stop()
			s, err := storage(ctx, dir, config)
			if err != nil {
				return err
			}
			if asJSON {
				e := json.NewEncoder(c.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(s)
			}
			return writeStorage(c.OutOrStdout(), s)
		},
	}
	of.addFlags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return c
}

// storage asks the instance, and reads its directory if it does not run.
func storage(ctx context.Context, dir string, config configs.Config) (control.Storage, error) {
	client, err := control.Connect(ctx, dir)
	if err == nil {
		return client.Storage(ctx)
	}
	if !errors.Is(err, control.ErrNotRunning) {
		return control.Storage{}, err
	}
	store, err := openStore(dir, config, true)
	if err != nil {
		return control.Storage{}, err
	}
	usage, err := store.Usage()
	if err = errors.Join(err, store.Close()); err != nil {
		return control.Storage{}, err
	}
	return control.Storage{
		Instance: config.Name, Version: troupe.Version(), DataDir: dir, Durability: string(config.Durability), Usage: control.UsageOf(usage),
	}, nil
}

func writeStorage(out io.Writer, s control.Storage) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	state := "not running"
	if s.Running {
		state = "running, durability " + s.Durability
	}
	fmt.Fprintf(w, "instance\t%s, %s\n", s.Instance, state)
	if s.Trouble != "" {
		fmt.Fprintf(w, "trouble\t%s\n", s.Trouble)
	}
	fmt.Fprintf(w, "data directory\t%s\n", s.DataDir)
	fmt.Fprintf(w, "on disk\t%s\n", amountText(s.Usage.Disk))
	if s.Usage.Free >= 0 {
		fmt.Fprintf(w, "free there\t%s\n", amountText(s.Usage.Free))
	}
	if s.Running {
		fmt.Fprintf(w, "in memory\t%s\n", amountText(s.Usage.Memory))
	}
	if c := s.Counts; c != nil {
		fmt.Fprintf(w, "sessions\t%d, %d connected, %s\n", c.Sessions, c.Connected, countText(c.Subscriptions, "subscription", "subscriptions"))
		fmt.Fprintf(w, "queued\t%s, %s\n", countText(c.QueuedMessages, "message", "messages"), amountText(c.QueuedBytes))
		fmt.Fprintf(w, "retained\t%s, %s\n", countText(c.RetainedMessages, "message", "messages"), amountText(c.RetainedBytes))
	}
	if err := w.Flush(); err != nil || len(s.Usage.Parts) == 0 {
		return err
	}
	w = tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "\nkeys\tsize\t  of\n")
	for _, p := range s.Usage.Parts {
		fmt.Fprintf(w, "%d\t%s\t  %s\n", p.Keys, amountText(p.Bytes), p.Name)
	}
	return w.Flush()
}
