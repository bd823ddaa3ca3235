package eventloop

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// within bounds how long a test waits for the other side: for ever would tell less.
const within = 20 * time.Second

// plain hides what a connection is, so that it gets goroutines.
type plain struct{ net.Conn }

// tcpPair is the two ends of a connection over loopback.
func tcpPair(t testing.TB) (ours, theirs net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	theirs, err = net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	ours, err = listener.Accept()
	require.NoError(t, err)
	require.NoError(t, theirs.SetDeadline(time.Now().Add(within)))
	return ours, theirs
}

// unixPair is the two ends of a connection over a Unix socket; ours has dialed.
func unixPair(t testing.TB) (ours, theirs net.Conn) {
	t.Helper()
	dir, err := os.MkdirTemp("", "loop") // that of the test may be longer than a socket's name can be
	require.NoError(t, err)
	defer func() { _ = os.RemoveAll(dir) }()
	listener, err := net.Listen("unix", filepath.Join(dir, "s"))
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	ours, err = net.Dial("unix", listener.Addr().String())
	require.NoError(t, err)
	theirs, err = listener.Accept()
	require.NoError(t, err)
	require.NoError(t, theirs.SetDeadline(time.Now().Add(within)))
	return ours, theirs
}

// kinds are the connections that every test of streams is run with.
func kinds(t *testing.T, test func(t *testing.T, pair func(testing.TB) (ours, theirs net.Conn))) {
	t.Run("tcp", func(t *testing.T) { test(t, tcpPair) })
	t.Run("dialed", func(t *testing.T) {
		test(t, func(t testing.TB) (net.Conn, net.Conn) {
			theirs, ours := tcpPair(t)
			require.NoError(t, theirs.SetDeadline(time.Now().Add(within)))
			require.NoError(t, ours.SetDeadline(time.Time{}))
			return ours, theirs
		})
	})
	t.Run("unix", func(t *testing.T) { test(t, unixPair) })
	t.Run("goroutines", func(t *testing.T) {
		test(t, func(t testing.TB) (net.Conn, net.Conn) {
			ours, theirs := tcpPair(t)
			return plain{ours}, theirs
		})
	})
	t.Run("pipe", func(t *testing.T) {
		test(t, func(testing.TB) (net.Conn, net.Conn) {
			ours, theirs := net.Pipe()
			_ = theirs.SetDeadline(time.Now().Add(within))
			return ours, theirs
		})
	})
}

// end is our side of a connection: a stream and what it is told. All of it is for the loop's turns.
type end struct {
	Stream
	loop  Loop
	ready func(Events)
}

func (e *end) Ready(events Events) { e.ready(events) }

// attach makes an end on l; ready is called with its events.
func attach(t testing.TB, g *Group, l Loop, c net.Conn, ready func(e *end, events Events)) *end {
	t.Helper()
	e := &end{loop: l}
	e.ready = func(events Events) { ready(e, events) }
	s, err := g.Attach(c, l, e)
	require.NoError(t, err)
	e.Stream = s
	return e
}

// await is the next value of a channel.
func await[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(within):
		require.FailNow(t, "nothing came")
		panic("unreachable")
	}
}

// echo writes back what it reads, waiting for room when there is none, and closes at the end.
type echo struct {
	pending []byte
	stuck   chan struct{} // closed at the first write that was not taken whole
	closed  chan struct{}
}

func (o *echo) ready(e *end, events Events) {
	if len(o.pending) > 0 {
		n, err := e.Write(o.pending)
		o.pending = o.pending[n:]
		if errors.Is(err, ErrAgain) {
			return
		}
	}
	if events&Readable != 0 {
		n, err := e.Read(e.loop.Scratch()[:e.loop.ReadBudget()])
		if n > 0 {
			written, _ := e.Write(e.loop.Scratch()[:n])
			o.pending = append(o.pending, e.loop.Scratch()[written:n]...)
			if written < n && o.stuck != nil {
				close(o.stuck)
				o.stuck = nil
			}
		}
		if err != nil && !errors.Is(err, ErrAgain) {
			_ = e.Close()
			close(o.closed)
			return
		}
	}
	e.Interest(len(o.pending) == 0, len(o.pending) > 0)
}

