package process

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Used is what the process has used so far.
func Used(pid int) (Usage, error) {
	var u Usage
	var err error
	if u.CPU, err = cpu(pid); err != nil {
		return Usage{}, err
	}
	// /proc/PID/status counts the switches of the first thread alone.
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil {
		return Usage{}, err
	}
	for _, path := range threads {
		fields, err := status(path)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
			continue // a thread that has just ended
		}
		if err != nil {
			return Usage{}, err
		}
		u.Voluntary += fields["voluntary_ctxt_switches"]
		u.Involuntary += fields["nonvoluntary_ctxt_switches"]
	}
	return u, nil
}

// cpu reads the process's CPU clock, which is finer than the ticks of /proc/PID/stat and counts threads that ended too.
func cpu(pid int) (time.Duration, error) {
	var t unix.Timespec
	clock := int32(^uint32(pid)<<3 | 2) // CPUCLOCK_SCHED of the whole process, as clock_getcpuclockid makes it
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0, fmt.Errorf("CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// Resident is the resident memory in bytes.
func Resident(pid int) (int64, error) {
	// The figures of /proc/PID/status lag by some pages of each thread; the sum over the mappings does not.
	if fields, err := status(fmt.Sprintf("/proc/%d/smaps_rollup", pid)); err == nil && fields["Rss"] > 0 {
		return fields["Rss"] << 10, nil
	}
	fields, err := status(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	return fields["VmRSS"] << 10, nil
}

// Anonymous is that part of the resident memory, in bytes, which is not the content of files: what the process holds itself.
func Anonymous(pid int) (int64, error) {
	fields, err := status(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	return fields["Anonymous"] << 10, nil
}

// Peak is the highest resident memory in bytes since the process began, or since ResetPeak.
func Peak(pid int) (int64, error) {
	fields, err := status(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	return fields["VmHWM"] << 10, nil
}

// ResetPeak makes Peak begin anew. It is an error where it is not permitted.
func ResetPeak(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}

// FileLimit is how many files the process may have open, and how many it has.
func FileLimit(pid int) (limit, open int, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte("Max open files")); ok {
			soft := strings.Fields(string(rest))[0]
			if limit, err = strconv.Atoi(soft); err != nil {
				limit = 1 << 30 // unlimited
			}
		}
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return limit, len(files), err
}

// Ports is how many ports the system gives to connections from one address.
func Ports() (int, error) {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return 0, err
	}
	var low, high int
	if _, err := fmt.Sscan(string(text), &low, &high); err != nil {
		return 0, fmt.Errorf("ip_local_port_range: %w", err)
	}
	return high - low + 1, nil
}

// status reads lines of a name, a colon and a number.
func status(path string) (map[string]int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	fields := make(map[string]int64)
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		name, rest, ok := strings.Cut(lines.Text(), ":")
		if words := strings.Fields(rest); ok && len(words) > 0 {
			if n, err := strconv.ParseInt(words[0], 10, 64); err == nil {
				fields[name] = n
			}
		}
	}
	return fields, lines.Err()
}
