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
	"crypto/x509"
	"net"
	"slices"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/routing"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/internal/auth"
	"github.com/troupemq/troupe/internal/eventloop"
	"github.com/troupemq/troupe/internal/hooks"
	"github.com/troupemq/troupe/internal/rate"
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
	Root    *actor.RootContext
	Loops   []eventloop.Loop
	Attach  func(eventloop.Conn, eventloop.Loop, eventloop.Handler) (eventloop.Stream, error)
	Clients *routing.Clients
	Limits  *core.Limits
	Auth    *auth.Judge
	// Refuse is asked about a Client that has shown who it is: Success lets it in.
	// nil: there is nothing to be asked. It must not block.
	Refuse         func(*packet.Connect) packet.ReasonCode
	Hooks          *hooks.Hooks // of the program that embeds the instance; nil: none
	ConnectTimeout int64        // milliseconds from the accept to the CONNACK
	Counters       *telemetry.Counters
	Release        func(*message.Packets) // gives a written buffer back
	Slabs          *message.Slabs         // for what is read in bulk
	Rate           *rate.Share            // of all connections together; nil: any
	NewClientID    func() string          // for Clients that bring none
	Log            *zap.Logger

	openings sync.Pool // of *opening
}

// Listener is what a connection knows of the listener it came through.
type Listener struct {
	Name           string
	AllowAnonymous bool
	// Username is the user name in the certificate of a Client; from is false if
	// it comes from CONNECT. nil: it does.
	Username func(*x509.Certificate) (name string, from bool)

	handshakes episode
}

// Connection is the actor: 128 bytes. What it needs to begin and what it needs
// while it is busy is apart, and not there while it is idle.
type Connection struct {
	env     *Env
	mailbox *system.Mailbox
	stream  eventloop.Stream // nil until Started
	timer   eventloop.Timer  // for CONNECT, for the Keep Alive, for lingering
	heard   int64            // Unix ms of the Client's last packet

	opening *opening // nil once a session serves the connection
	session *actor.PID
	partial *partial // once there was one
	output  *output  // nil while nothing waits

	epoch     uint32
	loop      uint16 // its number
	keepAlive uint16 // seconds, 0: the Client may be silent for ever

	held    bool // the session took the credit to read
	waits   bool // for its turn to read, when the instance is at its rate
	closing bool // write what is left, then close
	deaf    bool // nothing the Client sends matters any more
	said    bool // the last word was ours
	closed  bool
}

// partial is the beginning of a packet whose rest has not come.
type partial struct {
	bytes []byte
	size  int  // of the packet in bytes, 0: not known
	whole bool // the packet is there, and has to wait for its turn
}

// output is what was handed over and is not written.
type output struct {
	queue   []*message.Packets // never empty
	written int                // bytes of the first
	bytes   int                // of all that are not written
}

// New makes the actor for an accepted connection. mailbox is its own.
func New(env *Env, listener *Listener, loop eventloop.Loop, mailbox *system.Mailbox, conn eventloop.Conn) *Connection {
	o := env.takeOpening()
	o.listener, o.accepted, o.peer = listener, conn, conn
	return &Connection{env: env, loop: uint16(slices.Index(env.Loops, loop)), mailbox: mailbox, opening: o}
}

// on is the loop that it runs on.
func (c *Connection) on() eventloop.Loop { return c.env.Loops[c.loop] }

// silence is how long the Client may be silent, in milliseconds [MQTT-3.1.2-22].
func (c *Connection) silence() int64 { return int64(c.keepAlive) * 1500 }

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
		c.heard = c.on().Now() // it may have spoken while nobody listened
		c.resume()
	case *message.Close:
		c.said = m.Last
		c.finish()
	case *message.Hush:
		if c.opening != nil && !c.closed {
			c.lost(errShutdown) // who has not said CONNECT by now holds nothing up
		}
	case turn:
		c.turn()
	case moved:
		c.arrive()
	case *admitted:
		c.admit(m)
	case *judged:
		c.judge(m)
	case timeout:
		c.lapse()
	case *actor.Started:
		c.start()
	case *actor.Stopping:
		c.close(nil)
	}
}

// Ready implements eventloop.Handler.
func (c *Connection) Ready(e eventloop.Events) { c.mailbox.Post(e) }

// Expire implements eventloop.Alarm.
func (c *Connection) Expire() { c.mailbox.Post(timeout{}) }

