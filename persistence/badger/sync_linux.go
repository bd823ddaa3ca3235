package badger

import (
	"errors"
	"os"
	"syscall"

	library "github.com/dgraph-io/badger/v4"
)

// flush makes the last log safe. Linux writes pages that were changed through a
// mapping like those that were written.
func flush(f *os.File, _ *library.DB) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		for {
			if failed = syscall.Fdatasync(int(fd)); !errors.Is(failed, syscall.EINTR) {
				return
			}
		}
	})
	return errors.Join(err, failed)
}
