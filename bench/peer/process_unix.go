//go:build unix

package peer

import (
	"os"
	"syscall"
)

const executableSuffix = ""

// ask has a process end by itself.
func ask(p *os.Process) { _ = p.Signal(syscall.SIGTERM) }

// kill ends a process and what it started.
func kill(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }

// raiseFiles lets what is started open as many files as this process may, and returns that number. Go raises its own bound and
// would give children back the old one, which is often 1,024, if the bound were not set by hand.
func raiseFiles() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1024
	}
	limit.Cur = limit.Max
	_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit) // some systems have an infinite maximum and still refuse it
	return uint64(limit.Cur)
}
