package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/internal/control"
)

func newCtlInstance() *cobra.Command {
	c := &cobra.Command{
		Use:   "instance",
		Short: "Look after the instances of a running process",
		Long: `Instance asks any instance of the process for all of them, and has one started,
stopped, reloaded or removed while the others go on. Of a configuration file with several
instances, any that answers will do.`,
		Args: knownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newInstanceList(), newInstanceStart(), newInstanceStop(), newInstanceReload(), newInstanceAdd(), newInstanceRemove())
	return c
}

func newInstanceList() *cobra.Command {
	var asJSON bool
	c := instanceCommand("list", "Say how the instances are", "Those that do not run are in the list too.", noArguments,
		func(ctx context.Context, client *control.Client, out io.Writer, _ string) error {
			all, err := client.Instances(ctx)
			if err != nil {
				return err
			}
			if asJSON {
				e := json.NewEncoder(out)
				e.SetIndent("", "  ")
				return e.Encode(all)
			}
			return writeInstances(out, all, time.Now())
		})
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON list")
	return c
}

func newInstanceStart() *cobra.Command {
	return instanceCommand("start instance", "Start an instance that is stopped, failed or waiting",
		`It returns when the instance runs. Its configuration is the one that was read last:
if the file has changed since then, reload the instance first.`, oneInstance,
		func(ctx context.Context, client *control.Client, _ io.Writer, name string) error {
			return client.Start(ctx, name)
		})
}

func newInstanceStop() *cobra.Command {
	return instanceCommand("stop instance", "Stop an instance, and keep it stopped",
		`It returns when the instance has ended, as after a signal: what waits for connected
Clients is delivered, for at most its shutdown.grace_period. If no other instance
can be asked than the one that is to stop, it returns when that has begun, and
says so. The process ends with its last instance.`, oneInstance,
		func(ctx context.Context, client *control.Client, out io.Writer, name string) error {
			i, err := client.Stop(ctx, name)
			if err == nil && i.State == control.InstanceStopping {
				_, err = fmt.Fprintf(out, "instance %s is stopping\n", name)
			}
			return err
		})
}

func newInstanceReload() *cobra.Command {
	return instanceCommand("reload instance", "Have an instance read its configuration again",
		"It says what has changed and needs a restart of the instance. If something is wrong with the configuration nothing changes.", oneInstance,
		func(ctx context.Context, client *control.Client, out io.Writer, name string) error {
			restart, err := client.Reload(ctx, name)
			if err != nil {
				return err
			}
			restart, renamed := apartFromName(restart)
			if len(restart) > 0 {
				_, err = fmt.Fprintf(out, "what has changed here needs a restart of the instance: %s\n", strings.Join(restart, ", "))
			}
			if renamed {
				_, err = fmt.Fprintf(out, "the name has changed, which needs a restart of the process: until then the instance is %s\n", name)
			}
			return err
		})
}

func newInstanceAdd() *cobra.Command {
	return instanceCommand("add file", "Start the instances of another configuration file",
		`It says their names. They are not there any more when the process is started again
without that file.`, oneArgument("the configuration file to add"),
		func(ctx context.Context, client *control.Client, out io.Writer, file string) error {
			path, err := filepath.Abs(file) // the broker may have another working directory
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			names, err := client.Add(ctx, path)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(out, strings.Join(names, "\n"))
			return err
		})
}

func newInstanceRemove() *cobra.Command {
	var stop bool
	c := instanceCommand("remove instance", "Take an instance that is stopped or has failed out of the process",
		`What it keeps stays where it is, and so does its configuration: if the process was
started with that, the next SIGHUP or start brings the instance back, so take it out
there first. One that runs is refused, unless it is to be stopped before that.`, oneInstance,
		func(ctx context.Context, client *control.Client, out io.Writer, name string) error {
			if stop {
				if err := stopFirst(ctx, client, name); err != nil {
					return err
				}
			}
			i, err := client.Remove(ctx, name)
			if err != nil {
				return err
			}
			if i.DataDir != "" {
				_, err = fmt.Fprintf(out, "what instance %s keeps is still in %s\n", name, i.DataDir)
			}
			if i.ConfigFile != "" {
				_, err = fmt.Fprintf(out, "if it is still in %s, and the process was started with that, the next SIGHUP or start brings it back\n", i.ConfigFile)
			}
			return err
		})
	c.Flags().BoolVar(&stop, "stop", false, "stop it first, if it is not stopped")
	return c
}

// stopFirst stops an instance, if it runs or is going to.
func stopFirst(ctx context.Context, client *control.Client, name string) error {
	all, err := client.Instances(ctx)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(all, func(i control.Instance) bool { return i.Name == name })
	if at < 0 || all[at].State == control.InstanceStopped || all[at].State == control.InstanceFailed {
		return nil // whether it is there is said by who removes it
	}
	i, err := client.Stop(ctx, name)
	if err == nil && i.State == control.InstanceStopping {
		err = fmt.Errorf("instance %s is stopping, and not removed: no other instance answers that could do it; if others run, name one of them", name)
	}
	return err
}

