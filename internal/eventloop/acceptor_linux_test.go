package eventloop

import (
	"io"
	"net"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/sys/unix"
)

// listen has a loop accept from a new port.
func listen(t *testing.T, l Loop, log *zap.Logger, accept func(Conn)) *Listener {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var listener *Listener
	on(l, func() { listener = Listen(l, inner, log, accept) })
	require.NotNil(t, listener.acceptor)
	return listener
}

// closeOn closes twice on the loop's turn.
func closeOn(t *testing.T, l Loop, listener *Listener) {
	t.Helper()
	var first, second error
	on(l, func() { first, second = listener.Close(), listener.Close() })
	require.NoError(t, first)
	require.NoError(t, second)
}

func TestLoopAccepts(t *testing.T) {
	g := start(t, 2)
	from, to := g.Loops()[0], g.Loops()[1]
	accepted := make(chan Conn, 200)
	l := listen(t, from, zap.NewNop(), func(c Conn) { accepted <- c })
	for i := range 2 * acceptMost { // more than one turn takes
		theirs, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		defer func() { _ = theirs.Close() }()
		ours := await(t, accepted)
		require.Equal(t, theirs.LocalAddr().String(), ours.RemoteAddr().String())
		require.Equal(t, "tcp", ours.RemoteAddr().Network())
		loop := []Loop{from, to}[i%2]
		e := &end{loop: loop}
		e.ready = func(Events) {
			buffer := make([]byte, 8)
			if n, err := e.Read(buffer); err == nil {
				_, _ = e.Write(buffer[:n])
			}
		}
		on(loop, func() {
			if e.Stream, err = g.Attach(ours, loop, e); err == nil {
				e.Interest(true, false)
			}
		})
		require.NoError(t, err)
		_, err = theirs.Write([]byte("echo"))
		require.NoError(t, err)
		back := make([]byte, 4)
		_, err = io.ReadFull(theirs, back)
		require.NoError(t, err)
		require.Equal(t, "echo", string(back))
	}
	closeOn(t, from, l)
	_, err := net.Dial("tcp", l.Addr().String())
	require.Error(t, err)
}

// TestAcceptedInheritOptions: they are set once, of the socket that listens.
func TestAcceptedInheritOptions(t *testing.T) {
	g := start(t, 1)
	accepted := make(chan Conn, 1)
	l := listen(t, g.Loops()[0], zap.NewNop(), func(c Conn) { accepted <- c })
	theirs, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer func() { _ = theirs.Close() }()
	fd := int(await(t, accepted).(*fresh).socket.fd)
	for _, option := range [][3]int{
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1}, {unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 15}, {unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15}, {unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 9},
	} {
		value, err := unix.GetsockoptInt(fd, option[0], option[1])
		require.NoError(t, err)
		require.Equal(t, option[2], value, "option %v", option[:2])
	}
	closeOn(t, g.Loops()[0], l)
}

func TestAddresses(t *testing.T) {
	for _, network := range []string{"127.0.0.1:0", "[::1]:0", "[::]:0"} {
		inner, err := net.Listen("tcp", network)
		if err != nil && network != "127.0.0.1:0" {
			t.Logf("no IPv6 here: %v", err)
			continue
		}
		require.NoError(t, err)
		g := start(t, 1)
		loop := g.Loops()[0]
		accepted := make(chan Conn, 1)
		var l *Listener
		on(loop, func() { l = Listen(loop, inner, zap.NewNop(), func(c Conn) { accepted <- c }) })
		for _, host := range map[string][]string{"127.0.0.1:0": {"127.0.0.1"}, "[::1]:0": {"::1"}, "[::]:0": {"127.0.0.1", "::1"}}[network] {
			theirs, err := net.Dial("tcp", net.JoinHostPort(host, strconv.Itoa(l.Addr().(*net.TCPAddr).Port)))
			require.NoError(t, err)
			ours := await(t, accepted)
			require.Equal(t, theirs.LocalAddr().String(), ours.RemoteAddr().String())
			require.NoError(t, theirs.Close())
		}
		closeOn(t, loop, l)
	}
}

// TestNobodyTakesWhatWasAccepted: it is closed with the group, or by whoever has it.
func TestNobodyTakesWhatWasAccepted(t *testing.T) {
	g, err := New(1, zap.NewNop())
	require.NoError(t, err)
	loop := g.Loops()[0]
	accepted := make(chan Conn, 2)
	l := listen(t, loop, zap.NewNop(), func(c Conn) { accepted <- c })
	var theirs [2]net.Conn
	for i := range theirs {
		theirs[i], err = net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		defer func() { _ = theirs[i].Close() }()
	}
	ours := await(t, accepted)
	require.NoError(t, ours.Close())
	require.NoError(t, ours.Close())
	_, err = g.Attach(ours, loop, &end{})
	require.ErrorIs(t, err, ErrClosed)
	await(t, accepted)
	require.NoError(t, g.Close(t.Context())) // with the listener
	for _, c := range theirs {
		require.NoError(t, c.SetReadDeadline(time.Now().Add(20*time.Second)))
		_, err := c.Read(make([]byte, 1))
		require.Error(t, err)
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	}
	_, err = net.Dial("tcp", l.Addr().String())
	require.Error(t, err)
}

// TestAcceptorRests: after an error it pauses, and goes on when that is over.
func TestAcceptorRests(t *testing.T) {
	g := start(t, 1)
	loop := g.Loops()[0]
	core, logs := observer.New(zap.InfoLevel)
	accepted := make(chan Conn, 1)
	l := listen(t, loop, zap.New(core), func(c Conn) { accepted <- c })
	a := l.acceptor
	broken, err := unix.Eventfd(0, 0) // accept4 refuses what is no socket
	require.NoError(t, err)
	resting, pause := false, time.Duration(0)
	on(loop, func() {
		a.socket.Interest(false, false)
		listening := a.socket.fd
		a.socket.fd = int32(broken)
		a.Ready(Readable)
		a.Ready(Readable)
		a.socket.fd = listening
		resting, pause = a.timer.Armed(), a.pause
	})
	require.True(t, resting)
	require.Equal(t, 4*backoffLow, pause)
	require.NoError(t, unix.Close(broken))
	theirs, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer func() { _ = theirs.Close() }()
	require.NoError(t, await(t, accepted).Close())
	closeOn(t, loop, l)
	require.Equal(t, 2, logs.Len(), "one line when it begins and one when it is over")
	require.EqualValues(t, 2, logs.All()[1].ContextMap()["failures"])
}
