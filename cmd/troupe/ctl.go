package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/troupemq/troupe/internal/control"
)

func newCtl() *cobra.Command {
	c := &cobra.Command{
		Use:   "ctl",
		Short: "Talk to a running broker",
		Long:  "Ctl asks the broker of a data directory, on this machine, and tells it what to do.",
		Args:  knownCommand,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newCtlBridge(), newCtlInstance())
	return c
}

func newCtlBridge() *cobra.Command {
	c := &cobra.Command{
		Use:   "bridge",
		Short: "Look after the bridges of a running broker",
		Args:  knownCommand,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newBridgeList(),
		newBridgeOrder("pause", "Close the link of a bridge and leave it closed",
			"The bridge goes on to take messages, which wait for the upstream."),
		newBridgeOrder("resume", "Let a bridge that is paused or drained go on", ""),
		newBridgeOrder("switch", "Go to another upstream now",
			"Without --to it is the next one. The link that is there is left once the other is fully connected, and what is in flight completed."),
		newBridgeOrder("drain", "Take no more messages, and wait until all that wait are acknowledged",
			"The bridge is then idle until it is resumed. An interrupt ends the waiting and not the draining."))
	return c
}

func newBridgeList() *cobra.Command {
	var of data
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "Say how the bridges are",
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, stop := untilSignal(c.Context())
			defer stop()
			client, err := of.connect(c)
			if err != nil {
				return err
			}
			bridges, err := client.Bridges(ctx)
			if err != nil {
				return err
			}
			if asJSON {
				e := json.NewEncoder(c.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(bridges)
			}
			return writeBridges(c.OutOrStdout(), bridges, time.Now())
		},
	}
	of.addFlags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON list")
	return c
}

func newBridgeOrder(action, short, long string) *cobra.Command {
	var of data
	var to string
	c := &cobra.Command{
		Use:   action + " bridge",
		Short: short,
		Long:  strings.TrimSpace(short + ". " + long),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{errors.New("name one bridge; troupe ctl bridge list says which there are")}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			ctx, stop := untilSignal(c.Context())
			defer stop()
			client, err := of.connect(c)
			if err != nil {
				return err
			}
			return client.Order(ctx, control.Order{Bridge: args[0], Action: action, To: to})
		},
	}
	of.addFlags(c)
	if action == "switch" {
		c.Flags().StringVar(&to, "to", "", "the `upstream`, as the list names it")
	}
	return c
}

// connect finds the broker of a data directory.
func (d *data) connect(c *cobra.Command) (*control.Client, error) {
	dir, _, err := d.directory(c)
	if err != nil {
		return nil, err
	}
	return control.Connect(c.Context(), dir)
}

// writeBridges says for people how bridges are.
func writeBridges(out io.Writer, bridges []control.Bridge, now time.Time) error {
	if len(bridges) == 0 {
		_, err := fmt.Fprintln(out, "there are no bridges")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i, b := range bridges {
		if i > 0 {
			fmt.Fprintln(w)
		}
		state := b.State
		if b.Upstream != "" {
			state += " " + b.Upstream
		}
		if b.Since != nil {
			state += " for " + now.Sub(*b.Since).Round(time.Second).String()
		}
		fmt.Fprintf(w, "%s\t%s\n", b.Name, state)
		waits := countText(b.Queued, "message", "messages") + ", " + amountText(b.QueuedBytes)
		if b.Spooled > 0 {
			waits += fmt.Sprintf(", %d on disk alone", b.Spooled)
		}
		if b.QueuedAge > 0 {
			waits += ", the oldest for " + time.Duration(b.QueuedAge*float64(time.Second)).Round(time.Second).String()
		}
		if b.Strained {
			waits += "; publishers are slowed down"
		}
		fmt.Fprintf(w, "  waiting\t%s\n", waits)
		fmt.Fprintf(w, "  in flight\t%d\n", b.Inflight)
		fmt.Fprintf(w, "  forwarded\t%d, %d more again\n", b.Forwarded, b.Resent)
		fmt.Fprintf(w, "  received\t%d\n", b.Received)
		if text := droppedText(b.Dropped); text != "" {
			fmt.Fprintf(w, "  dropped\t%s\n", text)
		}
		fmt.Fprintf(w, "  switches\t%d, %s\n", b.Switches, countText(b.Retries, "attempt", "attempts"))
		if b.Error != "" {
			fmt.Fprintf(w, "  last error\t%s%s\n", agoText(b.ErrorAt, now), b.Error)
		}
		for _, u := range b.Upstreams {
			text := u.State
			if u.RetryAt != nil && u.RetryAt.After(now) {
				text += ", again in " + u.RetryAt.Sub(now).Round(time.Second).String()
			}
			if u.Error != "" {
				text += ": " + u.Error
			}
			fmt.Fprintf(w, "  %s\t%s\n", u.Name, text)
		}
	}
	return w.Flush()
}

// agoText says how long ago something was, in front of it; nothing if that is not known.
func agoText(at *time.Time, now time.Time) string {
	if at == nil {
		return ""
	}
	return now.Sub(*at).Round(time.Second).String() + " ago: "
}

// droppedText says what was dropped and why, the most first.
func droppedText(dropped map[string]int64) string {
	reasons := slices.SortedFunc(maps.Keys(dropped), func(a, b string) int {
		return cmp.Or(cmp.Compare(dropped[b], dropped[a]), cmp.Compare(a, b))
	})
	var texts []string
	for _, reason := range reasons {
		if n := dropped[reason]; n > 0 {
			texts = append(texts, fmt.Sprintf("%d %s", n, reason))
		}
	}
	return strings.Join(texts, ", ")
}
