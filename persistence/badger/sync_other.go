//go:build !linux

package badger

import (
	"os"

	library "github.com/dgraph-io/badger/v4"
)

// flush makes the last log safe: the library writes what was changed through its
// mapping, and the file's own Sync waits for the device where that makes a
// difference.
func flush(f *os.File, db *library.DB) error {
	if err := db.Sync(); err != nil || f == nil {
		return err
	}
	return f.Sync()
}
