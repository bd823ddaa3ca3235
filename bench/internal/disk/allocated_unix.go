//go:build unix

package disk

import (
	"io/fs"
	"syscall"
)

// allocated is what a file takes of the device, which is less than its size
// where nothing was written yet.
func allocated(info fs.FileInfo) int64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Blocks * 512
	}
	return info.Size()
}
