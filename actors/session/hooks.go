package session

import (
	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/internal/auth"
	"github.com/troupemq/troupe/internal/hooks"
	core "github.com/troupemq/troupe/protocol/session"
)

// hooks are those of the program; nil: there are none, or the Session is that of
// a bridge, which is no Client's.
func (s *Session) hooks() *hooks.Hooks {
	if s.env.Hooks == nil || s.receiver().Bridge {
		return nil
	}
	return s.env.Hooks
}

// client is whose Session it is. Of one that is away nothing is known but the
// Client Identifier.
func (s *Session) client() auth.Client {
	if s.who != nil {
		return s.who.Client
	}
	return auth.Client{ID: s.core.ClientID()}
}

// meet notes who connects, if anybody is to be told of it, before the Session is
// attached.
func (s *Session) meet(m *message.Connect) {
	s.who = nil
	if m.Client != nil {
		s.who = &who{Client: *m.Client}
		s.who.ID = s.core.ClientID()
	}
	h := s.hooks()
	if h == nil {
		return
	}
	m.Attachment.Policy = h.Govern(m.Attachment.Policy, s.client())
	if h.Connected != nil {
		h.Connected(s.client(), s.core.Known())
	}
}

// disconnected tells of the end of the Network Connection; c is nil if it was
// lost.
func (s *Session) disconnected(c *core.Close, cause error) {
	h := s.hooks()
	if h == nil || h.Disconnected == nil {
		return
	}
	why := hooks.Disconnection{Lost: true, Err: cause}
	if c != nil {
		why = hooks.Disconnection{Code: c.Code, ByClient: c.ByClient, Err: c.Err}
	}
	h.Disconnected(s.client(), why)
}

// tell tells what became of messages for the Client.
func (s *Session) tell(out *core.Output) {
	if len(out.Events) == 0 {
		return
	}
	h, c := s.hooks(), s.client()
	for i := range out.Events {
		h.Tell(c, &out.Events[i])
	}
	clear(out.Events) // the next Output has its memory
	if out.Events = out.Events[:0]; cap(out.Events) > eventsKept {
		out.Events = nil
	}
}

// eventsKept is the number of events whose memory the sessions of a loop keep.
const eventsKept = 4096

// changed tells of Topic Filters for which a shard has done what was asked.
func (s *Session) changed(m *message.Subscribe) {
	h := s.hooks()
	if h == nil || s.ended {
		return
	}
	for _, f := range m.Filters {
		switch {
		case m.Remove && h.Unsubscribed != nil:
			h.Unsubscribed(s.client(), f.Name)
		case !m.Remove && h.Subscribed != nil:
			h.Subscribed(s.client(), hooks.FilterOf(f.Name, f.Options, f.ID))
		}
	}
}

// over tells, if the call of the core has ended the Session, that it has, behind
// all that became of its messages. It is for right behind that call.
func (s *Session) over(why hooks.End) {
	nobody := s.epoch == 0 && s.durable == nil // has had it
	if h := s.hooks(); h != nil && h.SessionEnded != nil && s.env.out.Ended && !s.ended && !nobody {
		s.tell(&s.env.out)
		h.SessionEnded(s.core.ClientID(), why)
	}
}
