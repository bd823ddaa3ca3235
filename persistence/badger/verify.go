package badger

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	library "github.com/dgraph-io/badger/v4"
	libtable "github.com/dgraph-io/badger/v4/table"

	"github.com/troupemq/troupe/persistence"
)

// verify looks for damage in a directory that the library has not opened: all
// tables that the MANIFEST names must be there and have a sound index, and, if
// all is asked for, sound blocks. It reads at the speed of the device, and knows
// nothing of what is in the logs: whatever they hold up to a torn end is used.
func verify(ctx context.Context, dir string, all bool) error {
	m, err := readManifest(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(m.Tables)) {
		name := libtable.NewFilename(id, dir)
		if err := verifyTable(ctx, name, all); err != nil {
			if errors.Is(err, errDamage) || errors.Is(err, fs.ErrNotExist) {
				return corrupt(name, err.Error())
			}
			return fmt.Errorf("reading data directory: %w", err)
		}
	}
	return nil
}

// Verify reads all tables of an open store and looks for damage, as [Open] does.
// If there is some, all calls fail from then on: a compaction could make the loss
// final.
func (s *Store) Verify(ctx context.Context) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	for _, t := range s.db.Tables() {
		name := libtable.NewFilename(t.ID, s.dir)
		err := verifyTable(ctx, name, true)
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if slices.ContainsFunc(s.db.Tables(), func(now library.TableInfo) bool { return now.ID == t.ID }) {
			return s.fail(corrupt(name, err.Error()))
		} // else it has been replaced while it was read
	}
	return nil
}

// verifyTable looks for damage in a file.
func verifyTable(ctx context.Context, name string, all bool) error {
	t, err := openTable(name)
	if err != nil {
		return err
	}
	defer t.Close()
	for i, b := range t.blocks {
		if !all {
			break
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, _, err := t.read(b); err != nil {
			return fmt.Errorf("block %d of %d: %w", i+1, len(t.blocks), err)
		}
	}
	return nil
}

// readManifest reads which tables are in use.
func readManifest(dir string) (m library.Manifest, err error) {
	name := filepath.Join(dir, library.ManifestFilename)
	f, err := os.Open(name)
	if err != nil {
		return m, err
	}
	defer f.Close()
	var head [8]byte
	if _, err := io.ReadFull(f, head[:]); err != nil || !bytes.Equal(head[:4], []byte("Bdgr")) {
		return m, corrupt(name, "it does not begin as it has to")
	}
	if binary.BigEndian.Uint16(head[4:]) != magic {
		return m, fmt.Errorf("data directory %s holds a Badger database of another program: name another directory", dir)
	}
	if found := binary.BigEndian.Uint16(head[6:]); found > libraryFormat {
		return m, fmt.Errorf("%w: %s was written by a later version of Badger (%d) than this program has (%d): use the version that wrote it or a later one",
			persistence.ErrNewer, dir, found, libraryFormat)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return m, err
	}
	defer func() {
		if p := recover(); p != nil {
			err = corrupt(name, fmt.Sprint(p))
		}
	}()
	m, read, err := library.ReplayManifestFile(f, magic, library.DefaultOptions(dir).WithLogger(nil))
	if err != nil {
		return m, corrupt(name, err.Error())
	}
	whole, err := recall(dir, read)
	if err == nil && !whole {
		err = corrupt(name, "its end is missing")
	}
	return m, err
}

// libraryFormat is what this version of the library writes in its MANIFEST.
const libraryFormat = 8