func (c *Connection) start() {
	o := c.opening
	o.address = o.accepted.RemoteAddr().String()
	stream, err := c.env.Attach(o.accepted, c.on(), c)
	if err != nil {
		c.env.Log.Warn("connection not taken", zap.String("address", o.address), zap.Error(err))
		_ = o.accepted.Close()
		o.accepted = nil
		c.closed = true
		c.env.Counters.ConnectionsOpen.Add(-1)
		c.stop()
		return
	}
	c.stream, o.accepted = stream, nil
	c.timer.Init(c)
	c.on().Start(&c.timer, c.on().Now()+c.env.ConnectTimeout)
	c.interest()
}

// stop ends the actor.
func (c *Connection) stop() { c.env.Root.Stop(c.mailbox.PID()) }

func (c *Connection) ready(e eventloop.Events) {
	if c.closed {
		return
	}
	if e&eventloop.Writable != 0 && c.output != nil {
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
	if c.opening != nil {
		c.env.giveOpening(c.opening)
		c.opening = nil
	}
	c.keepAlive = m.KeepAlive
	c.heard = c.on().Now()
	c.on().Stop(&c.timer)
	if c.keepAlive > 0 {
		c.on().Start(&c.timer, c.heard+c.silence())
	}
	if early := c.takePartial(); early != nil { // sent behind CONNECT without waiting
		c.partial = nil
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
	case c.opening != nil && c.waits:
		c.on().Start(&c.timer, c.on().Now()+c.env.ConnectTimeout)
	case c.opening != nil && c.opening.judging():
		c.admit(&admitted{auth.Verdict{Err: errLate}})
	case c.opening != nil:
		c.env.Counters.ConnectionsRefused.Add(1)
		c.lost(errNoConnect)
	case c.held || c.waits:
		c.on().Start(&c.timer, c.on().Now()+c.silence())
	case c.on().Now() < c.heard+c.silence():
		c.on().Start(&c.timer, c.heard+c.silence())
	default:
		c.violation(packet.KeepAliveTimeout, nil)
	}
}

// violation lets the session tell the Client why it is cut off. Nothing more
// is read.
func (c *Connection) violation(code packet.ReasonCode, cause error) {
	c.deaf = true
	c.interest()
	c.on().Start(&c.timer, c.on().Now()+lingerMillis)
	c.env.Root.Send(c.session, &message.Violation{Epoch: c.epoch, Code: code, Cause: cause})
}

// finish closes once everything is written.
func (c *Connection) finish() {
	if c.closed {
		return
	}
	if c.output == nil {
		c.lost(nil)
		return
	}
	c.closing = true
	c.interest()
	c.on().Start(&c.timer, c.on().Now()+lingerMillis)
}

// lost ends the connection and its actor.
func (c *Connection) lost(cause error) {
	c.close(cause)
	c.stop()
}

// close gives back what the connection holds and tells the session. It is the
// last thing that happens, also when the actor failed.
func (c *Connection) close(cause error) {
	if c.closed {
		return
	}
	c.closed = true
	c.on().Stop(&c.timer)
	c.leave()
	o := c.opening
	switch {
	case c.stream != nil && (c.said && cause == nil || unsecured(cause)):
		_ = c.stream.Finish()
	case c.stream != nil:
		_ = c.stream.Close()
	case o != nil && o.accepted != nil: // it failed as it started
		_ = o.accepted.Close()
	}
	c.env.Counters.ConnectionsOpen.Add(-1)
	switch {
	case c.session != nil:
		c.env.Root.Send(c.session, &message.Detached{Epoch: c.epoch, Cause: cause})
	case o != nil && o.registry != nil:
		c.env.Root.Send(o.registry, &message.Abandoned{ClientID: string(o.connect.ClientID), Connection: c.mailbox.PID()})
	case o != nil && cause != nil:
		c.unopened(cause)
	}
	// Last, since it may be what the actor failed over.
	out := c.output
	c.output, c.partial = nil, nil
	if out != nil {
		for _, p := range out.queue {
			c.env.Release(p)
		}
	}
}

// interest tells the loop which events are wanted now.
func (c *Connection) interest() {
	if c.closed {
		return
	}
	read := !c.held && !c.waits && !c.closing && !c.deaf && (c.output == nil || c.output.bytes < outputHigh) && (c.opening == nil || !c.opening.waiting)
	c.stream.Interest(read, c.output != nil)
}
