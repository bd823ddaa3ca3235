//go:build !darwin && !freebsd && !linux

package badger

import "io/fs"

func freeSpace(string) int64 { return -1 }

func allocated(info fs.FileInfo) int64 { return info.Size() }
