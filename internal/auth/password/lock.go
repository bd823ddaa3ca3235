package password

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// lockPoll is how often it is looked whether another editor has ended.
const lockPoll = 10 * time.Millisecond

// lock keeps other editors of a file out until unlock is called. It is a file
// beside it, since the file itself is replaced; the system takes the lock from a
// process that ends without doing so.
func lock(ctx context.Context, file string) (unlock func(), err error) {
	path := filepath.Join(filepath.Dir(file), "."+filepath.Base(file)+".lock")
	for {
		l := flock.New(path, flock.SetPermissions(0o600))
		if _, err := l.TryLockContext(ctx, lockPoll); err != nil {
			if e := (*fs.PathError)(nil); errors.As(err, &e) {
				return nil, fmt.Errorf("%s cannot be edited: %s cannot be made: %w", file, path, e.Err)
			}
			return nil, fmt.Errorf("%s cannot be edited, since another process does so (%s): %w", file, path, err)
		}
		mine, err := l.Stat()
		there, gone := os.Stat(path)
		if err == nil && gone == nil && os.SameFile(mine, there) {
			return func() {
				_ = os.Remove(path) // where the system lets one remove what is open; it stays otherwise
				_ = l.Close()
			}, nil
		}
		// The editor before removed the file that this one waited for.
		_ = l.Close()
	}
}
