package message

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe/internal/auth"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// Connect asks for the Session of an authenticated Client. It goes one way:
// connection -> registry -> session; the answer is [Attached], sent by the
// session straight to the connection. From that answer on it is the
// connection's again, with all in it but the Will and the strings.
type Connect struct {
	Connection *actor.PID
	Packet     *packet.Connect
	Attachment session.Attachment
	Address    string // remote network address, for logs
	Listener   string // name of the listener, for logs

	// Client is who it is, without password; nil if nobody is to be told.
	Client *auth.Client

	// House is that of the registry; nil if nothing is kept.
	House *House

	// Ticket is that of the [End] of the Session before, whose Client this is
	// again with a Clean Start: once it is committed the Client may be answered.
	// nil: there is nothing to wait for.
	Ticket *Ticket

	// Ended is the Session that passed this message back because it had ended
	// before it got it; the registry makes a new one.
	Ended *actor.PID
}

// Attached tells a connection that a session serves it from now on. The
// CONNACK follows as [Packets].
type Attached struct {
	Session   *actor.PID
	Epoch     uint32 // to be named in everything sent to the session
	KeepAlive uint16 // seconds, as announced to the Client; 0: none
}

// Detached tells a session that the Network Connection is gone.
type Detached struct {
	Epoch uint32
	Cause error // nil: closed in order
}

// Abandoned tells the session, by way of the registry and so behind the
// [Connect], that the connection went away before it knew its session.
type Abandoned struct {
	ClientID   string
	Connection *actor.PID
}

// End ends a Session for good: a Clean Start on another connection took its
// Client Identifier, or it was removed. Code is what an attached Client is told.
type End struct {
	Code   packet.ReasonCode
	Ticket *Ticket // released once the end is noted; may be nil
}

// Undelivered releases for a session that has ended already.
func (e *End) Undelivered() { e.Ticket.Release() }

// Ended tells the registry that a Session is over. Connects is the number of
// [Connect] messages the session had seen: if the registry has sent more, one
// is on its way and the session passes it back.
type Ended struct {
	ClientID string
	Session  *actor.PID
	Connects uint32
}
