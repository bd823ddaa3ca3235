package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// screen is a terminal with troupe passwd in front of it.
type screen struct {
	t       *testing.T
	typed   *os.File // what is written here was typed
	shown   *text
	command *exec.Cmd
}

func newScreen(t *testing.T, dir string, args ...string) *screen {
	t.Helper()
	pty, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	var number, locked int32
	ask(t, pty, syscall.TIOCGPTN, unsafe.Pointer(&number))
	ask(t, pty, syscall.TIOCSPTLCK, unsafe.Pointer(&locked))
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	s := &screen{t, pty, new(text), exec.Command(binary, append([]string{"passwd"}, args...)...)}
	s.command.Dir = dir
	s.command.Stdin, s.command.Stdout, s.command.Stderr = terminal, terminal, terminal
	s.command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	require.NoError(t, s.command.Start())
	t.Cleanup(func() {
		_ = s.command.Process.Kill()
		_, _ = s.command.Process.Wait()
		_ = terminal.Close()
		_ = pty.Close()
	})
	go func() { _, _ = io.Copy(s.shown, pty) }()
	return s
}

func (s *screen) shows(text string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return strings.Contains(s.shown.String(), text) }, patience, time.Millisecond, s.shown)
}

// answers types after a prompt: from then on nothing that is typed is shown.
func (s *screen) answers(prompt, text string) {
	s.t.Helper()
	s.shows(prompt)
	require.False(s.t, s.echoes())
	_, err := io.WriteString(s.typed, text)
	require.NoError(s.t, err)
}

func (s *screen) echoes() bool {
	var state syscall.Termios
	ask(s.t, s.typed, syscall.TCGETS, unsafe.Pointer(&state))
	return state.Lflag&syscall.ECHO != 0
}

// ask asks the system something about a terminal.
func ask(t *testing.T, terminal *os.File, request uintptr, answer unsafe.Pointer) {
	t.Helper()
	_, _, failed := syscall.Syscall(syscall.SYS_IOCTL, terminal.Fd(), request, uintptr(answer))
	require.Zero(t, failed)
}

func (s *screen) ends(code int) {
	s.t.Helper()
	_ = s.command.Wait()
	require.Equal(s.t, code, s.command.ProcessState.ExitCode(), s.shown)
}

// On a terminal a password is asked for twice and never shown.
func TestPasswdOnATerminal(t *testing.T) {
	dir := t.TempDir()
	s := newScreen(t, dir, "set", "--file", "users", "ann")
	s.answers("Password for ann: ", "secret\n")
	s.answers("Again: ", "secret\n")
	s.shows("user ann is added to users")
	s.ends(0)
	require.NotContains(t, s.shown.String(), "secret")
	require.True(t, s.echoes())
	require.Equal(t, 0, passwd(t, dir, "secret", "check", "--file", "users", "ann").code)

	s = newScreen(t, dir, "check", "--file", "users", "ann")
	s.answers("Password of ann: ", "wrong\n")
	s.shows("this is not the password of user ann")
	s.ends(1)
}

func TestPasswdThatDiffers(t *testing.T) {
	dir := t.TempDir()
	s := newScreen(t, dir, "set", "--file", "users", "ann")
	s.answers("Password for ann: ", "secret\n")
	s.answers("Again: ", "secert\n")
	s.shows("the two passwords differ; nothing is changed")
	s.ends(1)
	require.NoFileExists(t, filepath.Join(dir, "users"))
}

// An interrupt while a password is typed leaves a terminal that shows again what is
// typed.
func TestPasswdInterrupted(t *testing.T) {
	dir := t.TempDir()
	s := newScreen(t, dir, "set", "--file", "users", "ann")
	s.answers("Password for ann: ", "sec\x03")
	s.ends(3)
	require.True(t, s.echoes())
	require.NoFileExists(t, filepath.Join(dir, "users"))
}
