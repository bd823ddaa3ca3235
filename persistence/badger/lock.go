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
func acquire(dir string, o Options) (*lock, error) {
	file, err := lockDirectory(dir)
	if errors.Is(err, errTaken) {
		return nil, inUse(dir, o)
	}
	if err != nil {
		return nil, fmt.Errorf("data directory %s cannot be locked: %w", dir, err)
	}
	text := fmt.Sprintf("process %d since %s", os.Getpid(), time.Now().Format(time.RFC3339))
	if o.Owner != "" {
		text = o.Owner + ", " + text
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

// InUse tells whether Open would find the directory in use, or one that it is inside of or that is inside of it: its error is then the
// same, an [persistence.ErrLocked]. Nothing is changed, and a directory that is missing is not made.
func InUse(dir string, o Options) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if info, err := os.Stat(dir); err == nil && info.IsDir() && taken(dir) {
		return inUse(dir, o)
	}
	return apart(dir, o)
}

func inUse(dir string, o Options) error {
	return fmt.Errorf("%w: %s is in use by %s; stop that first, or choose another directory", persistence.ErrLocked, dir, holder(dir, o.Holder))
}

// holder is what the owner of a directory wrote about itself, and what the
// system says of the process that has the lock, if that is known.
func holder(dir string, ask func(string) (int, string)) string {
	text, _ := os.ReadFile(filepath.Join(dir, ownerFile))
	owner := strings.TrimSpace(string(text))
	process, command := 0, ""
	if ask != nil {
		process, command = ask(dir)
	}
	switch id := fmt.Sprintf("process %d", process); {
	case process == 0 && owner == "":
		return "another process"
	case process == 0:
		return owner
	case strings.Contains(owner, id+" since "):
		return owner + " (" + command + ")"
	default: // what is written there is from before
		return id + " (" + command + ")"
	}
}

var errTaken = errors.New("somebody has it")
