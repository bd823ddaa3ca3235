package registry

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe/actors/message"
)

// establish finds the Session of a bridge or makes one. It counts as a CONNECT:
// the session passes it back if it has ended.
func (r *Registry) establish(ctx actor.Context, m *message.Establish) {
	e, ok := r.sessions[m.ClientID]
	if ok && m.Ended != nil && e.is(m.Ended) {
		r.leave(e)
		ok = false
	}
	m.Ended, m.House = nil, r.o.House
	if !ok {
		e = entry{session: r.o.Spawn(ctx, r.name(m.ClientID), m.ClientID)}
	}
	e.connects++
	r.sessions[m.ClientID] = e
	e.tell(ctx, m)
	if r.draining != nil {
		e.tell(ctx, r.draining)
	}
}

// retire passes on the end of the Session of a bridge, and answers itself if
// there is none.
func (r *Registry) retire(ctx actor.Context, m *message.Retire) {
	if e, ok := r.sessions[m.ClientID]; ok {
		e.tell(ctx, m)
	} else if m.Bridge != nil {
		ctx.Send(m.Bridge, &message.Retired{ClientID: m.ClientID})
	}
}