// TestStreamCarriesMuch sends more than any buffer holds to an echo, and reads back only once the echo could not write.
func TestStreamCarriesMuch(t *testing.T) {
	kinds(t, func(t *testing.T, pair func(testing.TB) (net.Conn, net.Conn)) {
		g := start(t, 2)
		loops := g.Loops()
		ours, theirs := pair(t)
		if tcp, ok := theirs.(*net.TCPConn); ok {
			require.NoError(t, tcp.SetReadBuffer(64<<10)) // so that the echo does not fit into the kernel
		}
		stuck := make(chan struct{})
		o := &echo{stuck: stuck, closed: make(chan struct{})}
		e := attach(t, g, loops[1], ours, o.ready)
		on(loops[1], func() { e.Interest(true, false) })

		sent := make([]byte, 12<<20)
		random := rand.NewChaCha8([32]byte{1})
		_, _ = random.Read(sent)
		failed := make(chan error, 1)
		go func() {
			_, err := theirs.Write(sent)
			failed <- err
		}()
		await(t, stuck)
		got := make([]byte, len(sent))
		_, err := io.ReadFull(theirs, got)
		require.NoError(t, err)
		require.NoError(t, await(t, failed))
		require.True(t, bytes.Equal(sent, got))
		require.NoError(t, theirs.Close())
		await(t, o.closed)
	})
}

func TestStreamTellsTheEnd(t *testing.T) {
	kinds(t, func(t *testing.T, pair func(testing.TB) (net.Conn, net.Conn)) {
		g := start(t, 1)
		l := g.Loops()[0]
		ours, theirs := pair(t)
		ended := make(chan error, 1)
		var got []byte
		e := attach(t, g, l, ours, func(e *end, _ Events) {
			for {
				n, err := e.Read(l.Scratch())
				got = append(got, l.Scratch()[:n]...)
				if errors.Is(err, ErrAgain) {
					return
				}
				if err != nil {
					_ = e.Close()
					ended <- err
					return
				}
			}
		})
		on(l, func() { e.Interest(true, false) })
		_, err := theirs.Write([]byte("last words"))
		require.NoError(t, err)
		require.NoError(t, theirs.Close())
		require.ErrorIs(t, await(t, ended), io.EOF)
		on(l, func() {
			require.Equal(t, "last words", string(got))
			_, err := e.Read(l.Scratch())
			require.ErrorIs(t, err, ErrClosed)
			_, err = e.Write([]byte("x"))
			require.ErrorIs(t, err, ErrClosed)
			require.NoError(t, e.Close())
			e.Interest(true, true) // nothing comes of it
		})
	})
}

// TestStreamIsSilentWithoutInterest also shows that events are levels: what was there before the interest is told.
func TestStreamIsSilentWithoutInterest(t *testing.T) {
	kinds(t, func(t *testing.T, pair func(testing.TB) (net.Conn, net.Conn)) {
		g := start(t, 1)
		l := g.Loops()[0]
		ours, theirs := pair(t)
		defer func() { _ = theirs.Close() }()
		events := make(chan Events, 100)
		e := attach(t, g, l, ours, func(e *end, got Events) {
			events <- got
			e.Interest(false, false)
		})
		on(l, func() { e.Interest(true, false) })
		for range 3 {
			_, err := theirs.Write([]byte("ab"))
			require.NoError(t, err)
			require.Equal(t, Readable, await(t, events))
			on(l, func() { // one byte is left: the level stays
				n, err := e.Read(l.Scratch()[:1])
				require.NoError(t, err)
				require.Equal(t, 1, n)
				require.Empty(t, events)
				e.Interest(true, false)
			})
			require.Equal(t, Readable, await(t, events))
			on(l, func() {
				_, err := e.Read(l.Scratch())
				require.NoError(t, err)
				_, err = e.Read(l.Scratch())
				require.ErrorIs(t, err, ErrAgain)
				e.Interest(false, true)
			})
			require.Equal(t, Writable, await(t, events))
			on(l, func() { e.Interest(true, false) })
		}
		on(l, func() { require.NoError(t, e.Close()) })
		require.Empty(t, events)
	})
}

