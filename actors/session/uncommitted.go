package session

import (
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/protocol/packet"
	core "github.com/troupemq/troupe/protocol/session"
)

// uncommittedMost bounds the bytes that a Client may have published and not
// acknowledged: then it is not read from.
const uncommittedMost = 1 << 20

// uncommitted is what was published and is not committed, oldest first.
type uncommitted struct {
	list  []awaited
	bytes int    // of frames
	group uint64 // the last that was committed

	// gate is the end of the Session before this one; until it is committed those
	// who connect wait.
	gate     *message.Ticket
	connects []*message.Connect
	next     *message.Ticket // of the end of this Session, while the gate is closed: who waits for that waits for the gate too
}

// any tells whether something that was published is not committed.
func (u *uncommitted) any() bool { return u != nil }

// full tells whether it is so much that the Client is not to be read from.
func (u *uncommitted) full() bool { return u != nil && u.bytes >= uncommittedMost }

// take removes and returns what is committed with a group.
func (u *uncommitted) take(group uint64) (taken []awaited) {
	if u == nil {
		return nil
	}
	n := 0
	u.group = max(u.group, group)
	for ; n < len(u.list) && u.list[n].ticket.In(u.group) && !u.list[n].ticket.Owed(); n++ {
		for _, r := range u.list[n].runs {
			u.bytes -= len(r.Frames)
		}
	}
	taken, u.list = u.list[:n:n], u.list[n:]
	return taken
}

// has tells whether a Run is safe with a group.
func (u *uncommitted) has(r *packet.Run, group uint64) bool {
	return u != nil && slices.ContainsFunc(u.list, func(a awaited) bool { return a.ticket.In(group) && slices.Contains(a.runs, r) })
}

// wills tells whether there is a Will that is not safe with a group.
func (u *uncommitted) wills(group uint64) bool {
	return u != nil && slices.ContainsFunc(u.list, func(a awaited) bool { return a.wills && !a.ticket.In(group) })
}

// awaited is what the Client published and is acknowledged once its ticket is
// committed.
type awaited struct {
	ticket *message.Ticket
	runs   []*packet.Run
	codes  []packet.ReasonCode
	wills  bool
}

// await keeps what was published until it is safe. It reports false if nothing
// has to be written.
func (s *Session) await(runs []*packet.Run, wills bool) bool {
	ticket := s.publisher.Ticket()
	if ticket == nil {
		return false
	}
	if s.uncommitted == nil {
		s.uncommitted = new(uncommitted)
	}
	s.uncommitted.list = append(s.uncommitted.list, awaited{ticket, runs, slices.Clone(s.env.codes), wills})
	for _, r := range runs {
		r.Lent.Keep()
		s.uncommitted.bytes += len(r.Frames)
	}
	s.note() // the Packet Identifiers belong into the same group
	ticket.Release()
	return true
}

// committed acknowledges what is safe, and tells the Client what waited for that.
func (s *Session) committed(m *message.Committed) {
	out := s.begin()
	s.answer(m.Group, out)
	if d := s.durable; d != nil {
		d.safe = m.Group
		s.core.Committed(m.Group, s.env.Loop.Now(), out)
	}
	s.apply()
	s.tellHeld()
	if u := s.uncommitted; u != nil && u.gate != nil && u.gate.In(m.Group) {
		s.ungate()
	}
}

// answer acknowledges what is safe with a group, as far as no upstream has to
// acknowledge it too.
func (s *Session) answer(group uint64, out *core.Output) {
	for _, a := range s.uncommitted.take(group) {
		for i, r := range a.runs {
			if r.QoS > packet.QoS0 {
				s.core.Acknowledge(r, a.codes[i], out)
			}
		}
	}
	if u := s.uncommitted; u != nil && len(u.list) == 0 && u.gate == nil {
		s.uncommitted = nil
	}
}

// acknowledge goes on with what an upstream has acknowledged by now.
func (s *Session) acknowledge() {
	s.answer(0, s.begin())
	s.apply()
}

// waived lets in who waits for the end of a Session of which the store has nothing.
func (s *Session) waived(m *message.Waived) {
	if u := s.uncommitted; u != nil && u.gate == m.Ticket {
		s.ungate()
	}
}

// ungate lets in who waited for the end of the Session before.
func (s *Session) ungate() {
	u := s.uncommitted
	connects, next := u.connects, u.next
	u.gate, u.connects, u.next = nil, nil, nil
	if len(u.list) == 0 {
		s.uncommitted = nil
	}
	next.Waive()
	next.Release()
	for _, c := range connects {
		c.Ticket = nil
		s.welcome(c)
	}
	if s.epoch == 0 && s.durable == nil { // nobody has waited until now
		s.end(packet.Success, nil)
	}
	s.finish()
}

// postpone keeps who connects until the end of the Session before is safe: no
// crash may bring that back once its Client was told that there is none.
func (s *Session) postpone(m *message.Connect) bool {
	u := s.uncommitted
	switch {
	case m.Ticket != nil:
		if u == nil {
			u = new(uncommitted)
			s.uncommitted = u
		}
		u.gate = m.Ticket
	case u == nil || u.gate == nil:
		return false
	}
	u.connects = append(u.connects, m)
	return true
}

// abandon forgets who waits no more.
func (s *Session) abandon(connection *actor.PID) {
	if u := s.uncommitted; u != nil {
		u.connects = slices.DeleteFunc(u.connects, func(m *message.Connect) bool { return m.Connection.Equal(connection) })
	}
}
