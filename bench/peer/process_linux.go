package peer

import (
	"os/exec"
	"syscall"
)

// bind has the process end with this one, and keeps signals of the terminal from it: the harness ends what it started, in order.
func bind(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
