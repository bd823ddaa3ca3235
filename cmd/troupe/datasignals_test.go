//go:build unix

package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/internal/control"
	"github.com/troupemq/troupe/persistence/backup"
	"github.com/troupemq/troupe/persistence/memory"
)

// A signal ends a backup or a restore, which then leaves nothing.
func TestDataCommandsInterrupted(t *testing.T) {
	dir := place(t)
	store := memory.New()
	put(t, store, some())
	var text bytes.Buffer
	_, err := backup.Write(&text, store)
	require.NoError(t, err)
	some := text.Bytes()[:text.Len()-100]
	begun := make(chan struct{})
	running(t, filepath.Join(dir, "d"), control.Handlers{Backup: func(ctx context.Context, w io.Writer) error {
		_, err := w.Write(some)
		close(begun)
		<-ctx.Done()
		return err
	}})
	var stderr bytes.Buffer
	c := exec.Command(binary, "backup", "--data-dir", "d", "b")
	c.Dir, c.Stderr = dir, &stderr
	require.NoError(t, c.Start())
	<-begun
	require.NoError(t, c.Process.Signal(os.Interrupt))
	_ = c.Wait()
	require.Equal(t, exitCut, c.ProcessState.ExitCode(), stderr.String())
	require.Equal(t, "troupe: no backup was made: interrupted\n", stderr.String())
	require.Equal(t, []string{"d"}, names(t, dir))

	stderr.Reset()
	c = exec.Command(binary, "restore", "--data-dir", "new", "-")
	c.Dir, c.Stderr = dir, &stderr
	in, err := c.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	_, err = in.Write(some)
	require.NoError(t, err)
	require.NoError(t, c.Process.Signal(os.Interrupt))
	_ = c.Wait() // with the pipe still open
	require.Equal(t, exitCut, c.ProcessState.ExitCode(), stderr.String())
	require.Regexp(t, `^troupe: nothing was restored from standard input: cannot be read at byte \d+: interrupted\n$`, stderr.String())
	require.Equal(t, []string{"d"}, names(t, dir))
}
