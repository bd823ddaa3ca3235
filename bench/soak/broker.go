package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// broker is a process of our own to soak.
type broker struct {
	address string
	command *exec.Cmd
	dir     string
}

// startBroker builds the binary, unless there is one, and starts it on a free
// port.
func startBroker(binary string) (b *broker, err error) {
	b = new(broker)
	if b.dir, err = os.MkdirTemp("", "soak"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(b.dir)
		}
	}()
	if binary == "" {
		binary = filepath.Join(b.dir, "troupe")
		if out, err := exec.Command("go", "build", "-o", binary, "github.com/troupemq/troupe/cmd/troupe").CombinedOutput(); err != nil {
			return nil, fmt.Errorf("cannot build the broker: %w\n%s", err, out)
		}
	}
	b.command = exec.Command(binary, "serve", "--listen", "127.0.0.1:0", "--log-level", "warn")
	b.command.Dir, b.command.Stderr = b.dir, os.Stderr
	stdout, err := b.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := b.command.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if address, ok := strings.CutPrefix(lines.Text(), "troupe: listening on mqtt://"); ok {
			b.address = address
			return b, nil
		}
	}
	_ = b.command.Wait()
	return nil, errors.New("the broker did not start")
}

// stop asks the process to end, and makes it.
func (b *broker) stop() error {
	defer os.RemoveAll(b.dir)
	_ = b.command.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(30*time.Second, func() { _ = b.command.Process.Kill() })
	defer timer.Stop()
	if err := b.command.Wait(); err != nil {
		return fmt.Errorf("the broker ended badly: %w", err)
	}
	return nil
}

var rss = regexp.MustCompile(`VmRSS:\s+(\d+ kB)`)

// memory is what the process holds, where the system says so.
func (b *broker) memory() string {
	if b == nil {
		return "unknown"
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.command.Process.Pid))
	if found := rss.FindSubmatch(status); err == nil && found != nil {
		return string(found[1])
	}
	return "unknown"
}
