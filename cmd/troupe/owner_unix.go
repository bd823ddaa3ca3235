//go:build unix

package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// mountPoint tells whether a directory is the root of a device, and so cannot be
// renamed.
func mountPoint(dir string) bool {
	at, err := os.Stat(dir)
	above, err2 := os.Stat(filepath.Dir(dir))
	if err != nil || err2 != nil {
		return false
	}
	a, ok := at.Sys().(*syscall.Stat_t)
	b, ok2 := above.Sys().(*syscall.Stat_t)
	return ok && ok2 && a.Dev != b.Dev
}

// takeOwner gives a directory the mode of another and, if this is root, it and all
// in it the owner of that, so that a broker finds its own after a repair by root.
func takeOwner(dir, like string) error {
	info, err := os.Stat(like)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	if err := os.Chmod(dir, info.Mode().Perm()); err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := os.Lchown(path, int(owner.Uid), int(owner.Gid)); err != nil {
			return fmt.Errorf("the files must belong to the user of the broker: %w", err)
		}
		return nil
	})
}
