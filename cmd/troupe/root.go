package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/troupemq/troupe/configs"
)

// The exit codes, as the help of the root command tells them.
const (
	exitDone    = 0
	exitFailure = 1 // it was tried and went wrong: a busy port, say
	exitUsage   = 2 // a command, flag or configuration that is not allowed: nothing was tried
	exitCut     = 3 // a second signal ended the shutdown before it was complete, or the first another command
)

// run runs one command line and gives its exit code. An error is one line.
func run(args []string, stdout io.Writer, stderr *os.File) int {
	root := newRoot(stderr)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	if err == nil {
		return exitDone
	}
	text := err.Error()
	for _, name := range []string{"troupe: ", "suite: ", "peer: ", "backup: ", "persistence: "} { // the packages whose errors begin with their names
		text = strings.NewReplacer(": "+name, ": ", "\n"+name, "\n").Replace(strings.TrimPrefix(text, name))
	}
	fmt.Fprintln(stderr, "troupe: "+strings.ReplaceAll(text, "\n", "\ntroupe: "))
	var wrong usageError
	var problems configs.Problems
	if errors.As(err, &wrong) || errors.As(err, &problems) {
		return exitUsage
	}
	if errors.Is(err, errInterrupted) || errors.Is(err, errSignalled) {
		return exitCut
	}
	return exitFailure
}

func newRoot(stderr *os.File) *cobra.Command {
	root := &cobra.Command{
		Use:   "troupe",
		Short: "An MQTT broker",
		Long: `TroupeMQ is a broker for MQTT 3.1, 3.1.1 and 5.0.

Exit codes: 0 done; 1 failed, as with a port that is taken; 2 a command, flag or
configuration that is not allowed; 3 ended by a second signal before the
shutdown was complete, or another command than serve by its first.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          knownCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		if c.HasSubCommands() { // the flag may be of a command that does not exist
			if wrong := c.ValidateArgs(c.Flags().Args()); wrong != nil {
				return wrong
			}
		}
		return usageError{err}
	})
	root.AddCommand(newServe(stderr), newCheck(), newConfig(), newBackup(stderr), newRestore(), newStorage(), newRepair(), newCtl(), newPasswd(stderr), newBench(stderr), newVersion())
	return root
}

// usageError is a command line that is not allowed.
type usageError struct{ error }

// knownCommand refuses arguments of a command that only has commands below it.
func knownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := "; run " + c.CommandPath() + " --help"
	c.SuggestionsMinimumDistance = 2 // letters that differ; cobra's zero finds only beginnings
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "; did you mean " + near[0] + "?"
	}
	return usageError{fmt.Errorf("unknown command %q%s", args[0], hint)}
}

func noArguments(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError{fmt.Errorf("%s takes no arguments, only flags: %q", c.CommandPath(), args[0])}
}

// configuration is a command's way to the configurations of instances: its flags,
// the environment, the files that -c names.
type configuration struct{ files []string }

func (f *configuration) addFlags(c *cobra.Command) {
	c.Flags().StringArrayVarP(&f.files, "config", "c", nil, "configuration `file`: .yaml, .yml, .toml or .json (may be repeated: an instance each)")
	configs.AddFlags(c.Flags())
}

// load reads all of them. Of several, the error has a line for each thing that is
// wrong.
func (f *configuration) load(c *cobra.Command) ([]configs.Instance, error) {
	return f.loadWith(c, configs.LoadAll)
}

// loadToStart is load for serve, which leaves to the start of an instance what it is
// judged for alone.
func (f *configuration) loadToStart(c *cobra.Command) ([]configs.Instance, error) {
	return f.loadWith(c, configs.LoadToStart)
}

func (f *configuration) loadWith(c *cobra.Command, loadAll func([]string, configs.Inputs) ([]configs.Instance, error)) ([]configs.Instance, error) {
	if slices.Contains(f.files, "") {
		return nil, usageError{errors.New("--config names no file")}
	}
	all, err := loadAll(f.files, inputs(c))
	if problems := (configs.Problems)(nil); errors.As(err, &problems) && several(f.files, all) {
		return nil, problems.Lines()
	}
	return all, err
}

// several tells whether more than one instance is configured, or may be.
func several(files []string, all []configs.Instance) bool {
	return len(files) > 1 || len(all) > 0 && all[0].Entry != ""
}

func inputs(c *cobra.Command) configs.Inputs {
	return configs.Inputs{Environ: os.Environ(), Flags: c.Flags()}
}
