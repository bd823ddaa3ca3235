package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/troupemq/troupe/configs"
)

func newConfig() *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Look at the configuration",
		Args:  knownCommand,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newConfigPrint())
	return c
}

func newConfigPrint() *cobra.Command {
	var from configuration
	var format string
	c := &cobra.Command{
		Use:   "print",
		Short: "Print what applies, with the source of every value",
		Long: `Print shows the configuration that serve would run with, given this file,
environment and flags. As YAML it is a valid configuration file with the source
of every value as a comment; as JSON an object with config and sources.
Several instances are a list in either. Passwords are shown as ***.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			write := configs.WriteAllYAML
			switch format {
			case "yaml":
			case "json":
				write = configs.WriteAllJSON
			default:
				return usageError{fmt.Errorf("--format: %q is not allowed; allowed: yaml, json", format)}
			}
			all, err := from.load(c)
			if err != nil {
				return err
			}
			return write(c.OutOrStdout(), all)
		},
	}
	from.addFlags(c)
	c.Flags().StringVar(&format, "format", "yaml", "yaml or json")
	return c
}
