// Package disk tells what a directory takes of its device.
package disk

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// Usage is what all files below a directory take, in bytes; 0 for one that is not there. Files may come and go meanwhile.
func Usage(dir string) (bytes int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed in the meantime
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			bytes += allocated(info)
		}
		return err
	})
	return bytes, err
}
