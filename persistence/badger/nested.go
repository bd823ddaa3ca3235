package badger

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	library "github.com/dgraph-io/badger/v4"

	"github.com/troupemq/troupe/persistence"
)

// apart tells why a directory cannot be had beside those that are in use: it is
// inside of one, whose owner would find strange things there, or one is inside of it.
// What this process may not look at is not found.
func apart(dir string, o Options) error {
	real := resolved(dir)
	for at := real; at != filepath.Dir(at); {
		if at = filepath.Dir(at); owned(at) {
			return fmt.Errorf("%w: %s is inside of %s, which is in use by %s; stop that first, or choose another directory", persistence.ErrLocked, dir, at, holder(at, o.Holder))
		}
	}
	if _, err := os.Stat(filepath.Join(real, library.ManifestFilename)); err != nil {
		return nil // with anything in it prepare refuses it, and it may be large
	}
	return filepath.WalkDir(real, func(at string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() || at == real || !owned(at) {
			return nil
		}
		return fmt.Errorf("%w: %s holds %s, which is in use by %s; stop that first, or choose another directory", persistence.ErrLocked, dir, at, holder(at, o.Holder))
	})
}

// owned tells whether a directory is that of a store that is in use. Others lock
// directories too, which is no matter of ours.
func owned(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, ownerFile))
	return err == nil && taken(dir)
}

// resolved is a path without links, as far as it is there.
func resolved(path string) string {
	for at, rest := path, ""; ; at, rest = filepath.Dir(at), filepath.Join(filepath.Base(at), rest) {
		if real, err := filepath.EvalSymlinks(at); err == nil {
			return filepath.Join(real, rest)
		}
		if at == filepath.Dir(at) {
			return path
		}
	}
}
