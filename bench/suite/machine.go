package suite

import (
	"runtime"

	"github.com/troupemq/troupe/bench/report"
)

// machine is where we are, as far as the system tells.
func machine() report.Machine {
	m := report.Machine{System: runtime.GOOS + "/" + runtime.GOARCH, Cores: runtime.NumCPU(), Go: runtime.Version()}
	describe(&m)
	return m
}
