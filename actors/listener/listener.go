// Package listener holds the actors between a port and its connections.
//
// A listener supervises one Connections actor per event loop, and those
// supervise the connections that were accepted there: a single parent of
// 100,000 children would be a hot spot. What accepts, a turn of the listener's
// loop or a goroutine, does only that and posts each connection to the next
// loop in turn.
package listener

import (
	"errors"
	"net"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/internal/eventloop"
	"github.com/troupemq/troupe/internal/telemetry"
)

var (
	// ErrClosed is the answer to a [Handed] that comes after the listener was hushed.
	ErrClosed = errors.New("listener: it takes no more connections")
	errFailed = errors.New("listener: the actor of the connection failed")
	// ErrFull is the answer to a [Handed] that is one too many.
	ErrFull = errors.New("listener: connections at limits.max_connections")
)

// Listener is the actor of one open port, or of connections that are handed to it.
type Listener struct {
	loop     eventloop.Loop // its own
	socket   net.Listener   // nil: nothing is accepted
	maximum  int64          // connections of the instance, 0: no bound
	spawn    func(ctx actor.Context) []*actor.PID
	counters *telemetry.Counters
	log      *zap.Logger

	running  *eventloop.Listener
	children []*actor.PID
	next     int  // of them; like full it belongs to who accepts, or to the actor if nobody does
	full     bool // and that was said
	hushed   bool
}

// New makes the actor of an open socket. spawn makes its children, one
// Connections actor per event loop. The socket is closed when the actor stops. It
// may be nil: then all connections are [Handed].
func New(loop eventloop.Loop, socket net.Listener, maximum int, spawn func(actor.Context) []*actor.PID, counters *telemetry.Counters, log *zap.Logger) *Listener {
	return &Listener{loop: loop, socket: socket, maximum: int64(maximum), spawn: spawn, counters: counters, log: log}
}

// Receive implements actor.Actor.
func (l *Listener) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		l.start(ctx)
	case *Handed:
		l.take(ctx, m)
	case *message.Hush:
		l.hush()
	case *message.Quiesce:
		for _, child := range l.children {
			ctx.Send(child, m)
		}
	case *actor.Stopping:
		l.hush()
	}
}

func (l *Listener) start(ctx actor.Context) {
	l.children = l.spawn(ctx)
	if l.socket == nil {
		return
	}
	root := ctx.ActorSystem().Root
	l.running = eventloop.Listen(l.loop, l.socket, l.log, func(conn eventloop.Conn) {
		if child := l.admit(conn); child != nil {
			root.Send(child, &Accepted{Conn: conn})
		}
	})
	l.log.Info("listening", zap.Stringer("address", l.socket.Addr()))
}

// admit counts a connection and gives who is to supervise it; nil: it is one too
// many, and closed.
func (l *Listener) admit(conn eventloop.Conn) *actor.PID {
	l.counters.ConnectionsAccepted.Add(1)
	if open := l.counters.ConnectionsOpen.Add(1); l.maximum > 0 && open > l.maximum {
		l.counters.ConnectionsOpen.Add(-1)
		l.counters.ConnectionsRefused.Add(1)
		_ = conn.Close()
		if !l.full {
			l.full = true
			l.log.Warn("connections at limits.max_connections, new ones are refused", zap.Int64("max_connections", l.maximum))
		}
		return nil
	}
	l.full = false
	child := l.children[l.next]
	l.next = (l.next + 1) % len(l.children)
	return child
}

// take is admit for a connection of the program.
func (l *Listener) take(ctx actor.Context, m *Handed) {
	if l.hushed {
		m.Taken <- ErrClosed
		return
	}
	child := l.admit(m.Conn)
	if child == nil {
		m.Taken <- ErrFull
		return
	}
	ctx.Send(child, &Accepted{Conn: m.Conn, Taken: m.Taken})
}

// hush stops accepting. Connections that are open stay.
func (l *Listener) hush() {
	l.hushed = true
	if l.running == nil {
		return
	}
	if err := l.running.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		l.log.Warn("closing the listener", zap.Error(err))
	}
	l.running = nil
}

// Handed hands a connection to a Listener that has no socket.
type Handed struct {
	Conn eventloop.Conn
	// Taken, which has room for it, is told once an actor owns the connection, or
	// why none does: ErrClosed leaves it open, ErrFull has closed it.
	Taken chan<- error
}

// Accepted hands a connection to the Connections actor that is to supervise it.
type Accepted struct {
	Conn  eventloop.Conn
	Taken chan<- error // nil: nobody waits
}

// Connections is the actor that supervises the connections of one listener
// that were accepted on one event loop.
type Connections struct {
	spawn    func(actor.Context, eventloop.Conn)
	waiting  []chan<- struct{} // told when no connection is left
	children int
}

// NewConnections makes the actor; spawn makes the actor of a connection.
func NewConnections(spawn func(actor.Context, eventloop.Conn)) *Connections {
	return &Connections{spawn: spawn}
}

// Receive implements actor.Actor.
func (c *Connections) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *Accepted:
		c.take(ctx, m)
	case *actor.Terminated:
		c.children--
		c.tell()
	case *message.Quiesce:
		for _, child := range ctx.Children() {
			ctx.Send(child, &message.Hush{})
		}
		c.waiting = append(c.waiting, m.Done)
		c.tell()
	}
}

// take spawns the actor of a connection. If that fails the connection is closed,
// and whoever waits is told.
func (c *Connections) take(ctx actor.Context, m *Accepted) {
	taken := errFailed
	defer func() {
		if taken != nil {
			_ = m.Conn.Close()
		}
		if m.Taken != nil {
			m.Taken <- taken
		}
	}()
	c.spawn(ctx, m.Conn)
	c.children++
	taken = nil
}

func (c *Connections) tell() {
	if c.children > 0 {
		return
	}
	for _, done := range c.waiting {
		done <- struct{}{}
	}
	c.waiting = nil
}
