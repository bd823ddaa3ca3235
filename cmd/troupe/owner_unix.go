//go:build unix

package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// takeOwner gives a directory and all in it the owner and mode of another, so
// that a broker finds its own after somebody else, such as root, did a repair.
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
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		now, err := d.Info()
		if err != nil {
			return err
		}
		if at, ok := now.Sys().(*syscall.Stat_t); ok && at.Uid == owner.Uid && at.Gid == owner.Gid {
			return nil
		}
		if err := os.Lchown(path, int(owner.Uid), int(owner.Gid)); err != nil {
			return fmt.Errorf("the files must belong to the user of the broker: %w", err)
		}
		return nil
	})
}
