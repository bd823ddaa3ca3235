package control

import (
	"context"
	"encoding/json"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// noSockets has a directory in which there can be no socket.
func noSockets(t *testing.T) string {
	dir := directory(t)
	// What is in the way of a socket cannot be removed, whether it is made there or
	// under another name first.
	for _, name := range []string{SocketName, newSocketName} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, name, "in the way"), 0o700))
	}
	return dir
}

func named(name string) Handlers {
	return Handlers{Storage: func(context.Context) (Storage, error) { return Storage{Instance: name}, nil }}
}

// readToken reads what the instance of dir says of its port.
func readToken(t *testing.T, dir string) access {
	t.Helper()
	a, err := readAccess(tokenFile(dir))
	require.NoError(t, err)
	return a
}

// What commands find the instance by is made again when it is gone, and nothing while
// it is there, or once the instance has ended.
func TestRenew(t *testing.T) {
	for name, dir := range map[string]string{"socket": directory(t), "port": noSockets(t)} {
		t.Run(name, func(t *testing.T) {
			if name == "socket" && runtime.GOOS == "windows" {
				t.Skip("a socket that is open cannot be removed here")
			}
			s := serve(t, dir, named("i"))
			for range 2 {
				made, err := s.Renew()
				require.NoError(t, err)
				require.False(t, made)
				require.NoError(t, os.Remove(s.file))
				_, err = Connect(t.Context(), dir)
				require.ErrorIs(t, err, ErrNotRunning)
				made, err = s.Renew()
				require.NoError(t, err)
				require.True(t, made)
				got, err := connect(t, dir).Storage(t.Context())
				require.NoError(t, err)
				require.Equal(t, "i", got.Instance)
			}
			require.NoError(t, s.Close())
			made, err := s.Renew()
			require.NoError(t, err)
			require.False(t, made)
			require.NoFileExists(t, s.file)
		})
	}
}

// One that cannot be made again, with its directory gone say, is told.
func TestRenewWithoutDirectory(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a socket that is open cannot be removed here")
	}
	dir := directory(t)
	s := serve(t, dir, named("i"))
	require.NoError(t, os.RemoveAll(dir))
	made, err := s.Renew()
	require.ErrorContains(t, err, s.file+" is gone, and cannot be made again: ")
	require.False(t, made)
}

func TestPortWhereThereAreNoSockets(t *testing.T) {
	dir := noSockets(t)
	core, logged := observer.New(zap.WarnLevel)
	h := named("i")
	h.Log = zap.New(core)
	s := serve(t, dir, h)
	require.Equal(t, 1, logged.FilterMessageSnippet("a port on loopback takes its place").Len())
	c := connect(t, dir)
	got, err := c.Storage(t.Context())
	require.NoError(t, err)
	require.Equal(t, "i", got.Instance)
	require.ErrorContains(t, c.Start(t.Context(), "x"), "the instance at "+readToken(t, dir).Address+" of "+tokenFile(dir)+": nothing is known of instances here")

	if runtime.GOOS != "windows" {
		at, err := os.Stat(tokenFile(dir))
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), at.Mode())
	}
	require.NoError(t, s.Close())
	for _, name := range []string{tokenFileName, newTokenFileName} {
		_, err = os.Lstat(filepath.Join(dir, name))
		require.ErrorIs(t, err, fs.ErrNotExist)
	}
	_, err = Connect(t.Context(), dir)
	require.Error(t, err)
}

