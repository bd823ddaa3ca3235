package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/internal/auth/password"
)

// editMost is how long another who edits the file is waited for.
const editMost = 10 * time.Second

func newPasswd(stderr *os.File) *cobra.Command {
	c := &cobra.Command{
		Use:   "passwd",
		Short: "Make and edit the file of users and passwords",
		Long: `Passwd edits a file for auth.password_file: the one that --file names, or that
the configuration does. A password is asked for, twice if it is new, without being
shown; if standard input is no terminal it is the first line there. It is never an
argument, which every user of the machine could read.

The file is replaced in one step, and has mode 0600 if it is new. A running broker
takes it with SIGHUP.`,
		Args: knownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newPasswdSet(stderr), newPasswdDelete(), newPasswdList(), newPasswdCheck(stderr))
	return c
}

func newPasswdSet(stderr *os.File) *cobra.Command {
	var of users
	c := &cobra.Command{
		Use:   "set USER",
		Short: "Give a user a password; a user who is not there is added, and so is the file",
		Example: `  troupe passwd set -c troupe.yaml ann
  pwgen 20 1 | tee secret | troupe passwd set --file users ann`,
		Args: oneArgument("the name of the user"),
		RunE: func(c *cobra.Command, args []string) error {
			ctx, stop := untilSignal(c.Context())
			defer stop()
			if err := password.CheckName(args[0]); err != nil {
				return usageError{err}
			}
			file, err := of.name(c)
			if err != nil {
				return err
			}
			secret, err := askPassword(ctx, c.InOrStdin(), stderr, "Password for "+args[0]+": ", "Again: ")
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(ctx, editMost)
			defer cancel()
			added, err := password.Set(ctx, file, args[0], secret)
			if err != nil {
				return err
			}
			text := "the password of user %s is changed in %s\n"
			if added {
				text = "user %s is added to %s\n"
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), text, args[0], file)
			return err
		},
	}
	of.addFlags(c)
	return c
}

func newPasswdDelete() *cobra.Command {
	var of users
	c := &cobra.Command{
		Use:   "delete USER",
		Short: "Take a user out of the file",
		Args:  oneArgument("the name of the user"),
		RunE: func(c *cobra.Command, args []string) error {
			ctx, stop := untilSignal(c.Context())
			defer stop()
			file, err := of.name(c)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(ctx, editMost)
			defer cancel()
			if err := password.Delete(ctx, file, args[0]); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "user %s is deleted from %s\n", args[0], file)
			return err
		},
	}
	of.addFlags(c)
	return c
}

func newPasswdList() *cobra.Command {
	var of users
	c := &cobra.Command{
		Use:   "list",
		Short: "Print the names of the users, a line for each",
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			file, err := of.name(c)
			if err != nil {
				return err
			}
			all, err := password.Read(file)
			if err != nil {
				return err
			}
			for _, name := range all.Names() {
				if _, err := fmt.Fprintln(c.OutOrStdout(), name); err != nil {
					return err
				}
			}
			return nil
		},
	}
	of.addFlags(c)
	return c
}

func newPasswdCheck(stderr *os.File) *cobra.Command {
	var of users
	c := &cobra.Command{
		Use:   "check USER",
		Short: "Say whether a password is that of a user",
		Long: `Check asks for a password as set does, once, and says whether it is the user's.
Exit codes: 0 it is; 1 it is not, or there is no such user.`,
		Args: oneArgument("the name of the user"),
		RunE: func(c *cobra.Command, args []string) error {
			ctx, stop := untilSignal(c.Context())
			defer stop()
			file, err := of.name(c)
			if err != nil {
				return err
			}
			all, err := password.Read(file)
			if err != nil {
				return err
			}
			secret, err := askPassword(ctx, c.InOrStdin(), stderr, "Password of "+args[0]+": ")
			if err != nil {
				return err
			}
			switch known, right := all.Check(args[0], secret); {
			case !known:
				return fmt.Errorf("%s: user %q: %w", file, args[0], password.ErrNoUser)
			case !right:
				return fmt.Errorf("this is not the password of user %s", args[0])
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "this is the password of user %s\n", args[0])
			return err
		},
	}
	of.addFlags(c)
	return c
}

// users is a command's way to a file of users.
type users struct{ file, config, instance string }

func (u *users) addFlags(c *cobra.Command) {
	c.Flags().StringVar(&u.file, "file", "", "`file` of users, instead of the one that is configured")
	c.Flags().StringVarP(&u.config, "config", "c", "", "configuration `file` of the instance: .yaml, .yml, .toml or .json")
	c.Flags().StringVar(&u.instance, "instance", "", "`name` of the instance, if the configuration has several")
}

// name is that of the file. Of the configuration no more has to be right than is
// needed to know it.
func (u *users) name(c *cobra.Command) (string, error) {
	if u.file != "" {
		if u.config != "" || u.instance != "" {
			return "", usageError{errors.New("--file does not go with --config or --instance; leave one of them out")}
		}
		return u.file, nil
	}
	for _, flag := range []string{"file", "config"} {
		if c.Flags().Changed(flag) && (flag == "file" || u.config == "") {
			return "", usageError{fmt.Errorf("--%s names no file", flag)}
		}
	}
	var files []string
	if u.config != "" {
		files = []string{u.config}
	}
	name, err := configs.PasswordFile(files, u.instance, configs.Inputs{Environ: os.Environ()})
	if err != nil {
		return "", usageError{err}
	}
	if name == "" {
		return "", usageError{errors.New("no file of users is named; name one with --file, or a configuration with auth.password_file with -c")}
	}
	return name, nil
}
