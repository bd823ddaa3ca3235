//go:build unix && !linux

package peer

import (
	"os/exec"
	"syscall"
)

// bind keeps signals of the terminal from the process: the harness ends what it started, in order.
func bind(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}
