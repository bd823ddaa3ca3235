// Package registry holds the actors that know which Session belongs to which
// Client Identifier.
//
// Each registry owns the Client Identifiers of one hash range and supervises
// their sessions. All that concerns one Client Identifier passes through one
// mailbox here, so two CONNECTs with the same identifier never race
// [MQTT-3.1.4-3].
package registry

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/protocol/packet"
)

// Spawn makes the session actor of a Client as a child of the registry, with
// the given name, which is unique among its siblings.
type Spawn func(ctx actor.Context, name, clientID string) *actor.PID

// Restored is a Session from a store, and how its actor is made.
type Restored struct {
	ClientID string
	Spawn    func(ctx actor.Context, name string) *actor.PID
}

// nameSeparator stands between the number of a session actor and its Client
// Identifier, and nowhere before.
const nameSeparator = ":"

// Registry is the actor.
type Registry struct {
	spawn    Spawn
	ticket   func(session *actor.PID) *message.Ticket
	sessions map[string]entry
	leaving  map[string]entry // sessions that their Clients have no more, by PID.Id, until they are done
	restored []Restored       // until they are spawned
	spawned  uint64
	draining any // *message.Drain or *message.Shutdown once it was seen
}

type entry struct {
	session  *actor.PID
	connects uint32 // Connect messages sent to it
}

// New makes a registry that begins with restored sessions. ticket makes tickets
// for a session that waits for the end of another; nil if nobody has to wait.
func New(spawn Spawn, ticket func(session *actor.PID) *message.Ticket, restored []Restored) *Registry {
	return &Registry{spawn: spawn, ticket: ticket, restored: restored, sessions: make(map[string]entry, len(restored))}
}

// Receive implements actor.Actor. A failure leaves the registry as it is (its
// supervisor resumes it): a restart would take all its sessions with it, and
// no step below leaves the map half changed.
func (r *Registry) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		for _, saved := range r.restored {
			session := saved.Spawn(ctx, r.name(saved.ClientID))
			r.sessions[clientOf(session)] = entry{session: session}
		}
		r.restored = nil
	case *message.Connect:
		r.connect(ctx, m)
	case *message.Ended:
		r.ended(ctx, m)
	case *message.Abandoned:
		if e, ok := r.sessions[m.ClientID]; ok {
			ctx.Send(e.session, m)
		}
	case *message.Resubscribe:
		r.tell(ctx, m)
	case *message.Drain:
		r.draining = m
		r.tell(ctx, m)
	case *message.Shutdown:
		r.draining = m
		r.tell(ctx, m)
	case *actor.Terminated:
		r.terminated(m.Who)
	}
}

func (r *Registry) connect(ctx actor.Context, m *message.Connect) {
	e, ok := r.sessions[string(m.Packet.ClientID)]
	before := e.session
	switch {
	case !ok:
	case m.Ended != nil && e.session.Equal(m.Ended):
		r.leave(e)
		ok = false
	case m.Packet.CleanStart: // [MQTT-3.1.2-4]
		r.leave(e)
		ok = false
	}
	renewed := !ok && m.Ended == nil && before != nil
	m.Ended = nil
	if !ok {
		// A Session with a Clean Start gets an actor of its own, so that no
		// message meant for the one before can reach it.
		name := r.name(string(m.Packet.ClientID))
		e = entry{session: r.spawn(ctx, name, name[len(name)-len(m.Packet.ClientID):])}
	}
	if renewed {
		if r.ticket != nil {
			m.Ticket = r.ticket(e.session)
			m.Ticket.Hold(1)
		}
		ctx.Send(before, &message.End{Code: packet.SessionTakenOver, Ticket: m.Ticket})
	}
	e.connects++
	r.sessions[clientOf(e.session)] = e
	ticket := m.Ticket // m is the session's from here on
	ctx.Send(e.session, m)
	if renewed {
		ticket.Release()
	}
	if r.draining != nil {
		ctx.Send(e.session, r.draining)
	}
}

// name makes the name of the next session's actor.
func (r *Registry) name(clientID string) string {
	r.spawned++
	return strconv.FormatUint(r.spawned, 36) + nameSeparator + clientID
}

// leave keeps a session that its Client has no more, until it has done all that
// it owes to others.
func (r *Registry) leave(e entry) {
	if r.leaving == nil {
		r.leaving = make(map[string]entry)
	}
	r.leaving[e.session.Id] = e
}

// ended stops a session that is over and done, unless a Client is on its way to
// it: the session then passes that Connect back, and says again that it ended.
func (r *Registry) ended(ctx actor.Context, m *message.Ended) {
	e, ok := r.sessions[m.ClientID]
	if !ok || !e.session.Equal(m.Session) {
		e, ok = r.leaving[m.Session.Id]
	}
	if ok && e.connects != m.Connects {
		return
	}
	r.forget(m.Session, m.ClientID)
	ctx.Stop(m.Session)
}

// clientOf is the Client Identifier of a session: the rest of its name, in the
// same memory.
func clientOf(session *actor.PID) string {
	_, id, _ := strings.Cut(session.Id, nameSeparator)
	return id
}

// terminated forgets a session that its supervisor stopped for good. The name
// of its actor holds the Client Identifier.
func (r *Registry) terminated(session *actor.PID) {
	r.forget(session, clientOf(session))
}

func (r *Registry) forget(session *actor.PID, clientID string) {
	delete(r.leaving, session.Id)
	if e, ok := r.sessions[clientID]; ok && e.session.Equal(session) {
		delete(r.sessions, clientID)
	}
}

// tell has a fixed order, so that what follows can be repeated.
func (r *Registry) tell(ctx actor.Context, m any) {
	for _, id := range slices.Sorted(maps.Keys(r.sessions)) {
		ctx.Send(r.sessions[id].session, m)
	}
	for _, id := range slices.Sorted(maps.Keys(r.leaving)) {
		ctx.Send(r.leaving[id].session, m)
	}
}