// The token is of one start, and only who knows it is let in.
func TestPortAsksForTheToken(t *testing.T) {
	dir := noSockets(t)
	s := serve(t, dir, named("i"))
	a := readToken(t, dir)
	require.GreaterOrEqual(t, len(a.Token), 26) // 130 bits
	ask := func(host, authorization string) (int, Problem) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+a.Address+"/v1/storage", nil)
		require.NoError(t, err)
		r.Host = host
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		r.Close = true
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer answer.Body.Close()
		var p Problem
		require.NoError(t, json.NewDecoder(answer.Body).Decode(&p))
		if answer.StatusCode == http.StatusUnauthorized {
			require.Equal(t, "Bearer", answer.Header.Get("WWW-Authenticate"))
		}
		return answer.StatusCode, p
	}
	for _, wrong := range []string{"", "Bearer", "Bearer ", "Bearer " + a.Token + "x", "Bearer " + a.Token[1:], "Basic " + a.Token, a.Token} {
		status, p := ask(a.Address, wrong)
		require.Equal(t, http.StatusUnauthorized, status, wrong)
		require.Contains(t, p.Detail, "with the token in control.json in its data directory")
	}
	_, port, err := net.SplitHostPort(a.Address)
	require.NoError(t, err)
	for _, host := range []string{a.Address, "localhost:" + port, "LOCALHOST:" + port} {
		status, _ := ask(host, "Bearer "+a.Token)
		require.Equal(t, http.StatusOK, status, host)
		status, _ = ask(host, "bearer "+a.Token)
		require.Equal(t, http.StatusOK, status, host)
	}
	for _, host := range []string{"evil.example:" + port, "evil.example", "127.0.0.1", "localhost", "127.0.0.1:1", "127.0.0.2:" + port} {
		status, p := ask(host, "Bearer "+a.Token)
		require.Equal(t, http.StatusMisdirectedRequest, status, host)
		require.Contains(t, p.Detail, "only "+a.Address+" is answered here")
	}
	require.NoError(t, s.Close())
	serve(t, dir, named("i"))
	require.NotEqual(t, a.Token, readToken(t, dir).Token)
}

// The port of an instance that was killed may be another program's: it is not told
// the token, and not taken for an instance.
func TestPortOfADeadProcess(t *testing.T) {
	dir := noSockets(t)
	seen := make(chan http.Header, 10)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(proofHeader, "00")
		seen <- r.Header
	}))
	defer other.Close()
	a := access{Address: other.Listener.Addr().String(), Token: "secret"}
	require.NoError(t, a.write(tokenFile(dir)))
	_, err := Connect(t.Context(), dir)
	require.ErrorIs(t, err, ErrNotRunning)
	require.EqualError(t, err, "control port "+a.Address+" of "+tokenFile(dir)+": no instance answers there")
	require.Empty(t, wait(t, seen, "nobody was asked").Get("Authorization"))
	require.Empty(t, seen)

	other.Close()
	_, err = Connect(t.Context(), dir)
	require.ErrorIs(t, err, ErrNotRunning)

	serve(t, dir, named("new"))
	got, err := connect(t, dir).Storage(t.Context())
	require.NoError(t, err)
	require.Equal(t, "new", got.Instance)
}

// A socket takes the place of what a process without one left.
func TestSocketAfterAPort(t *testing.T) {
	dir := directory(t)
	require.NoError(t, access{"127.0.0.1:1", "secret"}.write(tokenFile(dir)))
	serve(t, dir, named("i"))
	_, err := os.Lstat(tokenFile(dir))
	require.ErrorIs(t, err, fs.ErrNotExist)
	got, err := connect(t, dir).Storage(t.Context())
	require.NoError(t, err)
	require.Equal(t, "i", got.Instance)
}

func TestControlFileThatIsDamaged(t *testing.T) {
	dir := directory(t)
	for text, want := range map[string]string{
		"":                                       "it is not understood",
		"{":                                      "it is not understood",
		"nil":                                    "it is not understood",
		`{}`:                                     `"" is no address on loopback, or the token is missing`,
		`{"address":"192.0.2.1:80","token":"x"}`: `"192.0.2.1:80" is no address on loopback`,
		`{"address":"evil.example:80","token":"x"}`: `"evil.example:80" is no address on loopback`,
		`{"address":"127.0.0.1:80"}`:                "the token is missing",
	} {
		require.NoError(t, os.WriteFile(tokenFile(dir), []byte(text), 0o600))
		_, err := Connect(t.Context(), dir)
		require.ErrorContains(t, err, "control file "+tokenFile(dir)+": ", text)
		require.ErrorContains(t, err, want, text)
		require.ErrorContains(t, err, "remove it if the instance does not run", text)
		require.NotErrorIs(t, err, ErrNotRunning)
	}
}

// A challenge that is too long is not worked on.
func TestChallenge(t *testing.T) {
	g := &guard{access{"127.0.0.1:1", "secret"}, http.NotFoundHandler()}
	for challenge, want := range map[string]string{
		"":                        "",
		"abc":                     g.proof("abc"),
		string(make([]byte, 129)): "",
	} {
		r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:1/", nil)
		r.Header.Set(challengeHeader, challenge)
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		require.Equal(t, http.StatusUnauthorized, w.Code)
		require.Equal(t, want, w.Header().Get(proofHeader))
	}
	require.NotEqual(t, g.proof("abc"), access{g.Address, "other"}.proof("abc"))
}
