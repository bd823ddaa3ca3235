package main

import (
	"context"
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

func newBackup(stderr *os.File) *cobra.Command {
	var from data
	c := &cobra.Command{
		Use:   "backup FILE|-",
		Short: "Write all that an instance keeps on disk to a file",
		Long: `Backup writes Sessions, queued and Retained Messages, as of one moment, to FILE,
which must not exist yet, or to standard output. A running broker makes the
backup itself, and goes on meanwhile; without one the data directory is opened
here. FILE has its name once the backup is complete and was read again; troupe
restore --check looks at one without restoring it.`,
		Example: `  troupe backup -c troupe.yaml backup-2026-05-01
  troupe backup --data-dir /var/lib/troupe - | ssh elsewhere 'cat > backup'`,
		Args: oneArgument("the file to write, or - for standard output"),
		RunE: func(c *cobra.Command, args []string) error {
			dir, config, err := from.directory(c)
			if err != nil {
				return err
			}
			ctx, stop := untilSignal(c.Context())
			defer stop()
			if args[0] != "-" {
				return backupToFile(ctx, dir, config, args[0], c.OutOrStdout())
			}
			if f, ok := c.OutOrStdout().(*os.File); ok && isTerminal(f) {
				return usageError{errors.New("a backup is not for the screen; name a file, or send standard output somewhere")}
			}
			s, err := makeBackup(ctx, dir, config, c.OutOrStdout())
			if err != nil {
				return fmt.Errorf("what was written is no backup: %w", err)
			}
			_, err = fmt.Fprintln(stderr, "troupe: "+backupText(s)+" of "+dir)
			return err
		},
	}
	from.addFlags(c)
	return c
}

func oneArgument(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usageError{fmt.Errorf("%s takes one argument, %s; %d were given", c.CommandPath(), what, len(args))}
		}
		return nil
	}
}

// backupToFile gives the file its name when all of it is there and on the disk.
func backupToFile(ctx context.Context, dir string, config configs.Config, path string, out io.Writer) (err error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = errors.New("it is there already; name another file, or remove it first")
		}
		return fmt.Errorf("backup file %s: %w", path, err)
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("backup file %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = file.Close()
			_ = os.Remove(file.Name())
		}
	}()
	s, err := makeBackup(ctx, dir, config, file)
	if err != nil {
		return fmt.Errorf("no backup was made: %w", err)
	}
	if err = errors.Join(file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("backup file %s: %w", path, err)
	}
	if err := badger.SyncDirectory(filepath.Dir(path)); err != nil {
		return fmt.Errorf("backup file %s: %w", path, err)
	}
	_, err = fmt.Fprintf(out, "%s of %s in %s\n", backupText(s), dir, path)
	return err
}

// makeBackup has the instance make the backup if it runs, and makes it else.
func makeBackup(ctx context.Context, dir string, config configs.Config, to io.Writer) (backup.Summary, error) {
	to = interruptible{ctx, to}
	client, err := control.Connect(ctx, dir)
	switch {
	case errors.Is(err, control.ErrNotRunning):
		store, err := openStore(dir, config, false)
		if err != nil {
			return backup.Summary{}, err
		}
		s, err := backup.Write(to, store)
		return s, errors.Join(err, store.Close())
	case err != nil:
		return backup.Summary{}, err
	}
	body, err := client.Backup(ctx)
	if err != nil {
		return backup.Summary{}, err
	}
	defer func() { _ = body.Close() }()
	// What arrives is read as a restore would, so that nobody has to hope.
	s, err := backup.Check(io.TeeReader(body, to))
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return s, err
}

func backupText(s backup.Summary) string {
	if s.Keys == 0 {
		return fmt.Sprintf("backup of %s without a key", amountText(s.Size))
	}
	return fmt.Sprintf("backup of %s, %s (%s), SHA-256 %x...", amountText(s.Size), countText(s.Keys, "key", "keys"), partsText(s.Parts), s.Sum[:6])
}
