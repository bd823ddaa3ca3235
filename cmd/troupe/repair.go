package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/badger"
)

func newRepair() *cobra.Command {
	var of data
	var into string
	c := &cobra.Command{
		Use:   "repair",
		Short: "Save what can be read of a damaged data directory",
		Long: `Repair looks for damage in the data directory of a broker that does not run. If
there is any, it copies all that can be read to a directory beside it, and lists
what was lost. The copy then takes the name of the data directory, and the
damaged one is kept under another, so that nothing is made worse. A directory
that is not damaged is left alone. It needs as much room as the data takes.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			dir, config, err := of.directory(c)
			if err != nil {
				return err
			}
			if into != "" {
				if into, err = filepath.Abs(into); err != nil {
					return fmt.Errorf("--into: %w", err)
				}
			}
			return repair(dir, into, config, c.OutOrStdout())
		},
	}
	of.addFlags(c)
	c.Flags().StringVar(&into, "into", "", "`directory`, empty or missing, for the copy; the damaged one then keeps its name")
	return c
}

func repair(dir, into string, config configs.Config, out io.Writer) error {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	store, err := openStore(dir, config, false)
	if err == nil {
		if err := store.Close(); err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%s is not damaged; nothing was done\n", dir)
		return err
	}
	if !errors.Is(err, persistence.ErrCorrupt) {
		return err
	}
	damage, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "persistence: "), "; `troupe repair`")
	fmt.Fprintln(out, damage)
	swap := into == ""
	if swap {
		if mountPoint(dir) {
			return fmt.Errorf("%s is a mount point and cannot be renamed; name a directory for the copy with --into, such as %s, and then name that in data_dir", dir, filepath.Join(dir, "repaired"))
		}
		if into, err = os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+"-repair-*"); err != nil {
			return fmt.Errorf("there is no place beside %s for a copy; name another with --into: %w", dir, err)
		}
	}
	// After this the copy has the damaged one's name.
	named := dir
	if !swap {
		named = into
	}
	err = badger.Repair(dir, into, func(line string) { fmt.Fprintln(out, strings.ReplaceAll(line, into, named)) })
	if err == nil {
		err = raiseBoots(into, config)
	}
	if err == nil {
		err = takeOwner(into, dir)
	}
	if err != nil {
		if swap {
			err = errors.Join(err, os.RemoveAll(into))
		}
		return err
	}
	if !swap {
		_, err = fmt.Fprintf(out, "repaired: the copy is %s; %s is as it was\n", into, dir)
		return err
	}
	kept, err := swapIn(into, dir)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "repaired: %s is the copy; the damaged directory is kept as %s, remove it when it is of no more use\n", dir, kept)
	return err
}

// raiseBoots sees to it that the broker gives no number again that is in use,
// though the count of them may be among what was lost.
func raiseBoots(dir string, config configs.Config) error {
	store, err := openStore(dir, config, true)
	if err != nil {
		return err
	}
	return errors.Join(persistence.RaiseBoots(store), store.Close())
}

// swapIn gives a copy the name of a directory, which gets another.
func swapIn(made, dir string) (kept string, err error) {
	kept = dir + "-damaged-" + time.Now().UTC().Format("20060102-150405")
	if err := os.Rename(dir, kept); err != nil {
		return "", fmt.Errorf("%s is damaged and cannot be moved, as is so with a mount point: %w; the copy is complete in %s, name that in data_dir", dir, errors.Unwrap(err), made)
	}
	if err := os.Rename(made, dir); err != nil {
		return "", fmt.Errorf("the copy in %s is complete and cannot be moved to %s: %w", made, dir, errors.Join(errors.Unwrap(err), os.Rename(kept, dir)))
	}
	if err := badger.SyncDirectory(filepath.Dir(dir)); err != nil {
		return "", fmt.Errorf("%s: %w", filepath.Dir(dir), err)
	}
	return kept, nil
}
