//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package badger

import (
	"errors"
	"os"
	"syscall"
)

// lockDirectory locks the directory itself, as the library's own tools do, so
// that each keeps out the other.
func lockDirectory(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errTaken
		}
		return nil, err
	}
	return f, nil
}

// taken tells whether somebody has the lock. It asks for a shared one, so that two
// who ask at a time do not find each other.
func taken(dir string) bool {
	f, err := os.Open(dir)
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}
