package httpserver

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// patience is how long anything may take that is bound to happen.
const patience = 20 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serving has a handler answer until the end of the test, and tells where.
func serving(t *testing.T, o Options, h http.HandlerFunc) (*Server, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	s := Serve(l, h, o)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, l.Addr().String()
}

// dial connects, and gives up for the whole test if it has to wait too long.
func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	return c
}

// ask sends a request on a connection.
func ask(t *testing.T, c net.Conn) (status int, err error) {
	t.Helper()
	_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if err != nil {
		return 0, err
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	require.NoError(t, errors.Join(err, answer.Body.Close()))
	return answer.StatusCode, nil
}

// Close ends what it is answering, and returns when that has ended.
func TestClose(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	asked, ended := make(chan struct{}), false
	s, address := serving(t, Options{Context: ctx}, func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
		ended = true
	})
	idle, busy := dial(t, address), dial(t, address)
	_, err := io.WriteString(busy, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	<-asked
	cancel()
	require.NoError(t, s.Close())
	require.True(t, ended)
	require.NoError(t, s.Close(), "a second one does nothing")
	for _, c := range []net.Conn{idle, busy} {
		_, err := io.Copy(io.Discard, c) // to its end
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	}
	again, err := net.Listen("tcp", address)
	require.NoError(t, err, "the port is free")
	require.NoError(t, again.Close())
}

// Whoever comes when there are enough is turned away, until one of them has gone.
func TestConnections(t *testing.T) {
	_, address := serving(t, Options{Connections: 2}, func(http.ResponseWriter, *http.Request) {})
	first, second := dial(t, address), dial(t, address)
	for _, c := range []net.Conn{first, second} {
		status, err := ask(t, c)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
	}
	_, err := ask(t, dial(t, address))
	require.Error(t, err)
	require.NoError(t, first.Close())
	require.Eventually(t, func() bool {
		status, err := ask(t, dial(t, address))
		return err == nil && status == http.StatusOK
	}, patience, time.Millisecond)
	status, err := ask(t, second)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status, "who is there stays")
}

// Somebody who takes his time is not waited for.
func TestExchange(t *testing.T) {
	_, address := serving(t, Options{Exchange: time.Millisecond}, func(http.ResponseWriter, *http.Request) {})
	c := dial(t, address)
	_, err := io.WriteString(c, "GET / HTTP/1.1\r\n")
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, c)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
}

// That nobody is let in any more is said once, and to the log that it was handed.
func TestLostListener(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	s := Serve(l, http.NotFoundHandler(), Options{Name: "the endpoint", Log: zap.New(core)})
	<-s.served
	require.Equal(t, 1, logs.FilterMessage("the endpoint is closed").Len())
	require.NoError(t, s.Close())
}
