package pipe

import (
	"bytes"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/net/nettest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// It behaves as package net wants connections to.
func TestConn(t *testing.T) {
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		a, b := New("a", "b")
		return a, b, func() { _, _ = a.Close(), b.Close() }, nil
	})
}

func TestAddresses(t *testing.T) {
	a, b := New("here", "there")
	require.Equal(t, "here", a.LocalAddr().String())
	require.Equal(t, "there", a.RemoteAddr().String())
	require.Equal(t, "there", b.LocalAddr().String())
	require.Equal(t, "here", b.RemoteAddr().String())
	require.Equal(t, "pipe", b.RemoteAddr().Network())
}

// Who writes a little and closes is heard nevertheless, and does not wait for it.
func TestLastWord(t *testing.T) {
	a, b := New("a", "b")
	_, err := a.Write([]byte("last word"))
	require.NoError(t, err)
	require.NoError(t, a.Close())
	got, err := io.ReadAll(b)
	require.NoError(t, err)
	require.Equal(t, "last word", string(got))
	_, err = b.Write([]byte("too late"))
	require.ErrorIs(t, err, io.ErrClosedPipe)
	_, err = a.Read(make([]byte, 1))
	require.ErrorIs(t, err, net.ErrClosed)
	require.ErrorIs(t, a.SetDeadline(time.Now()), net.ErrClosed)
}

// Closed one way, the other goes on.
func TestCloseWrite(t *testing.T) {
	a, b := New("a", "b")
	require.NoError(t, a.(interface{ CloseWrite() error }).CloseWrite())
	_, err := b.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	_, err = b.Write([]byte("answer"))
	require.NoError(t, err)
	require.NoError(t, b.Close())
	got, err := io.ReadAll(a)
	require.NoError(t, err)
	require.Equal(t, "answer", string(got))
}

// The buffer is bounded: a Write that is more than that waits, and says at the
// deadline how much was taken.
func TestBound(t *testing.T) {
	a, b := New("a", "b")
	much := bytes.Repeat([]byte("much"), most)
	require.NoError(t, a.SetWriteDeadline(time.Now().Add(10*time.Millisecond)))
	n, err := a.Write(much)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.Equal(t, most, n)
	require.NoError(t, a.SetWriteDeadline(time.Time{}))
	wrote := make(chan error, 1)
	go func() {
		_, err := a.Write(much[n:])
		wrote <- err
		_ = a.Close()
	}()
	got, err := io.ReadAll(b)
	require.NoError(t, err)
	require.NoError(t, <-wrote)
	require.Equal(t, much, got)
}

func BenchmarkPipe(b *testing.B) {
	for name, made := range map[string]func() (net.Conn, net.Conn){
		"ours": func() (net.Conn, net.Conn) { return New("a", "b") }, "net.Pipe": net.Pipe,
	} {
		b.Run(name, func(b *testing.B) {
			one, two := made()
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{two}, make([]byte, 16<<10))
			}()
			packet := make([]byte, 100)
			b.SetBytes(100)
			for b.Loop() {
				_, _ = one.Write(packet)
			}
			_ = one.Close()
			<-done
		})
	}
}
