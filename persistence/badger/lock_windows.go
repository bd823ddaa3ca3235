package badger

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// lockDirectory opens a file that nobody else can open meanwhile, and that is
// gone when it is closed, by whatever end of the process.
func lockDirectory(dir string) (*os.File, error) {
	const deleteOnClose = 0x04000000
	const sharingViolation = syscall.Errno(32)
	name, err := syscall.UTF16PtrFromString(filepath.Join(dir, lockFile))
	if err != nil {
		return nil, err
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil,
		syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL|deleteOnClose, 0)
	if errors.Is(err, sharingViolation) {
		return nil, errTaken
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(h), lockFile), nil
}

// taken tells whether somebody has the lock.
func taken(dir string) bool {
	f, err := lockDirectory(dir)
	if err == nil {
		f.Close()
	}
	return errors.Is(err, errTaken)
}
