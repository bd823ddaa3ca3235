package suite

import (
	"bufio"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/troupemq/troupe/bench/report"
)

func describe(m *report.Machine) {
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		m.System = "Linux " + unix.ByteSliceToString(name.Release[:]) + " " + unix.ByteSliceToString(name.Machine[:])
	}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		m.Memory = int64(info.Totalram) * int64(info.Unit)
	}
	m.CPU = model()
}

// model is what the kernel calls the processor: x86 says "model name", others "Model" or "cpu model", some nothing.
func model() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), ":")
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "model name", "cpu model", "model":
			if value = strings.TrimSpace(value); strings.ContainsAny(value, "abcdefghijklmnopqrstuvwxyz") {
				return value // x86 has a numeric "model" as well
			}
		}
	}
	return ""
}
