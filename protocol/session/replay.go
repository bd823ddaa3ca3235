package session

import "github.com/troupemq/troupe/protocol/packet"

// replay remembers what arrived live while Retained Messages are being sent for a new Subscription,
// so that an older one does not come after it.
type replay struct {
	running int
	topics  map[string]struct{}
}

// replayTopics bounds the memory of a replay. Beyond it an older Retained Message may follow a live one.
const replayTopics = 4096

// ReplayBegin tells that Retained Messages for a Subscription of this Session are on their way, to
// come by Deliver with Terms.Retained. Replays may overlap; each has its ReplayEnd.
func (s *Session) ReplayBegin() {
	r := s.seldom()
	if r.replay == nil {
		r.replay = &replay{}
	}
	r.replay.running++
}

// ReplayEnd tells that one replay is complete.
func (s *Session) ReplayEnd() {
	if s.rare == nil || s.rare.replay == nil {
		return
	}
	if s.rare.replay.running--; s.rare.replay.running == 0 {
		s.rare.replay = nil
		s.tidy()
	}
}

// supersedes notes a live message that replaces the Retained Message of its topic, and says of a
// Retained Message whether such a one came before.
func (p *replay) supersedes(r *packet.Run, t *Terms) bool {
	switch {
	case p == nil:
		return false
	case t.Retained:
		_, newer := p.topics[string(r.Topic)]
		return newer
	case r.Retain && len(p.topics) < replayTopics:
		if p.topics == nil {
			p.topics = make(map[string]struct{})
		}
		p.topics[string(r.Topic)] = struct{}{}
	}
	return false
}
