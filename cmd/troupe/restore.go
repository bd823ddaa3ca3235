package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/internal/control"
	"github.com/troupemq/troupe/persistence/backup"
	"github.com/troupemq/troupe/persistence/badger"
)

func newRestore() *cobra.Command {
	var to data
	var check bool
	c := &cobra.Command{
		Use:   "restore FILE|-",
		Short: "Make a data directory of a backup",
		Long: `Restore reads a backup from FILE, or from standard input, into the data
directory, which must be empty or missing. The directory has its name once all
of the backup is in it and was read again; a restore that fails leaves nothing.
With --check the backup is read to its end, and nothing is written.`,
		Example: `  troupe restore --check backup-2026-05-01
  troupe restore -c troupe.yaml backup-2026-05-01`,
		Args: oneArgument("the file to read, or - for standard input"),
		RunE: func(c *cobra.Command, args []string) error {
			dir, config, err := to.directory(c)
			if err != nil && !check {
				return err
			}
			ctx, stop := untilSignal(c.Context())
			defer stop()
			from, name := io.NopCloser(c.InOrStdin()), "standard input"
			if args[0] != "-" {
				name = "backup file " + args[0]
				if from, err = os.Open(args[0]); err != nil {
					return fmt.Errorf("%s: %w", name, errors.Unwrap(err))
				}
			}
			defer func() { _ = from.Close() }()
			if check {
				s, err := backup.Check(untilDone(ctx, from))
				if err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				_, err = fmt.Fprintln(c.OutOrStdout(), "complete: "+backupText(s))
				return err
			}
			s, err := restore(untilDone(ctx, from), dir, config)
			if err != nil {
				return fmt.Errorf("nothing was restored from %s: %w", name, err)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s restored to %s\n", backupText(s), dir)
			return err
		},
	}
	to.addFlags(c)
	c.Flags().BoolVar(&check, "check", false, "say whether the backup is complete, and restore nothing")
	return c
}

// restore fills a directory beside dir, and gives it the name when it is whole.
func restore(from io.Reader, dir string, config configs.Config) (s backup.Summary, err error) {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	made, undo, err := standIn(dir)
	if err != nil {
		return s, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, undo())
		}
	}()
	if s, err = fill(made, from, config); err != nil {
		return s, err
	}
	if err := takeOwner(made, made); err != nil { // it was made by another user, maybe
		return s, err
	}
	if err := os.Rename(made, dir); err != nil {
		return s, fmt.Errorf("data directory %s: %w", dir, errors.Unwrap(err))
	}
	if err := syncDirectory(filepath.Dir(dir)); err != nil {
		return s, fmt.Errorf("data directory %s: %w", dir, err)
	}
	return s, nil
}

// standIn makes an empty directory beside dir, to be filled and renamed. An
// empty dir becomes that itself, so that it keeps its owner and mode. undo brings
// back what was there.
func standIn(dir string) (made string, undo func() error, err error) {
	names, err := held(dir)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case err != nil && !missing:
		return "", nil, err
	case len(names) > 0:
		return "", nil, fmt.Errorf("data directory %s is not empty, it holds %s; name one that is empty or missing, or move this one away", dir, someText(names))
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return "", nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	if made, err = os.MkdirTemp(parent, "."+filepath.Base(dir)+"-restore-*"); err != nil {
		return "", nil, fmt.Errorf("data directory %s is filled beside its place: %w", dir, err)
	}
	if missing {
		return made, func() error { return os.RemoveAll(made) }, nil
	}
	_ = os.Remove(control.Socket(dir)) // of a process that was killed
	if err := errors.Join(os.Remove(made), os.Rename(dir, made)); err != nil {
		_ = os.Remove(made)
		return "", nil, fmt.Errorf("data directory %s cannot be moved, as is so with a mount point; restore to a directory in it with --data-dir %s, and name that in data_dir: %w",
			dir, filepath.Join(dir, "troupe"), err)
	}
	return made, func() error {
		if err := empty(made); err != nil {
			return err
		}
		return os.Rename(made, dir)
	}, nil
}

// fill restores a backup and reads it again, as the instance will.
func fill(dir string, from io.Reader, config configs.Config) (backup.Summary, error) {
	o := badger.Options{MemTable: int64(config.Persistence.Memtable), MinFree: minFree(config), Owner: "troupe restore"}
	store, err := badger.Open(dir, o)
	if err != nil {
		return backup.Summary{}, err
	}
	s, err := backup.Read(from, store)
	if err = errors.Join(err, store.Close()); err != nil {
		return s, err
	}
	if store, err = badger.Open(dir, o); err != nil {
		return s, err
	}
	return s, store.Close()
}

// minFree is the configured reserve in the terms of the store, where 0 stands
// for its default.
func minFree(config configs.Config) int64 {
	if config.Persistence.MinFree == 0 {
		return -1
	}
	return int64(config.Persistence.MinFree)
}

// empty removes what is in a directory.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}

// someText names the first of several things.
func someText(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return fmt.Sprintf("%s and %d more", names[0], len(names)-1)
}
