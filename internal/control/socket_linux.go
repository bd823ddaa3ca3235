package control

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// reachFar names the file by way of its open directory, which is short however
// long the path.
func reachFar(path string, f func(name string) error) error {
	dir, err := unix.Open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: filepath.Dir(path), Err: err}
	}
	defer func() { _ = unix.Close(dir) }()
	short := fmt.Sprintf("/proc/self/fd/%d", dir)
	if _, err := os.Stat(short); err != nil {
		return tooLong(path) // there is no /proc here
	}
	return f(filepath.Join(short, filepath.Base(path)))
}
