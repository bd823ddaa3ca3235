// Package connection holds the connection actor: one per Network Connection.
// It speaks bytes: it cuts what arrives into MQTT Control Packets, hands them
// over in one message per read, writes what the session says, and watches the
// Keep Alive. What the packets mean is the session's business, except for the
// first ones, before there is a session: see opening.go.
//
// Idle it holds no buffer: what is read goes into its loop's scratch space,
// what is to be written comes in the session's buffer.
package connection

import (
	"net"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/routing"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/internal/auth"
	"github.com/troupemq/troupe/internal/eventloop"
	"github.com/troupemq/troupe/internal/telemetry"
	"github.com/troupemq/troupe/protocol/packet"
	core "github.com/troupemq/troupe/protocol/session"
)

const (
	// outputHigh is the number of bytes waiting to be written at which the
	// connection stops reading: who does not read its answers gets no more
	// questions in.
	outputHigh = 256 << 10
	// lingerMillis is how long a connection that is to close waits for the
	// peer to take what is left.
	lingerMillis = 2000
)

// Env is what the connections of one instance share.
type Env struct {
	Root           *actor.RootContext
	Loops          []eventloop.Loop
	Attach         func(net.Conn, eventloop.Loop, eventloop.Handler) (eventloop.Stream, error)
	Clients        *routing.Clients
	Limits         *core.Limits
	Auth           *auth.Authenticator
	ConnectTimeout int64 // milliseconds from the accept to the CONNACK
	Counters       *telemetry.Counters
	Release        func(*message.Packets) // gives a written buffer back
	Slabs          *message.Slabs         // for what is read in bulk
	NewClientID    func() string          // for Clients that bring none
	Log            *zap.Logger
}

// Listener is what a connection knows of the listener it came through.
type Listener struct {
	Name           string
	AllowAnonymous bool
}

// Connection is the actor.
type Connection struct {
	env      *Env
	listener *Listener
	loop     eventloop.Loop
	mailbox  *system.Mailbox
	self     *actor.PID

	accepted net.Conn // until Started
	stream   eventloop.Stream
	address  string

	opening *opening // nil once a session serves the connection
	session *actor.PID
	epoch   uint64

	partial []byte // the beginning of a packet whose rest has not come
	size    int    // of that packet in bytes, 0: not known

	out      []*message.Packets // handed over, not written
	written  int                // bytes of out[0]
	outBytes int

	keepAlive int64 // milliseconds the Client may be silent, 0: for ever
	heard     int64 // Unix ms of its last packet
	timer     *eventloop.Timer

	held    bool // the session took the credit to read
	closing bool // write what is left, then close
	deaf    bool // nothing the Client sends matters any more
	said    bool // the last word was ours
	closed  bool
}

// New makes the actor for an accepted connection. mailbox is its own.
func New(env *Env, listener *Listener, loop eventloop.Loop, mailbox *system.Mailbox, conn net.Conn) *Connection {
	return &Connection{env: env, listener: listener, loop: loop, mailbox: mailbox, accepted: conn}
}

type timeout struct{}

// Receive implements actor.Actor.
func (c *Connection) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case eventloop.Events:
		c.ready(m)
	case *message.Packets:
		c.write(m)
	case *message.Attached:
		c.attached(m)
	case *message.Reading:
		c.held = !m.On
		c.heard = c.loop.Now() // it may have spoken while nobody listened
		c.interest()
	case *message.Close:
		c.said = m.Last
		c.finish()
	case *message.Hush:
		if c.opening != nil && !c.closed {
			c.lost(errShutdown) // who has not said CONNECT by now holds nothing up
		}
	case moved:
		c.arrive()
	case *admitted:
		c.admit(m)
	case *judged:
		c.judge(m)
	case timeout:
		c.lapse()
	case *actor.Started:
		c.start(ctx)
	case *actor.Stopping:
		c.close(nil)
	}
}

// Ready implements eventloop.Handler.
func (c *Connection) Ready(e eventloop.Events) { c.env.Root.Send(c.self, e) }

func (c *Connection) start(ctx actor.Context) {
	c.self = ctx.Self()
	c.address = c.accepted.RemoteAddr().String()
	stream, err := c.env.Attach(c.accepted, c.loop, c)
	if err != nil {
		c.env.Log.Warn("connection not taken", zap.String("address", c.address), zap.Error(err))
		_ = c.accepted.Close()
		c.accepted = nil
		c.closed = true
		c.env.Counters.ConnectionsOpen.Add(-1)
		ctx.Stop(c.self)
		return
	}
	c.stream, c.accepted = stream, nil
	c.opening = new(opening)
	self, root := c.self, c.env.Root
	c.timer = eventloop.NewTimer(func() { root.Send(self, timeout{}) })
	c.loop.Start(c.timer, c.loop.Now()+c.env.ConnectTimeout)
	c.interest()
}

