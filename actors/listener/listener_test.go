package listener_test

import (
	"net"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/troupemq/troupe/actors/actortest"
	"github.com/troupemq/troupe/actors/listener"
	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/internal/eventloop"
	"github.com/troupemq/troupe/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// socket is a net.Listener that accepts what it is given.
type socket struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newSocket() *socket { return &socket{make(chan net.Conn), make(chan struct{})} }

func (s *socket) Accept() (net.Conn, error) {
	select {
	case c := <-s.conns:
		return c, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

func (s *socket) Close() error   { close(s.closed); return nil }
func (s *socket) Addr() net.Addr { return &net.TCPAddr{} }

// conn is a connection that only knows that it was closed.
type conn struct {
	net.Conn
	closed chan struct{}
}

func newConn() *conn { return &conn{closed: make(chan struct{})} }

func (c *conn) Close() error { close(c.closed); return nil }

// child notes what the listener sends it; it is told by another goroutine.
type child struct {
	actortest.Witness
	accepted chan eventloop.Conn
	quiesced int
}

func (c *child) SendUserMessage(_ *actor.PID, m any) {
	switch m := actor.UnwrapEnvelopeMessage(m).(type) {
	case *listener.Accepted:
		c.accepted <- m.Conn
	case *message.Quiesce:
		c.quiesced++
	}
}

func TestListener(t *testing.T) {
	s := actortest.NewStage()
	var counters telemetry.Counters
	core, logs := observer.New(zap.InfoLevel)
	socket := newSocket()
	var children [2]*child
	var pids []*actor.PID
	for i := range children {
		children[i] = &child{accepted: make(chan eventloop.Conn, 8)}
		pid, _ := s.System.Actors().ProcessRegistry.Add(children[i], []string{"one", "two"}[i])
		pids = append(pids, pid)
	}
	pid := s.Spawn("listener", func(*system.Mailbox) actor.Actor {
		return listener.New(s.Loop, socket, 3, func(actor.Context) []*actor.PID { return pids }, &counters, zap.New(core))
	})
	require.Equal(t, 1, logs.FilterMessage("listening").Len())

	// In turn, up to the bound.
	var conns []*conn
	for i := range 3 {
		c := newConn()
		conns = append(conns, c)
		socket.conns <- c
		require.Equal(t, eventloop.Conn(c), <-children[i%2].accepted)
	}
	for range 2 {
		refused := newConn()
		socket.conns <- refused
		<-refused.closed
	}
	require.EqualValues(t, 3, counters.ConnectionsOpen.Load())
	counters.ConnectionsOpen.Add(-1) // one goes
	another := newConn()
	socket.conns <- another
	require.Equal(t, eventloop.Conn(another), <-children[1].accepted)
	require.EqualValues(t, 6, counters.ConnectionsAccepted.Load())
	require.EqualValues(t, 2, counters.ConnectionsRefused.Load())
	require.Equal(t, 1, logs.FilterMessage("connections at limits.max_connections, new ones are refused").Len())

	s.Send(pid, &message.Quiesce{})
	require.Equal(t, 1, children[0].quiesced)
	require.Equal(t, 1, children[1].quiesced)
	s.Send(pid, &message.Hush{}, &message.Hush{})
	<-socket.closed
	s.Root.Stop(pid)
	s.Settle()
	require.Empty(t, s.Failures)
	require.Empty(t, s.Broken())
	for _, c := range conns {
		select {
		case <-c.closed:
			require.Fail(t, "an open connection was closed")
		default:
		}
	}
}

// mute is a connection's actor.
type mute struct{}

func (mute) Receive(actor.Context) {}

func TestConnectionsQuiesceWhenTheLastIsGone(t *testing.T) {
	s := actortest.NewStage()
	kind := s.System.Kind("connection", system.Supervision{})
	var spawned []*actor.PID
	failing := false
	pid := s.Spawn("connections", func(*system.Mailbox) actor.Actor {
		return listener.NewConnections(func(ctx actor.Context, _ eventloop.Conn) {
			if failing {
				panic("no more")
			}
			spawned = append(spawned, kind.SpawnChild(ctx, s.Loop, "", func(*system.Mailbox) actor.Actor { return mute{} }))
		})
	})
	done := make(chan struct{}, 4)
	s.Send(pid, &message.Quiesce{Done: done})
	require.Len(t, done, 1, "there is none")
	<-done
	s.Send(pid, &listener.Accepted{}, &listener.Accepted{}, &message.Quiesce{Done: done})
	require.Len(t, spawned, 2)
	require.Empty(t, done)
	s.Root.Stop(spawned[0])
	s.Settle()
	require.Empty(t, done)
	s.Root.Stop(spawned[1])
	s.Settle()
	require.Len(t, done, 1)

	failing = true
	lost, taken := newConn(), make(chan error, 1)
	s.Send(pid, &listener.Accepted{Conn: lost, Taken: taken})
	require.Len(t, s.Failures, 1)
	<-lost.closed
	require.ErrorContains(t, <-taken, "failed")
}

// A listener without a socket takes what it is handed, up to the bound, until it
// is hushed.
func TestHanded(t *testing.T) {
	s := actortest.NewStage()
	var counters telemetry.Counters
	kid := &child{accepted: make(chan eventloop.Conn, 8)}
	childPID, _ := s.System.Actors().ProcessRegistry.Add(kid, "child")
	pid := s.Spawn("listener", func(*system.Mailbox) actor.Actor {
		return listener.New(s.Loop, nil, 1, func(actor.Context) []*actor.PID { return []*actor.PID{childPID} }, &counters, zap.NewNop())
	})
	taken := make(chan error, 1)
	first, second, third := newConn(), newConn(), newConn()
	s.Send(pid, &listener.Handed{Conn: first, Taken: taken})
	require.Equal(t, eventloop.Conn(first), <-kid.accepted)
	require.Empty(t, taken, "the child answers")
	s.Send(pid, &listener.Handed{Conn: second, Taken: taken})
	require.ErrorIs(t, <-taken, listener.ErrFull)
	<-second.closed
	s.Send(pid, &message.Hush{}, &listener.Handed{Conn: third, Taken: taken})
	require.ErrorIs(t, <-taken, listener.ErrClosed)
	select {
	case <-third.closed:
		require.Fail(t, "it is still the program's")
	default:
	}
	require.EqualValues(t, 1, counters.ConnectionsOpen.Load())
	require.EqualValues(t, 1, counters.ConnectionsRefused.Load())
	s.Root.Stop(pid)
	s.Settle()
	require.Empty(t, s.Failures)
}
