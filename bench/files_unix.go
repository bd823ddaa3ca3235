//go:build unix

package bench

import (
	"fmt"
	"os"
	"syscall"

	"github.com/troupemq/troupe/bench/internal/process"
)

// enoughFiles raises the limit of open files as far as it goes, and tells if that is too little.
func enoughFiles(workload string, needed int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("limit of open files: %w", err)
	}
	if limit.Cur < limit.Max {
		raised := syscall.Rlimit{Cur: limit.Max, Max: limit.Max}
		if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised) == nil {
			limit = raised
		}
	}
	open := 0
	if _, n, err := process.FileLimit(os.Getpid()); err == nil {
		open = n
	}
	if uint64(needed+open) > uint64(limit.Cur) {
		return fmt.Errorf("workload %s needs %d open files, but this process may have %d and has %d already: raise the limit "+
			"(ulimit -n %d, or LimitNOFILE= of the service) or ask for fewer connections", workload, needed, limit.Cur, open, needed+open)
	}
	return nil
}