func (c *Connection) ready(e eventloop.Events) {
	if c.closed {
		return
	}
	if e&eventloop.Writable != 0 && len(c.out) > 0 {
		c.drain()
	}
	if e&eventloop.Readable != 0 && !c.closed {
		c.read()
	}
	if e&eventloop.Hangup != 0 && e&eventloop.Readable == 0 && !c.closed {
		c.lost(net.ErrClosed)
	}
}

// attached makes a session the one that speaks for the Client.
func (c *Connection) attached(m *message.Attached) {
	if c.closed {
		return
	}
	c.session, c.epoch = m.Session, m.Epoch
	c.opening = nil
	c.keepAlive = int64(m.KeepAlive) * 1500 // [MQTT-3.1.2-22]
	c.heard = c.loop.Now()
	c.loop.Stop(c.timer)
	if c.keepAlive > 0 {
		c.loop.Start(c.timer, c.heard+c.keepAlive)
	}
	if early := c.partial; early != nil { // sent behind CONNECT without waiting
		c.partial, c.size = nil, 0
		c.consume(early)
	}
	c.interest()
}

// lapse is the end of the time for CONNECT, for silence, or for lingering.
func (c *Connection) lapse() {
	switch {
	case c.closed:
	case c.closing || c.deaf:
		c.lost(errLingered)
	case c.opening != nil:
		c.env.Counters.ConnectionsRefused.Add(1)
		c.lost(errNoConnect)
	case c.held:
		c.loop.Start(c.timer, c.loop.Now()+c.keepAlive)
	case c.loop.Now() < c.heard+c.keepAlive:
		c.loop.Start(c.timer, c.heard+c.keepAlive)
	default:
		c.violation(packet.KeepAliveTimeout, nil)
	}
}

// violation lets the session tell the Client why it is cut off. Nothing more
// is read.
func (c *Connection) violation(code packet.ReasonCode, cause error) {
	c.deaf = true
	c.interest()
	c.loop.Start(c.timer, c.loop.Now()+lingerMillis)
	c.env.Root.Send(c.session, &message.Violation{Epoch: c.epoch, Code: code, Cause: cause})
}

// finish closes once everything is written.
func (c *Connection) finish() {
	if c.closed {
		return
	}
	if len(c.out) == 0 {
		c.lost(nil)
		return
	}
	c.closing = true
	c.interest()
	c.loop.Start(c.timer, c.loop.Now()+lingerMillis)
}

// lost ends the connection and its actor.
func (c *Connection) lost(cause error) {
	c.close(cause)
	c.env.Root.Stop(c.self)
}

// close gives back what the connection holds and tells the session. It is the
// last thing that happens, also when the actor failed.
func (c *Connection) close(cause error) {
	if c.closed {
		return
	}
	c.closed = true
	if c.timer != nil {
		c.loop.Stop(c.timer)
	}
	switch {
	case c.stream != nil && c.said && cause == nil:
		_ = c.stream.Finish()
	case c.stream != nil:
		_ = c.stream.Close()
	case c.accepted != nil: // it failed as it started
		_ = c.accepted.Close()
	}
	c.env.Counters.ConnectionsOpen.Add(-1)
	switch {
	case c.session != nil:
		c.env.Root.Send(c.session, &message.Detached{Epoch: c.epoch, Cause: cause})
	case c.opening != nil && c.opening.registry != nil:
		c.env.Root.Send(c.opening.registry, &message.Abandoned{ClientID: string(c.opening.connect.ClientID), Connection: c.self})
	case cause != nil:
		c.env.Log.Debug("connection closed before CONNECT",
			zap.String("address", c.address), zap.String("listener", c.listener.Name), zap.Error(cause))
	}
	// Last, since it may be what the actor failed over.
	out := c.out
	c.out, c.partial = nil, nil
	for _, p := range out {
		c.env.Release(p)
	}
}

// interest tells the loop which events are wanted now.
func (c *Connection) interest() {
	if c.closed {
		return
	}
	read := !c.held && !c.closing && !c.deaf && c.outBytes < outputHigh && (c.opening == nil || !c.opening.waiting)
	c.stream.Interest(read, len(c.out) > 0)
}
