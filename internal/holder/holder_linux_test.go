package holder

import (
	"bufio"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// The test runs itself as the other process: it takes what its arguments say,
// says so, and keeps it until it is killed.
func TestMain(m *testing.M) {
	if what := os.Getenv("HOLD"); what != "" {
		hold(what)
		return
	}
	os.Exit(m.Run())
}

func hold(what string) {
	if address, ok := strings.CutPrefix(what, "listen:"); ok {
		l, err := net.Listen("tcp", address)
		if err != nil {
			panic(err)
		}
		os.Stdout.WriteString(l.Addr().String() + "\n")
	} else {
		f, err := os.Open(what)
		if err != nil {
			panic(err)
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			panic(err)
		}
		os.Stdout.WriteString(what + "\n")
	}
	select {}
}

// other starts a process that holds what, and gives what it said.
func other(t *testing.T, what string) (said string, want Process) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	c := exec.Command(self)
	c.Env, c.Stderr = append(os.Environ(), "HOLD="+what), os.Stderr
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	name := filepath.Base(self)
	return strings.TrimSpace(line), Process{c.Process.Pid, name[:min(len(name), 15)]} // as much as the kernel keeps
}

func TestOfAddress(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", ":0", "[::1]:0"} {
		at, want := other(t, "listen:"+address)
		_, port, err := net.SplitHostPort(at)
		require.NoError(t, err)
		require.Equal(t, want, OfAddress(at))
		require.Equal(t, want, OfAddress(":"+port))
		require.Equal(t, want, OfAddress("0.0.0.0:"+port))
		if address == "127.0.0.1:0" {
			require.Equal(t, want, OfAddress("localhost:"+port))
			require.Zero(t, OfAddress("127.0.0.2:"+port))
		}
		_, err = net.Listen("tcp", at)
		require.Error(t, err)
		require.Contains(t, InUse(at, err).Error(), "address already in use by "+want.String())
		require.ErrorIs(t, InUse(at, err), syscall.EADDRINUSE)
	}
	for _, nobody := range []string{"127.0.0.1:1", "127.0.0.1:0", "nonsense", "x:y"} {
		require.Zero(t, OfAddress(nobody))
	}
	fine := errors.New("another one")
	require.Equal(t, fine, InUse("127.0.0.1:1", fine))
}

func TestOfDirectory(t *testing.T) {
	dir := t.TempDir()
	require.Zero(t, OfDirectory(dir))
	_, want := other(t, dir)
	require.Equal(t, want, OfDirectory(dir))
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(dir, link))
	require.Equal(t, want, OfDirectory(link))
	require.Zero(t, OfDirectory(filepath.Join(dir, "none")))
}

// Lines as kernels write them, and what is none.
func TestTables(t *testing.T) {
	for line, want := range map[string]string{
		"   0: 0100007F:075B 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 39185 1 0000000000000000 100 0 0 10 0":                  "127.0.0.1:1883 39185",
		"   1: 00000000000000000000000000000000:22B3 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 77 1 0": "[::]:8883 77",
		"   2: 0100007F:075B 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 39186 1":                                                "",
		"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode":                                                  "",
		"": "",
		"   0: XX:075B 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 39185 1": "",
	} {
		at, inode, ok := listener(line)
		require.Equal(t, want != "", ok, line)
		if ok {
			require.Equal(t, want, at.String()+" "+inode)
		}
	}
	for line, want := range map[string]bool{
		"1: FLOCK  ADVISORY  WRITE 4711 08:01:131074 0 EOF":    true,
		"1: -> FLOCK  ADVISORY  WRITE 4711 08:01:131074 0 EOF": false,
		"2: POSIX  ADVISORY  WRITE 4711 08:01:131074 0 EOF":    false,
		"3: FLOCK  ADVISORY  WRITE -1 08:01:131074 0 EOF":      false,
		"3: FLOCK  ADVISORY  WRITE 0 08:01:131074 0 EOF":       false,
		"4: FLOCK  ADVISORY  WRITE x y":                        false,
		"":                                                     false,
	} {
		id, device, inode, ok := flock(line)
		require.Equal(t, want, ok, line)
		if ok {
			require.Equal(t, 4711, id)
			require.Equal(t, "08:01", device)
			require.EqualValues(t, 131074, inode)
		}
	}
}
