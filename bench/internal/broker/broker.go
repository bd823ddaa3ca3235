// Package broker builds the binary of this tree and runs it as a process of
// our own: on a free port of 127.0.0.1, ended in good order or killed, and
// started again on what it left behind.
package broker

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Build makes the binary in a directory and returns its path. It needs the Go
// tool, and a working directory in this module.
func Build(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "troupe")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/troupemq/troupe/cmd/troupe").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("cannot build the broker: %w\n%s", err, out)
	}
	return binary, nil
}

// Options say how a broker is run.
type Options struct {
	Binary string
	Dir    string    // working directory
	Args   []string  // for `troupe serve`, behind the listener
	Env    []string  // added to the environment, as name=value
	Stderr io.Writer // its log; nil: thrown away
}

// Process is a broker that runs, or did.
type Process struct {
	Address string // host:port

	command *exec.Cmd
	done    chan struct{} // closed when it has ended
	err     error         // why; to be read when done is closed
}

// patience is how long a broker may take to start, and to end.
const patience = time.Minute

// launch runs a broker, and tells the address once it listens.
func launch(o Options) (*Process, <-chan string, error) {
	p := &Process{done: make(chan struct{})}
	p.command = exec.Command(o.Binary, append([]string{"serve", "--listen", "127.0.0.1:0"}, o.Args...)...)
	p.command.Dir, p.command.Stderr = o.Dir, o.Stderr
	p.command.Env = append(os.Environ(), o.Env...)
	stdout, err := p.command.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := p.command.Start(); err != nil {
		return nil, nil, err
	}
	listening := make(chan string, 1)
	go func() {
		defer close(p.done)
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if address, ok := strings.CutPrefix(lines.Text(), "troupe: listening on mqtt://"); ok {
				listening <- address
				break
			}
		}
		_, _ = io.Copy(io.Discard, stdout)
		p.err = p.command.Wait()
	}()
	return p, listening, nil
}

// Interrupt runs a broker and kills it after a while, wherever it is by then. It
// is an error if it has ended before.
func Interrupt(o Options, after time.Duration) error {
	p, _, err := launch(o)
	if err != nil {
		return err
	}
	timer := time.NewTimer(after)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.done:
	}
	return p.Kill()
}

// Start runs a broker and returns when it listens. An error has the end of a
// process that did not come so far.
func Start(o Options) (*Process, error) {
	p, listening, err := launch(o)
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case p.Address = <-listening:
		return p, nil
	case <-p.done:
		return nil, fmt.Errorf("the broker did not start: %w", cmp.Or(p.err, errors.New("it ended")))
	case <-timer.C:
		_ = p.Kill()
		return nil, fmt.Errorf("the broker did not listen within %s", patience)
	}
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err is why the process ended, once Done is closed: nil for exit code 0.
func (p *Process) Err() error { return p.err }

// PID is the number of the process.
func (p *Process) PID() int { return p.command.Process.Pid }

// Kill ends the process without a word, as kill -9 does, and returns when it
// has ended. It is an error if it had ended before.
func (p *Process) Kill() error {
	select {
	case <-p.done:
		return fmt.Errorf("the broker had ended by itself: %w", cmp.Or(p.err, errors.New("exit code 0")))
	default:
	}
	err := p.command.Process.Kill()
	<-p.done
	return err
}

// Stop asks the process to end, and makes it after a while. It is an error
// unless it ends with exit code 0.
func (p *Process) Stop() error {
	_ = p.command.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(patience, func() { _ = p.command.Process.Kill() })
	defer timer.Stop()
	<-p.done
	if p.err != nil {
		return fmt.Errorf("the broker ended badly: %w", p.err)
	}
	return nil
}

var rss = regexp.MustCompile(`VmRSS:\s+(\d+ kB)`)

// Memory is what the process holds, where the system says so. It may be called
// on nil.
func (p *Process) Memory() string {
	if p == nil {
		return "unknown"
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if found := rss.FindSubmatch(status); err == nil && found != nil {
		return string(found[1])
	}
	return "unknown"
}