// apartFromName are the keys that need a restart of an instance, and whether its
// name has changed, which no restart of it alone brings about.
func apartFromName(restart []string) (rest []string, renamed bool) {
	rest = slices.DeleteFunc(slices.Clone(restart), func(key string) bool { return key == "name" })
	return rest, len(rest) < len(restart)
}

func oneInstance(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError{errors.New("name one instance; troupe ctl instance list says which there are")}
	}
	return nil
}

// instanceCommand is one that finds a process and asks it something.
func instanceCommand(use, short, long string, args cobra.PositionalArgs, ask func(ctx context.Context, client *control.Client, out io.Writer, argument string) error) *cobra.Command {
	var of data
	c := &cobra.Command{
		Use:   use,
		Short: short,
		Long:  short + ".\n\n" + long,
		Args:  args,
		RunE: func(c *cobra.Command, args []string) error {
			ctx, stop := untilSignal(c.Context())
			defer stop()
			all, err := of.all(c)
			if err != nil {
				return err
			}
			argument := strings.Join(args, "")
			client, err := connectAny(ctx, all, argument)
			if err != nil {
				return err
			}
			return ask(ctx, client, c.OutOrStdout(), argument)
		},
	}
	of.addPlace(c)
	return c
}

// connectAny finds one of several instances that answers; the one named last is
// asked if there is no other, since it may be what is to stop.
func connectAny(ctx context.Context, all []configs.Instance, last string) (*control.Client, error) {
	var order, end []configs.Instance
	for _, i := range all {
		if i.Config.DataDir == "" {
			continue
		}
		if i.Config.Name == last {
			end = append(end, i)
			continue
		}
		order = append(order, i)
	}
	if order = append(order, end...); len(order) == 0 {
		return nil, errNoDirectory(all[0].Config.Name, len(all))
	}
	var silent, failed []error
	for _, i := range order {
		dir, err := filepath.Abs(i.Config.DataDir)
		if err != nil {
			return nil, fmt.Errorf("data directory %s: %w", i.Config.DataDir, err)
		}
		client, err := control.Connect(ctx, dir)
		switch {
		case err == nil:
			return client, nil
		case errors.Is(err, control.ErrNotRunning):
			silent = append(silent, err)
		default:
			failed = append(failed, err)
		}
	}
	if len(failed) > 0 {
		return nil, failed[0]
	}
	if len(silent) > 1 {
		return nil, fmt.Errorf("none of %d instances answers: %w; and so on", len(silent), silent[0])
	}
	return nil, silent[0]
}

// writeInstances says for people how instances are.
func writeInstances(out io.Writer, all []control.Instance, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for n, i := range all {
		if n > 0 {
			fmt.Fprintln(w)
		}
		state := string(i.State)
		if !i.Since.IsZero() {
			state += " for " + now.Sub(i.Since).Round(time.Second).String()
		}
		if i.RetryAt != nil && i.RetryAt.After(now) {
			state += ", again in " + i.RetryAt.Sub(now).Round(time.Second).String()
		}
		fmt.Fprintf(w, "%s\t%s\n", i.Name, state)
		for _, l := range i.Listeners {
			address := l.Address
			if address == "" {
				address = "closed"
			}
			fmt.Fprintf(w, "  listener %s\t%s %s\n", l.Name, l.Transport, address)
		}
		if i.MetricsAddress != "" {
			fmt.Fprintf(w, "  metrics\thttp://%s/metrics\n", i.MetricsAddress)
		}
		fmt.Fprintf(w, "  connections\t%d\n", i.Connections)
		if i.Restarts > 0 {
			fmt.Fprintf(w, "  restarts\t%d\n", i.Restarts)
		}
		if i.Error != "" {
			fmt.Fprintf(w, "  last error\t%s%s\n", agoText(i.ErrorAt, now), i.Error)
		}
		for _, s := range i.Shares {
			if s.Limit == 0 && s.Name != "session.total.max_messages" && s.Name != "retained.max_messages" {
				continue // not bounded: the list is long enough
			}
			fmt.Fprintf(w, "  %s\t%s\n", s.Name, shareText(s))
		}
		if i.DataDir != "" {
			fmt.Fprintf(w, "  data directory\t%s\n", i.DataDir)
		}
		if i.ConfigFile != "" {
			fmt.Fprintf(w, "  configuration\t%s\n", i.ConfigFile)
		}
	}
	return w.Flush()
}

// shareText is what is used of a share, for people.
func shareText(s control.InstanceShare) string {
	amount := func(n float64) string {
		switch s.Unit {
		case "bytes":
			return amountText(int64(n))
		case "bytes/s":
			return amountText(int64(n)) + "/s"
		}
		return fmt.Sprintf("%.0f %s", n, s.Unit)
	}
	text := amount(s.Used)
	if s.Limit > 0 {
		text = strings.TrimSuffix(text, " "+s.Unit) + " of " + amount(s.Limit)
	}
	if s.Reached != nil && *s.Reached > 0 {
		text += ", reached " + countText(*s.Reached, "time", "times")
	}
	return text
}
