package peer

import (
	"os"
	"os/exec"
)

const executableSuffix = ".exe"

func bind(*exec.Cmd) {}

// ask kills: Windows has no signal that asks.
func ask(p *os.Process) { kill(p) }

func kill(p *os.Process) { _ = p.Kill() }

// raiseFiles has nothing to raise: sockets are bounded by memory.
func raiseFiles() uint64 { return 1 << 20 }
