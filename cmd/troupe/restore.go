package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/troupemq/troupe/configs"
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
directory, which must be empty or missing. The files get their place once all of
the backup is in them and was read again; a restore that fails leaves nothing.
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

// restore fills a new directory, and puts it in its place when it is whole.
func restore(from io.Reader, dir string, config configs.Config) (s backup.Summary, err error) {
	made, place, err := standIn(dir)
	if err != nil {
		return s, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(made))
		}
	}()
	if s, err = fill(made, from, config); err != nil {
		return s, err
	}
	if err := place(); err != nil {
		return s, fmt.Errorf("data directory %s: %w", dir, err)
	}
	return s, nil
}

// standIn makes an empty directory to be filled, and tells how it is put in the
// place of dir. If dir is missing, that is a rename. If it is there and empty, it
// may be a mount point, or in a directory where this user may make nothing: then
// its files are made in it, one level below.
func standIn(dir string) (made string, place func() error, err error) {
	names, err := held(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		parent := filepath.Dir(dir)
		if err = os.MkdirAll(parent, 0o700); err == nil {
			made, err = os.MkdirTemp(parent, "."+filepath.Base(dir)+"-restore-*")
		}
		place = func() error { return errors.Join(os.Rename(made, dir), badger.SyncDirectory(parent)) }
	case err != nil:
		return "", nil, err
	case len(names) > 0:
		return "", nil, fmt.Errorf("data directory %s is not empty, it holds %s; name one that is empty or missing, or move this one away", dir, someText(names))
	default:
		made, err = os.MkdirTemp(dir, "restore-*")
		place = func() error {
			if err := takeOwner(made, dir); err != nil {
				return err
			}
			return moveUp(made, dir)
		}
	}
	if err != nil {
		return "", nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	return made, place, nil
}

// manifest is the file without which there is no store.
const manifest = "MANIFEST"

// moveUp moves all files of a directory into the one above it. MANIFEST is the
// last: until it is there a broker refuses the directory. After an error nothing
// was moved.
func moveUp(made, dir string) (err error) {
	files, err := held(made)
	if err != nil {
		return err
	}
	if at := slices.Index(files, manifest); at >= 0 {
		files = append(slices.Delete(files, at, at+1), manifest)
	}
	for i, name := range files {
		if err := os.Rename(filepath.Join(made, name), filepath.Join(dir, name)); err != nil {
			for _, name := range files[:i] {
				err = errors.Join(err, os.Rename(filepath.Join(dir, name), filepath.Join(made, name)))
			}
			return err
		}
	}
	return errors.Join(os.Remove(made), badger.SyncDirectory(dir))
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

// someText names the first of several things.
func someText(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return fmt.Sprintf("%s and %d more", names[0], len(names)-1)
}
