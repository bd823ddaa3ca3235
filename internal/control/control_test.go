package control

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/troupemq/troupe/persistence"
)

// patience is how long anything may take that is bound to happen.
const patience = 20 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// directory has a short path on every system.
func directory(t *testing.T) string {
	dir, err := os.MkdirTemp("", "ctl")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func serve(t *testing.T, dir string, h Handlers) *Server {
	t.Helper()
	s, err := Serve(dir, NewAPI(h))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func connect(t *testing.T, dir string) *Client {
	t.Helper()
	c, err := Connect(t.Context(), dir)
	require.NoError(t, err)
	return c
}

func wait[T any](t *testing.T, c <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		require.FailNow(t, what)
	}
	return v
}

func TestStorage(t *testing.T) {
	dir := directory(t)
	want := Storage{
		Instance: "i", Version: "1", Running: true, DataDir: "/d", Durability: "disk", Trouble: "full",
		Usage: UsageOf(persistence.Usage{Disk: 1, Free: -1, Memory: 3, Parts: map[persistence.Part]persistence.Amount{
			persistence.PartRetained: {Keys: 4, Bytes: 5}, persistence.PartBody: {Keys: 6, Bytes: 7}, '?': {Keys: 1},
		}}),
		Counts: &Counts{Sessions: 8, RetainedBytes: 9},
	}
	require.Equal(t, []Part{{"unknown", 1, 0}, {"shared bodies", 6, 7}, {"retained", 4, 5}}, want.Usage.Parts)
	serve(t, dir, Handlers{Storage: func(context.Context) (Storage, error) { return want, nil }})
	got, err := connect(t, dir).Storage(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestStorageFails(t *testing.T) {
	dir := directory(t)
	serve(t, dir, Handlers{Storage: func(context.Context) (Storage, error) { return Storage{}, errors.New("the store is closed") }})
	_, err := connect(t, dir).Storage(t.Context())
	require.EqualError(t, err, "the instance at "+Socket(dir)+": the store is closed")
	var p *Problem
	require.ErrorAs(t, err, &p)
	require.Equal(t, Problem{Status: 500, Title: "Internal Server Error", Detail: "the store is closed"}, *p)
}

func TestBackup(t *testing.T) {
	dir := directory(t)
	want := bytes.Repeat([]byte("all that there is"), 1<<16)
	serve(t, dir, Handlers{Backup: func(_ context.Context, w io.Writer) error {
		_, err := w.Write(want)
		return err
	}})
	body, err := connect(t, dir).Backup(t.Context())
	require.NoError(t, err)
	got, err := io.ReadAll(body)
	require.NoError(t, err)
	require.NoError(t, body.Close())
	require.True(t, bytes.Equal(want, got))
}

// What fails before the first byte is told in words; what fails later cannot be
// taken for the whole.
func TestBackupFails(t *testing.T) {
	dir := directory(t)
	core, logged := observer.New(zap.ErrorLevel)
	begun := ""
	serve(t, dir, Handlers{Log: zap.New(core), Backup: func(_ context.Context, w io.Writer) error {
		_, _ = io.WriteString(w, begun)
		return errors.New("out of luck")
	}})
	_, err := connect(t, dir).Backup(t.Context())
	require.EqualError(t, err, "the instance at "+Socket(dir)+": out of luck")
	begun = strings.Repeat("some of it", 1000)
	body, err := connect(t, dir).Backup(t.Context())
	require.NoError(t, err)
	got, err := io.ReadAll(body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, begun, string(got))
	require.NoError(t, body.Close())
	require.Equal(t, 1, logged.FilterMessage("a backup was given up").Len())
}

// Who stops reading ends the backup that is made for him.
func TestBackupThatNobodyReads(t *testing.T) {
	dir := directory(t)
	ended := make(chan error, 1)
	serve(t, dir, Handlers{Backup: func(ctx context.Context, w io.Writer) error {
		for {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				<-ctx.Done()
				ended <- err
				return err
			}
		}
	}})
	body, err := connect(t, dir).Backup(t.Context())
	require.NoError(t, err)
	_, err = io.ReadFull(body, make([]byte, 1<<20))
	require.NoError(t, err)
	require.NoError(t, body.Close())
	require.Error(t, wait(t, ended, "the handler goes on"))
}

// Close ends what is on its way and returns after the handlers have.
func TestCloseWaitsForHandlers(t *testing.T) {
	dir := directory(t)
	begun, let, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	s := serve(t, dir, Handlers{Storage: func(ctx context.Context) (Storage, error) {
		close(begun)
		<-ctx.Done()
		<-let
		close(ended)
		return Storage{}, ctx.Err()
	}})
	c := connect(t, dir)
	answered := make(chan error, 1)
	go func() {
		_, err := c.Storage(context.Background())
		answered <- err
	}()
	wait(t, begun, "the request does not come")
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_ = s.Close()
	}()
	require.Error(t, wait(t, answered, "the request is not ended"))
	select {
	case <-closed:
		require.FailNow(t, "closed while a handler runs")
	default:
	}
	close(let)
	wait(t, closed, "Close does not return")
	wait(t, ended, "closed before the handler ended")
	require.NoError(t, s.Close(), "a second time")
	_, err := os.Lstat(Socket(dir))
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = Connect(t.Context(), dir)
	require.ErrorIs(t, err, ErrNotRunning)
}

func TestUnknownRequests(t *testing.T) {
	dir := directory(t)
	serve(t, dir, Handlers{})
	c := connect(t, dir)
	_, err := c.do(t.Context(), http.MethodGet, "/v1/nothing", nil)
	require.EqualError(t, err, "the instance at "+Socket(dir)+": there is no GET /v1/nothing")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://instance/v1/storage", nil)
	require.NoError(t, err)
	answer, err := c.http.Do(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusNotFound, answer.StatusCode)
}

func TestOnlyItsUserMayUseTheSocket(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("goes by the rights of the directory")
	}
	dir := directory(t)
	serve(t, dir, Handlers{})
	at, err := os.Lstat(Socket(dir))
	require.NoError(t, err)
	require.Equal(t, fs.ModeSocket|0o600, at.Mode())
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

// A process that was killed leaves its socket behind.
func TestSocketOfADeadProcess(t *testing.T) {
	dir := directory(t)
	l, err := net.Listen("unix", Socket(dir))
	require.NoError(t, err)
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, l.Close())
	_, err = Connect(t.Context(), dir)
	require.ErrorIs(t, err, ErrNotRunning)
	require.EqualError(t, err, "control socket "+Socket(dir)+": no instance answers there")

	serve(t, dir, Handlers{Storage: func(context.Context) (Storage, error) { return Storage{Instance: "new"}, nil }})
	got, err := connect(t, dir).Storage(t.Context())
	require.NoError(t, err)
	require.Equal(t, "new", got.Instance)
}

