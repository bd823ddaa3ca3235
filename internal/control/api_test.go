package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// An API in the server of a host, as far as it lets go of what it cannot close.
func TestCloseInTheServerOfAHost(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan error, 1)
	a := NewAPI(Handlers{Backup: func(_ context.Context, w io.Writer) error {
		close(begun)
		for {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil { // nobody reads
				ended <- err
				return err
			}
		}
	}, Instances: newFleet()})
	host := httptest.NewServer(a)
	defer host.Close()
	answer, err := http.Get(host.URL + "/v1/backup")
	require.NoError(t, err)
	defer answer.Body.Close()
	<-begun

	// And one whose body does not come.
	c, err := net.Dial("tcp", host.Listener.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	_, err = io.WriteString(c, "POST /v1/instances HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	require.NoError(t, err)

	closed := make(chan struct{})
	go func() {
		defer close(closed)
		a.Close()
	}()
	require.Error(t, wait(t, ended, "the backup goes on"))
	wait(t, closed, "Close does not return")
	a.Close()

	answer, err = http.Get(host.URL + "/v1/instances")
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, http.StatusServiceUnavailable, answer.StatusCode)
	require.Equal(t, "application/problem+json", answer.Header.Get("Content-Type"))
}

// Who asks and does not wait for the answer is no reason to panic.
func TestAnswerThatNobodyReads(t *testing.T) {
	a := NewAPI(Handlers{
		Bridges:   func(context.Context) ([]Bridge, error) { return make([]Bridge, 1000), nil },
		Instances: newFleet(),
	})
	t.Cleanup(a.Close)
	for _, target := range []string{"/v1/bridges", "/v1/instances/none", "/openapi.json", "/openapi.yaml", "/none"} {
		require.NotPanics(t, func() { a.ServeHTTP(deaf{httptest.NewRecorder()}, httptest.NewRequest(http.MethodGet, target, nil)) })
	}
}

// deaf is somebody who has left.
type deaf struct{ http.ResponseWriter }

func (deaf) Write([]byte) (int, error) { return 0, errors.New("nobody is there") }

// What is not kept cannot be asked for, and the answer says why.
func TestNothingKept(t *testing.T) {
	nothing := errors.Join(ErrUnknown, errors.New("there is no data directory"))
	dir := directory(t)
	serve(t, dir, Handlers{
		Storage: func(context.Context) (Storage, error) { return Storage{}, nothing },
		Backup:  func(context.Context, io.Writer) error { return nothing },
	})
	c := connect(t, dir)
	_, err := c.Storage(t.Context())
	var p *Problem
	require.ErrorAs(t, err, &p)
	require.Equal(t, http.StatusNotFound, p.Status)
	require.ErrorContains(t, err, "there is no data directory")
	_, err = c.Backup(t.Context())
	require.ErrorAs(t, err, &p)
	require.Equal(t, http.StatusNotFound, p.Status)
}

// An instance that nobody asks pays next to nothing for being able to answer.
func TestIdleCostsNothing(t *testing.T) {
	made := testing.AllocsPerRun(100, func() { NewAPI(Handlers{Instances: newFleet()}).Close() })
	require.Less(t, made, 30.0)
}

// What is made once for all of them mixes none up.
func TestEachAnswersForItself(t *testing.T) {
	var group sync.WaitGroup
	for n := range 8 {
		name := fmt.Sprint("i", n)
		a := NewAPI(Handlers{Name: name, Version: name, Instances: newFleet(name), Storage: named(name).Storage})
		t.Cleanup(a.Close)
		group.Go(func() {
			for range 20 {
				require.Contains(t, get(t, a, "/v1/instances").Body.String(), `[{"name":"`+name+`"`)
				require.Contains(t, get(t, a, "/v1/storage").Body.String(), `{"instance":"`+name+`"`)
				require.Contains(t, get(t, a, "/openapi.json").Body.String(), `"version":"`+name+`"`)
			}
		})
	}
	group.Wait()
	nothing := NewAPI(Handlers{})
	t.Cleanup(nothing.Close)
	for _, target := range []string{"/v1/instances", "/v1/instances/x", "/v1/bridges", "/v1/storage", "/v1/backup"} {
		w := httptest.NewRecorder()
		nothing.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
		require.Equal(t, http.StatusNotFound, w.Code, target)
		require.Contains(t, w.Body.String(), "nothing is known of ", target)
	}
	for _, target := range []string{"/v1/instances/x/start", "/v1/instances/x/stop", "/v1/instances/x/reload", "/v1/bridges/x/pause", "/v1/bridges/x/switch"} {
		w := httptest.NewRecorder()
		nothing.ServeHTTP(w, httptest.NewRequest(http.MethodPost, target, nil))
		require.Equal(t, http.StatusNotFound, w.Code, target)
	}
}
