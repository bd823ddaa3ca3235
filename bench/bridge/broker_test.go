package bridge

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// broker is a process that can be stopped in every way there is, and started again on the same port with the same data.
type broker struct {
	t       testing.TB
	kind    string
	address string
	command []string
	dir     string
	log     *text

	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

func newBroker(t testing.TB, kind string) *broker {
	t.Helper()
	dir, err := os.MkdirTemp("", "broker") // those of tests have names that are too long for the socket in it
	require.NoError(t, err)
	b := &broker{t: t, kind: kind, address: freeAddress(t), dir: dir, log: new(text)}
	t.Cleanup(func() {
		b.kill()
		_ = os.RemoveAll(dir)
		if t.Failed() && os.Getenv("SHOW_LOGS") != "" {
			t.Logf("the log of %s at %s:\n%s", b.kind, b.address, b.log)
		}
	})
	return b
}

// troupe starts the binary with a configuration.
func troupe(t testing.TB, config string) *broker {
	t.Helper()
	b := newBroker(t, "troupe")
	b.configure(config)
	t.Cleanup(func() {
		require.NotContains(t, b.log.String(), "an actor failed")
		require.NotContains(t, b.log.String(), "goroutine ")
	})
	b.start()
	return b
}

// configure writes what troupe reads when it starts the next time.
func (b *broker) configure(config string) {
	b.t.Helper()
	file := b.write("c.yaml", "sys: {interval: 200ms}\n"+config)
	b.command = []string{binary, "serve", "-c", file, "--listen", b.address, "--data-dir", filepath.Join(b.dir, "data")}
}

// mosquitto starts Mosquitto. lines are added to its configuration.
func mosquitto(t testing.TB, lines ...string) *broker {
	t.Helper()
	name, err := exec.LookPath("mosquitto")
	if err != nil {
		name, err = exec.LookPath("/usr/sbin/mosquitto")
	}
	if err != nil {
		t.Skip("mosquitto is not installed")
	}
	b := newBroker(t, "mosquitto")
	_, port, _ := net.SplitHostPort(b.address)
	config := []string{
		"listener " + port + " 127.0.0.1", "user root", "log_dest stderr",
		"max_queued_messages 0", "max_inflight_messages 100", "set_tcp_nodelay true", "persistence false",
	}
	if !strings.Contains(strings.Join(lines, "\n"), "allow_anonymous") {
		config = append(config, "allow_anonymous true")
	}
	b.command = []string{name, "-c", b.write("mosquitto.conf", strings.Join(append(config, lines...), "\n")+"\n")}
	b.start()
	return b
}

// mochiBroker starts mochi-mqtt.
func mochiBroker(t testing.TB) *broker {
	t.Helper()
	b := newBroker(t, "mochi")
	b.command = []string{mochi, "-listen", b.address}
	b.start()
	return b
}

// peer starts a broker of a kind to be an upstream.
func peer(t testing.TB, kind string) *broker {
	t.Helper()
	switch kind {
	case "mosquitto":
		return mosquitto(t)
	case "mochi":
		return mochiBroker(t)
	}
	return troupe(t, "durability: process\n")
}

func (b *broker) write(name, content string) string {
	b.t.Helper()
	name = filepath.Join(b.dir, name)
	require.NoError(b.t, os.WriteFile(name, []byte(content), 0o600))
	return name
}

// start runs the process and waits until it listens.
func (b *broker) start() {
	b.t.Helper()
	b.cmd = exec.Command(b.command[0], b.command[1:]...)
	b.cmd.Stdout, b.cmd.Stderr, b.cmd.Dir = b.log, b.log, b.dir
	require.NoError(b.t, b.cmd.Start())
	done, cmd := make(chan struct{}), b.cmd
	b.done = done
	go func() {
		_ = cmd.Wait()
		close(done)
	}()
	require.Eventually(b.t, func() bool {
		conn, err := net.Dial("tcp", b.address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil || b.ended()
	}, patience, 5*time.Millisecond, "%s does not listen: %s", b.kind, b.log)
	require.False(b.t, b.ended(), "%s did not start: %s", b.kind, b.log)
}

func (b *broker) ended() bool {
	select {
	case <-b.done:
		return true
	default:
		return false
	}
}

// kill ends it as kill -9 does, frozen or not.
func (b *broker) kill() {
	if b.cmd != nil && b.cmd.Process != nil && !b.ended() {
		_ = b.cmd.Process.Kill()
		<-b.done
	}
}

// freeze stops all that it does, and leaves its connections open.
func (b *broker) freeze() { require.NoError(b.t, b.cmd.Process.Signal(syscall.SIGSTOP)) }

// thaw lets it go on.
func (b *broker) thaw() { require.NoError(b.t, b.cmd.Process.Signal(syscall.SIGCONT)) }

func (b *broker) uri() string { return "mqtt://" + b.address }

// freeAddress is one that nobody listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().String()
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

// bridges is a configuration with one bridge. Its settings notice a silent upstream within two seconds.
func bridges(name string, upstreams []string, lines ...string) string {
	return "bridges:\n" + bridgeEntry(name, upstreams, lines...)
}

// bridgeEntry is one bridge of the list.
func bridgeEntry(name string, upstreams []string, lines ...string) string {
	lines = append([]string{
		"upstreams: [" + strings.Join(upstreams, ", ") + "]",
		"health: {interval: 1s, timeout: 1s}",
		"backoff: {initial: 50ms, maximum: 500ms}",
		"connect_timeout: 2s",
		"failback_after: 500ms",
		"session_expiry: 1h",
	}, lines...)
	return "  - name: " + name + "\n    " + strings.Join(lines, "\n    ") + "\n"
}
