// Package registry holds the actors that know which Session belongs to which
// Client Identifier.
//
// Each registry owns the Client Identifiers of one hash range and supervises
// their sessions. All that concerns one Client Identifier passes through one
// mailbox here, so two CONNECTs with the same identifier never race
// [MQTT-3.1.4-3].
//
// A durable Session may be asleep: then it has no actor, see sleep.go.
package registry

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/internal/eventloop"
	"github.com/troupemq/troupe/protocol/packet"
)

// Options is what a registry works with.
type Options struct {
	Loop eventloop.Loop
	// Spawn makes the session actor of a Client as a child of the registry, with
	// the given name, which is unique among its siblings.
	Spawn func(ctx actor.Context, name, clientID string) *actor.PID

	// The rest is nil where nothing is kept.

	// House is the registry's own.
	House *message.House
	// Restored are the sessions that were found in the store. All are asleep.
	Restored []message.Asleep
	// Read reads what the store has of a session that is to wake, and calls back
	// once, from any goroutine.
	Read func(d *message.Door, woken func(*message.Woken))
	// Awake makes the session actor of one that was read.
	Awake func(ctx actor.Context, name string, m *message.Woken) *actor.PID
	// Ticket makes tickets for a session that waits for the end of another; nil if
	// nobody has to wait.
	Ticket func(session *actor.PID) *message.Ticket
}

// nameSeparator stands between the number of a session actor and its Client
// Identifier, and nowhere before.
const nameSeparator = ":"

// Registry is the actor.
type Registry struct {
	o        Options
	sessions map[string]entry
	leaving  map[string]entry // sessions that their Clients have no more, by PID.Id, until they are done
	spawned  uint64
	draining any // *message.Drain or *message.Shutdown once it was seen
	sleep    sleep
}

// entry is a Session. One that is asleep has no actor; one that is not durable
// has no door.
type entry struct {
	session  *actor.PID
	door     *message.Door
	connects uint32 // Connect messages sent to the actor
}

// New makes a registry.
func New(o Options) *Registry {
	return &Registry{o: o, sessions: make(map[string]entry, len(o.Restored))}
}

// Receive implements actor.Actor. A failure leaves the registry as it is (its
// supervisor resumes it): a restart would take all its sessions with it, and
// no step below leaves the map half changed.
func (r *Registry) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		r.start(ctx)
	case *message.Connect:
		r.connect(ctx, m)
	case *message.Establish:
		r.establish(ctx, m)
	case *message.Retire:
		r.retire(ctx, m)
	case *message.Ended:
		r.ended(ctx, m)
	case *message.Abandoned:
		if e, ok := r.sessions[m.ClientID]; ok {
			e.tell(ctx, m)
		}
	case *message.Kept:
		r.kept(m)
	case *message.Asleep:
		r.asleep(ctx, m)
	case *message.Wake:
		r.wake(ctx, m.Door)
	case *message.Woken:
		r.woken(ctx, m)
	case due:
		r.due(ctx)
	case *message.Resubscribe:
		r.tell(ctx, m)
	case *message.Judge:
		defer m.Answer(0)
		r.each(func(session *actor.PID) {
			m.Ask()
			ctx.Send(session, m)
		})
	case *message.Disconnect:
		r.disconnect(ctx, m)
	case *message.Drain:
		r.draining = m
		r.tell(ctx, m)
	case *message.Shutdown:
		r.draining = m
		r.tell(ctx, m)
	case *actor.Terminated:
		r.terminated(m.Who)
	case *actor.Stopping:
		r.stop()
	}
}

func (r *Registry) connect(ctx actor.Context, m *message.Connect) {
	id := string(m.Packet.ClientID)
	e, ok := r.sessions[id]
	before := e
	switch {
	case !ok:
	case m.Ended != nil && e.is(m.Ended):
		r.leave(e)
		ok = false
	case m.Packet.CleanStart: // [MQTT-3.1.2-4]
		r.leave(e)
		ok = false
	}
	// One that has ended by itself is waited for as well, if the store has it.
	renewed := !ok && before != entry{} && (m.Ended == nil || before.door != nil)
	m.Ended, m.House = nil, r.o.House
	if !ok {
		// A Session with a Clean Start gets an actor of its own, so that no
		// message meant for the one before can reach it.
		name := r.name(id)
		id = name[len(name)-len(id):]
		e = entry{session: r.o.Spawn(ctx, name, id)}
	}
	if renewed {
		if r.o.Ticket != nil {
			m.Ticket = r.o.Ticket(e.session)
			m.Ticket.Hold(1)
		}
		before.tell(ctx, &message.End{Code: packet.SessionTakenOver, Ticket: m.Ticket})
	}
	e.connects++
	if e.session != nil {
		id = clientOf(e.session)
	} else {
		id = e.door.ClientID
	}
	r.sessions[id] = e
	ticket := m.Ticket // m is the session's from here on
	e.tell(ctx, m)
	if renewed {
		ticket.Release()
	}
	if r.draining != nil {
		e.tell(ctx, r.draining)
	}
}

// disconnect passes on the wish to be rid of a Client. A session that is asleep has
// none, unless one waits at its door.
func (r *Registry) disconnect(ctx actor.Context, m *message.Disconnect) {
	e, ok := r.sessions[m.ClientID]
	if !ok || e.session == nil && !e.door.Awaited() {
		m.Found <- false
		return
	}
	e.tell(ctx, m)
}

// is tells whether the Session has this actor.
func (e entry) is(session *actor.PID) bool { return e.session != nil && e.session.Equal(session) }

// tell sends to the Session. One that is durable is reached by its door, since
// it may be about to sleep.
func (e entry) tell(ctx actor.Context, m any) {
	if e.door != nil {
		e.door.Post(m)
	} else {
		ctx.Send(e.session, m)
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
	if e.session == nil {
		r.dismiss(e)
		return
	}
	if r.leaving == nil {
		r.leaving = make(map[string]entry)
	}
	r.leaving[e.session.Id] = e
}

// ended stops a session that is over and done, unless a Client is on its way to
// it: the session then passes that Connect back, and says again that it ended.
func (r *Registry) ended(ctx actor.Context, m *message.Ended) {
	e, ok := r.sessions[m.ClientID]
	if !ok || !e.is(m.Session) {
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
	if e, ok := r.sessions[clientID]; ok && e.is(session) {
		delete(r.sessions, clientID)
	}
}

// tell sends to all sessions.
func (r *Registry) tell(ctx actor.Context, m any) {
	r.each(func(session *actor.PID) { ctx.Send(session, m) })
}

// each has a fixed order, so that what follows can be repeated. Who is asleep
// has nothing to do with it.
func (r *Registry) each(do func(session *actor.PID)) {
	for _, all := range []map[string]entry{r.sessions, r.leaving} {
		for _, id := range slices.Sorted(maps.Keys(all)) {
			if e := all[id]; e.session != nil {
				do(e.session)
			}
		}
	}
}
