package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/troupemq/troupe/configs"
)

func newCheck() *cobra.Command {
	var from configuration
	c := &cobra.Command{
		Use:   "check",
		Short: "Say what is wrong with a configuration, without starting anything",
		Long: `Check reads the configuration as serve would, with the environment and the flags
given here, and says all that is wrong with it, a line for each. What is allowed
and dangerous comes on standard error, as warnings. Exit codes: 0 nothing is
wrong; 2 something is.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			config, sources, err := from.load(c)
			if problems := (configs.Problems)(nil); errors.As(err, &problems) {
				return everyProblem{problems}
			}
			if err != nil {
				return err
			}
			for _, warning := range configs.Warnings(config, sources) {
				fmt.Fprintln(c.ErrOrStderr(), "troupe: warning: "+warning.Error())
			}
			checked := from.file
			if checked == "" {
				checked = "the configuration"
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), checked+" is valid")
			return err
		},
	}
	from.addFlags(c)
	return c
}

// everyProblem has a line for each of the Problems.
type everyProblem struct{ configs.Problems }

func (p everyProblem) Error() string {
	lines := make([]string, len(p.Problems))
	for i, problem := range p.Problems {
		lines[i] = problem.Error()
	}
	return strings.Join(lines, "\n")
}

func (p everyProblem) Unwrap() error { return p.Problems }
