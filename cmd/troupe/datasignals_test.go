//go:build unix

package main

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/internal/control"
	"github.com/troupemq/troupe/persistence/backup"
	"github.com/troupemq/troupe/persistence/memory"
)

// Root may look into the directory of another user, who has all of it afterwards.
func TestFilesStayWithTheirUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	const user = 12345
	dir := place(t)
	at := filepath.Join(dir, "d")
	fillStore(t, at, some())
	belongs := func(change bool) {
		require.NoError(t, filepath.WalkDir(at, func(path string, d fs.DirEntry, err error) error {
			require.NoError(t, err)
			if change {
				return os.Chown(path, user, user)
			}
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.EqualValues(t, user, info.Sys().(*syscall.Stat_t).Uid, path)
			return nil
		}))
	}
	belongs(true)
	for _, args := range [][]string{{"storage"}, {"backup", "b"}, {"repair"}} {
		require.Equal(t, exitDone, work(t, dir, nil, append(args, "--data-dir", "d")...).code)
		belongs(false)
	}
	damage(t, at)
	require.Equal(t, exitDone, work(t, dir, nil, "repair", "--data-dir", "d").code)
	belongs(false)

	require.NoError(t, os.RemoveAll(at))
	require.NoError(t, os.Mkdir(at, 0o700))
	require.NoError(t, os.Chown(at, user, user))
	require.Equal(t, exitDone, work(t, dir, nil, "restore", "--data-dir", "d", "b").code)
	belongs(false)
}

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
