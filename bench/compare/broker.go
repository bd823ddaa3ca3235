package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// broker is one that can be started for a measurement.
type broker struct {
	name  string
	start func() (process *exec.Cmd, address string, err error)
}

// build makes the binary of this tree.
func build(dir string) (string, error) {
	binary := filepath.Join(dir, "troupe")
	out, err := exec.Command("go", "build", "-o", binary, "github.com/troupemq/troupe/cmd/troupe").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return binary, nil
}

// troupeServe starts a troupe binary on a free port and reads the address from
// what it prints.
func troupeServe(binary string) func() (*exec.Cmd, string, error) {
	return func() (*exec.Cmd, string, error) {
		cmd := exec.Command(binary, "serve", "--listen", "127.0.0.1:0", "--log-level", "warn")
		cmd.Stderr = os.Stderr
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			return nil, "", err
		}
		if err := cmd.Start(); err != nil {
			return nil, "", err
		}
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if _, address, ok := strings.Cut(lines.Text(), "mqtt://"); ok {
				go func() {
					for lines.Scan() { // or a full pipe would stop it
					}
				}()
				return cmd, address, nil
			}
		}
		return nil, "", errors.Join(errors.New("troupe told no address"), cmd.Wait())
	}
}

// mosquitto is the peer with what makes it comparable: no persistence, no
// bounds that would drop, TCP_NODELAY.
func mosquitto(dir string) (broker, bool) {
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/mosquitto"); err != nil {
			return broker{}, false
		}
	}
	return broker{name: "mosquitto", start: func() (*exec.Cmd, string, error) {
		port, err := freePort()
		if err != nil {
			return nil, "", err
		}
		config := filepath.Join(dir, "mosquitto.conf")
		text := fmt.Sprintf("listener %d 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\nmax_queued_messages 0\nmax_inflight_messages 0\nlog_type none\n", port)
		if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
			return nil, "", err
		}
		cmd := exec.Command(path, "-c", config)
		if err := cmd.Start(); err != nil {
			return nil, "", err
		}
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		return cmd, address, answers(address)
	}}, true
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// answers waits until something accepts connections there.
func answers(address string) error {
	deadline := time.Now().Add(10 * time.Second)
	for {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			return c.Close()
		}
		if time.Now().After(deadline) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// stop ends a broker that start started.
func stop(cmd *exec.Cmd) {
	_ = cmd.Process.Signal(syscall.SIGTERM)
	gone := make(chan struct{})
	go func() { _ = cmd.Wait(); close(gone) }()
	select {
	case <-gone:
	case <-time.After(15 * time.Second):
		_ = cmd.Process.Kill()
		<-gone
	}
}

// cpu is what a process has used so far, user and system.
func cpu(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 13 {
		return 0, errors.New("cannot read /proc/PID/stat")
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * (time.Second / 100), nil // in clock ticks of 10 ms
}
