package session

import core "github.com/troupemq/troupe/protocol/session"

// flushAt is the number of bytes at which a session hands over its output in
// the middle of a drain.
const flushAt = 64 << 10

// holdMost is the number of bytes from which output is worth a write of its own also while the loop is flooded.
const holdMost = 4 << 10

// begin returns the Output for the next call of the core.
func (s *Session) begin() *core.Output {
	out := &s.env.out
	out.Reset()
	s.share(out)
	if h := s.hooks(); h != nil {
		out.Watch = h.Watch()
	}
	switch {
	case s.packets != nil:
		out.Packets = s.packets.B
	default:
		if s.env.spare == nil {
			s.env.spare = s.env.Buffers.Get()
		}
		out.Packets = s.env.spare.B
	}
	return out
}

// keep takes over what the core wrote to the Client.
func (s *Session) keep(out *core.Output) {
	if s.packets == nil {
		if len(out.Packets) == 0 {
			return
		}
		s.packets, s.env.spare = s.env.spare, nil
	}
	s.packets.B = out.Packets
}

// flush hands what was written to the connection: once per drain, and earlier
// only when it is much.
func (s *Session) flush() {
	if s.packets == nil {
		return
	}
	if s.connection == nil {
		s.env.Buffers.Put(s.packets)
	} else {
		s.env.Root.Send(s.connection, s.packets)
	}
	s.packets, s.routed = nil, false
}

// hold keeps back what was written, if it is little, for one of two reasons. The loop is being flooded: more will come before the loop has
// looked at everybody who floods it, and one write for all of it costs as much as one for this. Or the Session has just published: who
// receives that is served first, and the publisher gets its acknowledgement after them in the same turn, since each write costs the time of
// many messages. Who is told something out of turn is not kept waiting.
func (s *Session) hold() bool {
	if s.packets == nil || s.connection == nil || len(s.packets.B) >= holdMost {
		return false
	}
	flooded := s.env.Loop.Flooded()
	switch {
	case !flooded && !s.routed:
		return false
	case s.held:
	case flooded:
		s.env.Loop.Later((*holding)(s))
	default:
		s.env.Loop.Schedule((*holding)(s))
	}
	s.held = true
	return true
}

// holding is a Session that holds back what it has written, as a Task of its loop.
type holding Session

// late ends the holding back.
type late struct{}

// Run implements eventloop.Task.
func (h *holding) Run() { h.env.Root.Send(h.self(), late{}) }
