//go:build darwin || freebsd || linux

package machine

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// filesMost is how many files this process may have open. Go raises the soft
// limit to the hard one as it starts.
func filesMost() int64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil || uint64(limit.Cur) > 1<<40 {
		return 0
	}
	return int64(limit.Cur)
}

// deviceOf looks at the directory, or at the nearest above it that is there.
func deviceOf(dir string) (Device, bool) {
	at, err := filepath.Abs(dir)
	if err != nil {
		return Device{}, false
	}
	d := Device{Used: taken(at)}
	for {
		info, err := os.Stat(at)
		if err == nil {
			st, ok := info.Sys().(*syscall.Stat_t)
			if !ok {
				return d, false
			}
			d.ID = uint64(st.Dev)
			break
		}
		if up := filepath.Dir(at); up != at {
			at = up
			continue
		}
		return d, false
	}
	var st syscall.Statfs_t
	if syscall.Statfs(at, &st) != nil {
		return d, false
	}
	d.Size, d.Free = int64(st.Blocks)*int64(st.Bsize), int64(st.Bavail)*int64(st.Bsize)
	return d, d.Size > 0
}

// taken is what the files of a directory take.
func taken(dir string) (bytes int64) {
	_ = filepath.WalkDir(dir, func(_ string, f fs.DirEntry, err error) error {
		if err != nil || f.IsDir() {
			return nil
		}
		if info, err := f.Info(); err == nil {
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				bytes += st.Blocks * 512
			}
		}
		return nil
	})
	return bytes
}
