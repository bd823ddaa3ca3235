//go:build unix

package password

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// takeOver gives a file the mode and the owner of the one whose place it takes,
// so that whoever could read that can read this.
func takeOver(file *os.File, before fs.FileInfo) error {
	now, err := file.Stat()
	if err != nil {
		return err
	}
	was, ok1 := before.Sys().(*syscall.Stat_t)
	is, ok2 := now.Sys().(*syscall.Stat_t)
	if ok1 && ok2 && (was.Uid != is.Uid || was.Gid != is.Gid) {
		if err := file.Chown(int(was.Uid), int(was.Gid)); err != nil {
			return fmt.Errorf("it would not belong to user %d and group %d any more; edit it as its owner or as root: %w", was.Uid, was.Gid, err)
		}
	}
	return file.Chmod(before.Mode().Perm())
}
