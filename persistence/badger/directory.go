package badger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	library "github.com/dgraph-io/badger/v4"
	"go.uber.org/zap"
)

// The files of a directory, by how their names end, and those with names of
// their own.
const (
	tableFile    = ".sst"  // sorted, never changed
	logFile      = ".mem"  // what is not in a table yet
	valueFile    = ".vlog" // stays empty
	registryFile = "KEYREGISTRY"
	discardFile  = "DISCARD"
	lockFile     = "LOCK"
)

// prepare makes a directory that is missing, and refuses one that is something else.
func prepare(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("data directory %s cannot be made: %w", dir, err)
		}
		return nil
	case err != nil:
		return fmt.Errorf("data directory: %w", err)
	case !info.IsDir():
		return fmt.Errorf("data directory %s is a file: name a directory, or a place where one can be made", dir)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("data directory %s must be readable for this process: %w", dir, err)
	}
	var strange string
	data := false
	for _, f := range files {
		switch name := f.Name(); {
		case name == library.ManifestFilename:
			return nil // whose it is, verify will tell
		case slices.Contains([]string{tableFile, logFile, valueFile}, filepath.Ext(name)):
			data = true
		case !slices.Contains([]string{ownerFile, lockFile, knownFile, knownFile + ".new", registryFile, discardFile, "MANIFEST-REWRITE", "REWRITE-KEYREGISTRY", "lost+found"}, name):
			strange = name
		}
	}
	switch {
	case strange != "":
		return fmt.Errorf("directory %s holds other things (%s) and no data of ours: name an empty directory, or one that does not exist", dir, strange)
	case data:
		// The library would begin a new MANIFEST, and remove all tables that are not in it.
		return corrupt(filepath.Join(dir, library.ManifestFilename), "the file is missing")
	default:
		return nil
	}
}

// sweep removes files of no length: a process that was killed between two steps
// of making or removing one leaves such files, and the library cannot open them.
// It also finds files that this process may not write to.
func sweep(dir string, log *zap.Logger) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	for _, entry := range files {
		name := filepath.Join(dir, entry.Name())
		if !entry.Type().IsRegular() {
			continue
		}
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			return fmt.Errorf("a file in the data directory must be readable and writable for this process: %w", err)
		}
		info, err := f.Stat()
		f.Close()
		if err != nil {
			return fmt.Errorf("data directory: %w", err)
		}
		if info.Size() == 0 && slices.Contains([]string{logFile, valueFile, discardFile, registryFile}, suffix(entry.Name())) {
			log.Info("removing an empty file", zap.String("file", name))
			if err := os.Remove(name); err != nil {
				return fmt.Errorf("data directory: %w", err)
			}
		}
	}
	return nil
}

// suffix is how a file's name ends, or the whole name if it has no point.
func suffix(name string) string {
	if ext := filepath.Ext(name); ext != "" {
		return ext
	}
	return name
}

// named lists the files of a directory whose names end so, in order.
func named(dir, suffix string) ([]string, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	var names []string
	for _, f := range files {
		if strings.HasSuffix(f.Name(), suffix) {
			names = append(names, filepath.Join(dir, f.Name()))
		}
	}
	return names, nil
}

// SyncDirectory makes the names of files that were made, renamed or removed in a
// directory safe from a loss of power. Not all systems can: there the names are
// in a journal, and it does nothing.
func SyncDirectory(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrInvalid) {
		return err
	}
	return nil
}
