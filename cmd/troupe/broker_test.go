package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is how long anything may take that is bound to happen. It decides
// how late a broken broker is noticed and nothing else.
const patience = 30 * time.Second

// process is the binary at work as a broker.
type process struct {
	address string // host:port
	command *exec.Cmd
	log     *text
	done    chan struct{} // closed when it has ended
	code    int           // its exit code, once done
}

// serve starts the binary on a free port with a configuration file of that
// text. It is killed when the test ends, if it still runs then.
func serveProcess(t testing.TB, file string, args ...string) *process {
	t.Helper()
	return launch(t, file, "mqtt", append([]string{"--listen", "127.0.0.1:0"}, args...)...)
}

// launch starts the binary with the listeners of the file; the address is that of
// the first one with the scheme.
func launch(t testing.TB, file, scheme string, args ...string) *process {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "c.yaml")
	require.NoError(t, os.WriteFile(path, []byte(file), 0o600))
	p := &process{
		command: exec.Command(binary, append([]string{"serve", "-c", path}, args...)...),
		log:     new(text),
		done:    make(chan struct{}),
	}
	p.command.Dir, p.command.Stderr = dir, p.log
	stdout, err := p.command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.command.Start())
	t.Cleanup(func() {
		_ = p.command.Process.Kill()
		<-p.done
		if t.Failed() && os.Getenv("SHOW_LOGS") != "" {
			t.Logf("the broker's log:\n%s", p.log)
		}
		require.NotContains(t, p.log.String(), "an actor failed")
		require.NotContains(t, p.log.String(), "goroutine ")
	})

	lines := bufio.NewScanner(stdout)
	listening := "troupe: listening on " + scheme + "://"
	for p.address == "" && lines.Scan() {
		p.address, _ = strings.CutPrefix(lines.Text(), listening)
	}
	go func() {
		for lines.Scan() {
		}
		_ = p.command.Wait()
		p.code = p.command.ProcessState.ExitCode()
		close(p.done)
	}()
	require.NotEmpty(t, p.address, "the broker did not start: %s", p.log)
	return p
}

// exit waits for the end and gives the exit code.
func (p *process) exit(t testing.TB) int {
	t.Helper()
	select {
	case <-p.done:
		return p.code
	case <-time.After(patience):
		require.FailNow(t, "the broker does not end", p.log.String())
		return 0
	}
}

// text gathers what a process writes, for whoever reads at the same time.
type text struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (x *text) Write(b []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.Write(b)
}

func (x *text) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.String()
}
