package session

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/protocol/packet"
	core "github.com/troupemq/troupe/protocol/session"
)

// bridging is what the session of a bridge knows of it. What the core says to "the
// Client" goes by a link to an upstream, which takes the place of a connection.
type bridging struct {
	figures *message.BridgeFigures
	waits   *actor.PID      // the bridge, until its subscriptions are seen by publishers
	retire  *message.Retire // until they are gone
	limits  *core.Limits
	remote  bool   // who publishes is acknowledged once the upstream has
	owed    []owed // in the order of upTo
}

// owed is an acknowledgement that waits for that of the upstream.
type owed struct {
	ticket *message.Ticket
	upTo   uint64 // Seq behind the last frame that came with the ticket
}

// establish makes the Session that of a bridge, or changes what the bridge wants.
func (s *Session) establish(m *message.Establish) {
	s.connects++
	if s.ended {
		m.Ended = s.self()
		s.env.Root.Send(s.registry(), m)
		s.finish()
		return
	}
	if s.env.Durability != nil && s.durable == nil {
		s.lodge(m.House)
	}
	if s.bridging == nil {
		s.bridging = new(bridging)
	}
	b := s.bridging
	b.figures, b.waits, b.retire, b.limits, b.remote = m.Figures, m.Bridge, nil, m.Limits, m.Remote && s.durable != nil
	s.stir() // it does not sleep
	s.core.Establish(m.Limits, m.Subscriptions, s.env.Loop.Now(), s.begin())
	s.apply()
}

// retire takes the subscriptions of a bridge that is not wanted any more.
func (s *Session) retire(m *message.Retire) {
	if s.bridging == nil { // nothing has established it since the start
		s.bridging = &bridging{figures: new(message.BridgeFigures), limits: s.env.limits(s.core.ClientID())}
		s.stir()
	}
	s.bridging.retire, s.bridging.waits = m, nil
	s.core.Establish(s.bridging.limits, nil, s.env.Loop.Now(), s.begin())
	s.apply()
}

// bridged brings up to date what others see of the bridge, settles what the
// upstream has acknowledged, and answers the bridge.
func (s *Session) bridged(c *core.Counts) {
	b := s.bridging
	if b == nil {
		return
	}
	s.figure(c)
	for len(b.owed) > 0 && b.owed[0].upTo <= s.core.Open() {
		b.owed[0].ticket.Settle()
		b.owed[0] = owed{}
		b.owed = b.owed[1:]
	}
	if s.changes.unsettled() || s.changes.lined() > 0 {
		return
	}
	if b.waits != nil {
		s.env.Root.Send(b.waits, &message.Established{ClientID: s.core.ClientID()})
		b.waits = nil
	}
	if m := b.retire; m != nil {
		b.retire = nil
		left, _ := s.core.Backlog()
		left += s.core.Inflight()
		if m.Bridge != nil {
			s.env.Root.Send(m.Bridge, &message.Retired{ClientID: s.core.ClientID(), Left: left})
		}
		if left == 0 || m.Discard {
			s.env.Root.Send(s.self(), &message.End{Code: packet.AdministrativeAction}) // this is in the middle of an apply
		}
	}
}

// owe notes that what has just come with a ticket is acknowledged once the
// upstream has acknowledged it.
func (s *Session) owe(t *message.Ticket) {
	b := s.bridging
	if t == nil || b == nil || !b.remote {
		return
	}
	upTo := s.core.Taken()
	if upTo <= s.core.Open() || len(b.owed) > 0 && b.owed[len(b.owed)-1].upTo == upTo {
		return // nothing of it waits
	}
	t.Owe()
	b.owed = append(b.owed, owed{t, upTo})
}

func (s *Session) figure(c *core.Counts) {
	f := s.bridging.figures
	messages, bytes := s.core.Backlog()
	f.Queued.Store(int64(messages))
	f.QueuedBytes.Store(bytes)
	f.Spooled.Store(int64(s.core.Spilled()))
	f.OldestAt.Store(s.core.Oldest())
	f.Inflight.Store(int64(s.core.Inflight()))
	f.Strained.Store(s.receiver().Full.Load())
	if *c == (core.Counts{}) {
		return
	}
	f.Forwarded.Add(int64(c.PublishSent - c.Redelivered))
	f.Resent.Add(int64(c.Redelivered))
	f.Received.Add(int64(c.PublishReceived))
	f.DroppedFull.Add(int64(c.DroppedQueueFull))
	f.DroppedExpired.Add(int64(c.DroppedExpired))
	f.DroppedAged.Add(int64(c.DroppedAged))
	f.DroppedTooLarge.Add(int64(c.DroppedTooLarge))
	f.DroppedOffline.Add(int64(c.DroppedOffline))
	f.DroppedCongested.Add(int64(c.DroppedCongested))
	f.DroppedSwitch.Add(int64(c.DroppedSwitch))
	f.DroppedLoop.Add(int64(c.DroppedLoop))
	f.DroppedRefused.Add(int64(c.RefusedByPeer))
}
