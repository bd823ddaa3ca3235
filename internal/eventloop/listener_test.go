package eventloop

import (
	"errors"
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestListenerAccepts(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	accepted := make(chan Conn)
	l := Listen(nil, inner, zap.NewNop(), func(c Conn) { accepted <- c })
	for range 3 {
		theirs, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		ours := await(t, accepted)
		require.Equal(t, theirs.LocalAddr().String(), ours.RemoteAddr().String())
		require.NoError(t, ours.Close())
		require.NoError(t, theirs.Close())
	}
	require.NoError(t, l.Close())
	require.NoError(t, l.Close())
	_, err = net.Dial("tcp", l.Addr().String())
	require.Error(t, err)
}

// broken is a listener whose Accept fails a number of times before it works, or for ever.
type broken struct {
	net.Listener
	failures int
	tried    chan struct{}
}

func (b *broken) Accept() (net.Conn, error) {
	if b.failures == 0 {
		return b.Listener.Accept()
	}
	b.failures--
	if b.tried != nil {
		b.tried <- struct{}{}
	}
	return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
}

func TestListenerOutlivesWantOfDescriptors(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	core, logs := observer.New(zap.InfoLevel)
	accepted := make(chan Conn)
	l := Listen(nil, &broken{Listener: inner, failures: 3}, zap.New(core), func(c Conn) { accepted <- c })
	theirs, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	require.NoError(t, await(t, accepted).Close())
	require.NoError(t, theirs.Close())
	require.NoError(t, l.Close())
	require.Equal(t, 2, logs.Len(), "one line when it begins and one when it is over")
	require.Equal(t, zap.WarnLevel, logs.All()[0].Level)
	require.EqualValues(t, 3, logs.All()[1].ContextMap()["failures"])
}

func TestListenerClosesWhileItRests(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	tried := make(chan struct{}, 1<<10)
	l := Listen(nil, &broken{Listener: inner, failures: -1, tried: tried}, zap.NewNop(), func(Conn) { t.Error(errors.New("nobody came")) })
	await(t, tried)
	require.NoError(t, l.Close())
}
