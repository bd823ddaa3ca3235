package session

import (
	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/message"
)

// strain tells publishers whether the queue has room for what they are about to
// send. Those that were told to wait learn when it has.
func (s *Session) strain() {
	on := s.core.Strained(s.env.Loop.Now())
	if s.receiver().Full.Load() == on { // nobody else sets it
		return
	}
	s.receiver().Full.Store(on)
	if on {
		s.env.Counters.ClientsStrained.Add(1)
		text := "client is far behind, who publishes to it is slowed down"
		if s.bridging != nil {
			text = "bridge is at the bound of its queue, who publishes to it is slowed down"
		}
		s.log().Info(text, zap.Int64("queued", s.waiting.messages),
			zap.Int64("queued_bytes", s.waiting.bytes))
		return
	}
	s.env.Counters.ClientsStrained.Add(-1)
	if s.waiting == nil {
		return
	}
	for _, m := range s.waiting.publishers {
		s.credit(m)
	}
	s.waiting.publishers = nil
}

// strains tells whether Full says that who publishes is to be slowed down, and
// not that it is refused.
func (s *Session) strains() bool { return s.receiver().Bridge || !s.env.Tables.Refusing }

// barrier answers a publisher that waits for this Session, once it has room.
func (s *Session) barrier(m *message.Barrier) {
	if s.strains() && s.receiver().Full.Load() && s.waiting != nil {
		s.waiting.publishers = append(s.waiting.publishers, m)
		return
	}
	s.credit(m)
}

func (s *Session) credit(m *message.Barrier) {
	s.env.Root.Send(m.Publisher, &message.Credit{Receiver: m.Receiver})
}

// relieve ends the strain with the actor: publishers that wait for an answer
// see it for themselves.
func (s *Session) relieve() {
	if s.strains() && s.receiver().Full.Swap(false) {
		s.env.Counters.ClientsStrained.Add(-1)
	}
}
