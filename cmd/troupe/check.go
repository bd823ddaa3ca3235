package main

import (
	"errors"
	"fmt"
	"io"
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
and dangerous comes on standard error, as warnings. Of several instances it also
says what two of them both want. Exit codes: 0 nothing is wrong; 2 something is.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			all, err := from.load(c)
			if problems := (configs.Problems)(nil); errors.As(err, &problems) {
				return problems.Lines()
			}
			if err != nil {
				return err
			}
			for _, i := range all {
				for _, warning := range configs.Warnings(i.Config, i.Sources) {
					fmt.Fprintln(c.ErrOrStderr(), "troupe: warning: "+owned(i.Config.Name, len(all))+warning.Error())
				}
			}
			for _, text := range strains(all) {
				fmt.Fprintln(c.ErrOrStderr(), "troupe: warning: on this machine: "+text)
			}
			for _, warning := range configs.Strangers(all) {
				fmt.Fprintln(c.ErrOrStderr(), "troupe: warning: "+warning.Error())
			}
			return printValid(c.OutOrStdout(), from.files, all)
		},
	}
	from.addFlags(c)
	return c
}

// printValid says that nothing is wrong, and with what.
func printValid(out io.Writer, files []string, all []configs.Instance) error {
	checked, are := "the configuration", "is"
	if len(files) > 0 {
		checked = strings.Join(files, ", ")
	}
	if len(files) > 1 {
		are = "are"
	}
	valid := "valid"
	if len(all) > 1 {
		names := make([]string, len(all))
		for n, i := range all {
			names[n] = i.Config.Name
		}
		valid = fmt.Sprintf("valid: %d instances, %s", len(all), strings.Join(names, ", "))
	}
	_, err := fmt.Fprintf(out, "%s %s %s\n", checked, are, valid)
	return err
}

// owned is what a line begins with that is about one of several instances.
func owned(name string, of int) string {
	if of < 2 {
		return ""
	}
	return name + ": "
}
