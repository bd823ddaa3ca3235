package badger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/troupemq/troupe/persistence"
)

// ownerFile says who has the directory. It does not lock anything: a process
// that was killed leaves it behind, and the next one overwrites it.
const ownerFile = "OWNER"

// lock is the right to use a directory, for as long as the process lives.
type lock struct {
	dir  string
	file *os.File
}

// acquire takes the lock, or says who has it.
func acquire(dir, owner string) (*lock, error) {
	file, err := lockDirectory(dir)
	if errors.Is(err, errTaken) {
		return nil, fmt.Errorf("%w: %s is in use by %s; stop that first, or choose another directory", persistence.ErrLocked, dir, holder(dir))
	}
	if err != nil {
		return nil, fmt.Errorf("data directory %s cannot be locked: %w", dir, err)
	}
	text := fmt.Sprintf("process %d since %s", os.Getpid(), time.Now().Format(time.RFC3339))
	if owner != "" {
		text = owner + ", " + text
	}
	if err := os.WriteFile(filepath.Join(dir, ownerFile), []byte(text+"\n"), 0o600); err != nil {
		file.Close()
		if isFull(err) {
			return nil, fmt.Errorf("%w: data directory %s: %v", persistence.ErrNoSpace, dir, err)
		}
		return nil, fmt.Errorf("data directory %s must be writable for this process: %w", dir, err)
	}
	return &lock{dir, file}, nil
}

func (l *lock) release() error {
	return errors.Join(ignoreMissing(os.Remove(filepath.Join(l.dir, ownerFile))), l.file.Close())
}

// holder is what the owner of a directory wrote about itself.
func holder(dir string) string {
	text, err := os.ReadFile(filepath.Join(dir, ownerFile))
	if err != nil || len(text) == 0 {
		return "another process"
	}
	return strings.TrimSpace(string(text))
}

var errTaken = errors.New("somebody has it")
