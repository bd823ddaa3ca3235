package session

import (
	"slices"

	"github.com/troupemq/troupe/actors/message"
	core "github.com/troupemq/troupe/protocol/session"
)

// everyShard stands for all shards in repeat.
const everyShard = -1

// replayRoom is the number of messages waiting for the Client below which the
// next slice of retained messages is asked for.
const replayRoom = 64

// change is what a shard was asked to do and has not confirmed. Changes are
// kept in their order, so that they can be sent again in it.
type change struct {
	shard  int
	packet uint16 // Packet Identifier of the SUBSCRIBE or UNSUBSCRIBE, 0: nobody waits
	epoch  uint32
	m      *message.Subscribe
}

// subscribe registers the Topic Filters of one SUBSCRIBE with the shards that
// hold them.
func (s *Session) subscribe(r *core.SubscribeRequest) {
	filters := make([]message.Filter, len(r.Subscriptions))
	for i, sub := range r.Subscriptions {
		filters[i] = message.Filter{Name: sub.Filter, ID: sub.ID, Options: sub.Options, Replay: sub.Replay, Raise: sub.Raise}
		if sub.Replay {
			c := s.changing()
			if c.replaying == 0 {
				s.core.ReplayBegin()
			}
			c.replaying += len(s.env.Tables.RetainedFor(sub.Filter))
		}
	}
	s.send(r.PacketID, false, filters)
}

func (s *Session) unsubscribe(r *core.UnsubscribeRequest) {
	filters := make([]message.Filter, len(r.Filters))
	for i, name := range r.Filters {
		filters[i].Name = name
	}
	s.send(r.PacketID, true, filters)
	if len(filters) == 0 && r.PacketID != 0 {
		s.core.Unsubscribed(r.PacketID, &s.env.out)
	}
}

// send spreads a change over the shards, one message each.
func (s *Session) send(id uint16, remove bool, filters []message.Filter) {
	all := s.changing()
	defer s.settled() // there may be no filters
	first := len(all.pending)
	for _, f := range filters {
		shard := s.env.Tables.Shard(f.Name)
		at := slices.IndexFunc(all.pending[first:], func(c change) bool { return c.shard == shard })
		if at < 0 {
			all.pending = append(all.pending, change{
				shard: shard, packet: id, epoch: s.epoch,
				m: &message.Subscribe{Receiver: s.receiver(), Subscriber: s.self(), Token: s.env.Numbers.Add(1), Remove: remove},
			})
			at = len(all.pending) - 1 - first
		}
		m := all.pending[first+at].m
		m.Filters = append(m.Filters, f)
	}
	for _, c := range all.pending[first:] {
		s.env.Root.Send(s.env.Tables.Shards[c.shard], c.m)
	}
}

// subscribed takes a shard's word that publishers see the change. The Client
// gets its SUBACK or UNSUBACK with the last of them.
func (s *Session) subscribed(m *message.Subscribed) {
	all := s.changes
	if all == nil {
		return // sent twice around a failure of the shard
	}
	at := slices.IndexFunc(all.pending, func(c change) bool { return c.m.Token == m.Token })
	if at < 0 {
		return // likewise
	}
	done := all.pending[at]
	if slices.ContainsFunc(all.pending[:at], func(c change) bool { return c.shard == done.shard }) {
		// A shard confirms in order: it failed and has lost the change before.
		// Both are sent again, see repeat; this one alone would be undone by it.
		return
	}
	all.pending = slices.Delete(all.pending, at, at+1)
	if len(all.pending) == 0 {
		all.pending = nil
	}
	waits := slices.ContainsFunc(all.pending, func(c change) bool {
		return c.packet == done.packet && c.epoch == done.epoch && c.m.Remove == done.m.Remove
	})
	out := s.begin()
	if !waits && done.packet != 0 && done.epoch == s.epoch && s.connection != nil {
		if done.m.Remove {
			s.core.Unsubscribed(done.packet, out)
		} else {
			s.core.Subscribed(done.packet, nil, out)
		}
	}
	s.advance(out)
	s.apply()
	s.changed(done.m)
}

// repeat sends again what a shard has not confirmed, in the old order.
func (s *Session) repeat(shard int) {
	if s.changes == nil {
		return
	}
	for _, c := range s.changes.pending {
		if shard == everyShard || c.shard == shard {
			s.env.Root.Send(s.env.Tables.Shards[c.shard], c.m)
		}
	}
}

// retained takes a slice of retained messages and asks for the next one when
// the Client has taken enough of what waits for it.
func (s *Session) retained(m *message.Retained) {
	now, out := s.env.Loop.Now(), s.begin()
	if s.core.Has(m.Filter) { // some may have been published after it was given up [MQTT-3.10.4-2]
		for _, run := range m.Runs {
			s.core.Deliver(run, m.Terms, now, out)
		}
	}
	if m.Next != nil {
		c := s.changing()
		c.replays = append(c.replays, m.Next)
	} else if c := s.changes; c != nil && c.replaying > 0 {
		c.replaying--
		if c.replaying == 0 {
			s.core.ReplayEnd()
		}
		s.settled()
	}
	s.apply()
}

// more asks for the next slices of retained messages, if there is room.
func (s *Session) more() {
	if s.changes == nil || len(s.changes.replays) == 0 || s.ended {
		return
	}
	if messages, _ := s.core.Backlog(); messages >= replayRoom {
		return
	}
	for _, next := range s.changes.replays {
		s.env.Root.Send(next.Retained, next)
	}
	s.changes.replays = nil
	s.settled()
}
