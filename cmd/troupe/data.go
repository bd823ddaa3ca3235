package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/internal/control"
	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/badger"
)

// data is a command's way to a data directory: the configuration, of which it
// needs no more than serve does to find the directory.
type data struct {
	file     string
	instance string // empty: the only one
}

func (d *data) addFlags(c *cobra.Command) {
	d.addPlace(c)
	c.Flags().StringVar(&d.instance, "instance", "", "`name` of the instance, if the configuration has several")
}

// addPlace adds the flags of a command that needs no instance in particular.
func (d *data) addPlace(c *cobra.Command) {
	c.Flags().StringVarP(&d.file, "config", "c", "", "configuration `file` of the instance: .yaml, .yml, .toml or .json")
	c.Flags().String("data-dir", "", "data `directory` of the instance")
}

// all are the instances that are configured.
func (d *data) all(c *cobra.Command) ([]configs.Instance, error) {
	if d.file == "" && c.Flags().Changed("config") {
		return nil, usageError{errors.New("--config names no file")}
	}
	var files []string
	if d.file != "" {
		files = []string{d.file}
	}
	all, err := configs.LoadAll(files, configs.Inputs{Environ: os.Environ(), Flags: c.Flags()})
	if configs.OfFiles(err) { // certificates and users are not asked for here, and one instance may wait for its own
		err = nil
	}
	return all, err
}

// directory is the data directory of the instance, absolute, and all that is
// configured for it.
func (d *data) directory(c *cobra.Command) (string, configs.Config, error) {
	all, err := d.all(c)
	if err != nil {
		return "", configs.Config{}, err
	}
	i, err := d.pick(all)
	if err != nil {
		return "", i.Config, err
	}
	if i.Config.DataDir == "" {
		return "", i.Config, errNoDirectory(i.Config.Name, len(all))
	}
	dir, err := filepath.Abs(i.Config.DataDir)
	if err != nil {
		return "", i.Config, fmt.Errorf("data directory %s: %w", i.Config.DataDir, err)
	}
	return dir, i.Config, nil
}

// pick is the instance that is meant.
func (d *data) pick(all []configs.Instance) (configs.Instance, error) {
	names := make([]string, len(all))
	for n, i := range all {
		names[n] = i.Config.Name
	}
	if n := slices.Index(names, d.instance); n >= 0 {
		return all[n], nil
	}
	if d.instance != "" {
		return configs.Instance{}, usageError{fmt.Errorf("--instance: there is no instance %q in the configuration; there are: %s", d.instance, strings.Join(names, ", "))}
	}
	if len(all) > 1 {
		return configs.Instance{}, usageError{fmt.Errorf("%s has several instances; name one with --instance: %s", d.file, strings.Join(names, ", "))}
	}
	return all[0], nil
}

// errNoDirectory is why there is nothing to look at.
func errNoDirectory(name string, of int) error {
	if of > 1 {
		return usageError{fmt.Errorf("data_dir of instance %s is empty: it keeps nothing on disk, and has no control endpoint", name)}
	}
	return usageError{errors.New("data_dir is empty: this instance keeps nothing on disk; name a directory with --data-dir or -c")}
}

// held tells what is in a directory, save for what a process that was killed may
// have left in an empty one.
func held(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	var names []string
	for _, e := range entries {
		if !slices.Contains(append(control.Leavings(), "lost+found"), e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// openStore opens the store of an instance that does not run. Unlike the instance
// it makes none where there is none, and needs no room.
func openStore(dir string, config configs.Config, unread bool) (*opened, error) {
	names, err := held(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(names) == 0 {
		return nil, fmt.Errorf("data directory %s holds nothing; name that of an instance with --data-dir or -c", dir)
	}
	if err != nil {
		return nil, err
	}
	s, err := badger.Open(dir, badger.Options{MemTable: int64(config.Persistence.Memtable), MinFree: -1, Owner: "a command", Unread: unread})
	if errors.Is(err, persistence.ErrLocked) {
		return nil, fmt.Errorf("%w; nobody answers at %s", err, control.Socket(dir))
	}
	if err != nil {
		return nil, err
	}
	return &opened{s, dir}, nil
}

// opened is the store of an instance that does not run.
type opened struct {
	*badger.Store
	dir string
}

// Close also gives back what was made meanwhile to whom the directory belongs, or
// a broker could not start after root had a look.
func (o *opened) Close() error { return errors.Join(o.Store.Close(), takeOwner(o.dir, o.dir)) }

// interruptible is a writer that fails once a context is over.
type interruptible struct {
	ctx context.Context
	io.Writer
}

func (i interruptible) Write(p []byte) (int, error) {
	if i.ctx.Err() != nil {
		return 0, context.Cause(i.ctx)
	}
	return i.Writer.Write(p)
}

// untilDone is a reader that fails once a context is over, even while r waits for
// more, as standard input may for ever.
func untilDone(ctx context.Context, r io.Reader) io.Reader {
	out, in := io.Pipe()
	context.AfterFunc(ctx, func() { _ = in.CloseWithError(context.Cause(ctx)) })
	go func() {
		_, err := io.CopyBuffer(struct{ io.Writer }{in}, struct{ io.Reader }{r}, make([]byte, 256<<10))
		_ = in.CloseWithError(err)
	}()
	return out
}

// amountText is a number of bytes for people.
func amountText(n int64) string { return configs.Size(n).About() }

// countText is a number with its noun.
func countText(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// partsText says what is in the parts of a store, the largest first.
func partsText(parts map[persistence.Part]persistence.Amount) string {
	keys := slices.SortedFunc(func(yield func(persistence.Part) bool) {
		for part := range parts {
			if !yield(part) {
				return
			}
		}
	}, func(a, b persistence.Part) int {
		return cmp.Or(cmp.Compare(parts[b].Bytes, parts[a].Bytes), cmp.Compare(a, b))
	})
	texts := make([]string, len(keys))
	for i, part := range keys {
		texts[i] = fmt.Sprintf("%s %s", part, amountText(parts[part].Bytes))
	}
	return strings.Join(texts, ", ")
}