func TestSocketThatIsInUse(t *testing.T) {
	dir := directory(t)
	serve(t, dir, Handlers{Storage: func(context.Context) (Storage, error) { return Storage{Instance: "first"}, nil }})
	_, err := Serve(dir, NewAPI(Handlers{}))
	require.EqualError(t, err, "control socket "+Socket(dir)+": another process answers there")
	got, err := connect(t, dir).Storage(t.Context())
	require.NoError(t, err)
	require.Equal(t, "first", got.Instance)
}

func TestNobodyAnswers(t *testing.T) {
	dir := directory(t)
	file, missing := filepath.Join(dir, "file"), filepath.Join(dir, "missing")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, dir := range []string{dir, missing, file} {
		_, err := Connect(t.Context(), dir)
		require.ErrorIs(t, err, ErrNotRunning)
	}
	_, err := Serve(missing, NewAPI(Handlers{}))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "control socket "+Socket(missing)+": ")
}

// A path that is too long for the system is no hindrance below the working
// directory, nor on Linux anywhere.
func TestLongPath(t *testing.T) {
	root := directory(t)
	dir := filepath.Join(root, strings.Repeat("d", 100), strings.Repeat("e", 100))
	require.NoError(t, os.MkdirAll(dir, 0o700))
	require.Greater(t, len(Socket(dir)), longest)
	storage := func(context.Context) (Storage, error) { return Storage{Instance: "far"}, nil }
	if runtime.GOOS == "linux" {
		s := serve(t, dir, Handlers{Storage: storage})
		got, err := connect(t, dir).Storage(t.Context())
		require.NoError(t, err)
		require.Equal(t, "far", got.Instance)
		require.NoError(t, s.Close())
		_, err = Connect(t.Context(), dir)
		require.ErrorIs(t, err, ErrNotRunning)
	} else {
		_, err := listen(Socket(dir))
		require.ErrorContains(t, err, "the path has ")
	}
	t.Chdir(filepath.Dir(dir))
	serve(t, dir, Handlers{Storage: storage})
	_, err := os.Lstat(filepath.Join(filepath.Base(dir), SocketName))
	require.NoError(t, err)
	got, err := connect(t, dir).Storage(t.Context())
	require.NoError(t, err)
	require.Equal(t, "far", got.Instance)
}

func TestAnswerThatIsNotUnderstood(t *testing.T) {
	dir := directory(t)
	l, err := net.Listen("unix", Socket(dir))
	require.NoError(t, err)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/backup" {
			http.Error(w, "<html>", http.StatusTeapot)
			return
		}
		_, _ = io.WriteString(w, "<html>")
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	c := connect(t, dir)
	_, err = c.Storage(t.Context())
	require.ErrorContains(t, err, "control socket "+Socket(dir)+": the answer is not understood: ")
	_, err = c.Backup(t.Context())
	require.EqualError(t, err, "the instance at "+Socket(dir)+": 418 I'm a teapot")
}