func TestStreamMoves(t *testing.T) {
	kinds(t, func(t *testing.T, pair func(testing.TB) (net.Conn, net.Conn)) {
		g := start(t, 2)
		loops := g.Loops()
		ours, theirs := pair(t)
		defer func() { _ = theirs.Close() }()
		at := make(chan byte)
		var owner int // read and written on the owning loop alone: the race detector would see another one
		e := attach(t, g, loops[0], ours, func(e *end, _ Events) {
			var b [1]byte
			if n, _ := e.Read(b[:]); n == 1 {
				owner = 1 - owner
				e.Move(loops[owner])
				at <- b[0]
			}
		})
		on(loops[0], func() { e.Interest(true, false) })
		for i := range 200 {
			_, err := theirs.Write([]byte{byte(i)})
			require.NoError(t, err)
			require.Equal(t, byte(i), await(t, at))
		}
		on(loops[0], func() { require.NoError(t, e.Close()) })
	})
}

// TestStreamDeliversBeforeItCloses: what Write took reaches a peer that reads afterwards.
func TestStreamDeliversBeforeItCloses(t *testing.T) {
	kinds(t, func(t *testing.T, pair func(testing.TB) (net.Conn, net.Conn)) {
		g := start(t, 1)
		l := g.Loops()[0]
		ours, theirs := pair(t)
		e := attach(t, g, l, ours, func(*end, Events) {})
		on(l, func() {
			n, err := e.Write(make([]byte, 20_000))
			require.NoError(t, err)
			require.Equal(t, 20_000, n)
			require.NoError(t, e.Close())
		})
		got, err := io.ReadAll(theirs)
		require.NoError(t, err)
		require.Len(t, got, 20_000)
		_ = theirs.Close()
	})
}

// TestHangupComesOnceWithoutInterest resets a connection that nobody wants to read, as one under back-pressure.
func TestHangupComesOnceWithoutInterest(t *testing.T) {
	g := start(t, 1)
	l := g.Loops()[0]
	ours, theirs := tcpPair(t)
	events := make(chan Events, 100)
	e := attach(t, g, l, ours, func(_ *end, got Events) {
		select {
		case events <- got:
		default: // the end comes again every turn as long as reading is wanted
		}
	})
	on(l, func() {
		e.Interest(true, false)
		e.Interest(false, false)
	})
	require.NoError(t, theirs.(*net.TCPConn).SetLinger(0)) // so that closing resets
	require.NoError(t, theirs.Close())
	require.Equal(t, Hangup, await(t, events))
	for range 50 { // turns
		on(l, func() {})
	}
	require.Empty(t, events)
	on(l, func() { e.Interest(true, false) })
	require.Equal(t, Readable|Hangup, await(t, events))
	on(l, func() {
		_, err := e.Read(l.Scratch())
		require.Error(t, err)
		require.NotErrorIs(t, err, ErrAgain)
		require.NoError(t, e.Close())
	})
}

func TestWriteToAGonePeerFails(t *testing.T) {
	kinds(t, func(t *testing.T, pair func(testing.TB) (net.Conn, net.Conn)) {
		g := start(t, 1)
		l := g.Loops()[0]
		ours, theirs := pair(t)
		failed := make(chan error, 1)
		e := attach(t, g, l, ours, func(e *end, _ Events) {
			if _, err := e.Write(make([]byte, 100)); err != nil && !errors.Is(err, ErrAgain) {
				_ = e.Close()
				failed <- err
			}
		})
		require.NoError(t, theirs.Close())
		on(l, func() { e.Interest(false, true) })
		require.Error(t, await(t, failed))
	})
}

// TestGroupClosesWhatIsLeft: streams nobody has closed, also those that never wanted anything, do not outlive the group.
func TestGroupClosesWhatIsLeft(t *testing.T) {
	kinds(t, func(t *testing.T, pair func(testing.TB) (net.Conn, net.Conn)) {
		g, err := New(1, nil)
		require.NoError(t, err)
		l := g.Loops()[0]
		var peers []net.Conn
		for i := range 4 {
			ours, theirs := pair(t)
			e := attach(t, g, l, ours, func(*end, Events) {})
			if i%2 == 0 {
				on(l, func() { e.Interest(true, false) })
			}
			peers = append(peers, theirs)
		}
		require.NoError(t, g.Close(context.Background()))
		for _, c := range peers {
			_, err := c.Read(make([]byte, 1))
			require.ErrorIs(t, err, io.EOF)
			_ = c.Close()
		}
		ours, theirs := pair(t)
		_, err = g.Attach(ours, l, &end{})
		require.ErrorIs(t, err, ErrClosed)
		_, err = theirs.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF, "what cannot be attached is closed")
		_ = theirs.Close()
	})
}
