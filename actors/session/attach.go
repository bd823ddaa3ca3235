package session

import (
	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/internal/hooks"
	"github.com/troupemq/troupe/protocol/packet"
)

// connect gives the Session a new Network Connection. One that is still there
// is told that it was taken over [MQTT-3.1.4-3].
func (s *Session) connect(m *message.Connect) {
	if s.connects++; s.postpone(m) {
		return
	}
	s.welcome(m)
}

// welcome is connect for a Client that need not wait any more.
func (s *Session) welcome(m *message.Connect) {
	if s.connection != nil && !s.ended {
		s.disconnect(packet.SessionTakenOver, nil)
		s.detach(nil)
	}
	if at := s.core.Next(); at != 0 && at <= s.env.Loop.Now() && !s.ended { // no Client comes back to what is over, nor before a Will that is due
		s.tick()
	}
	if s.ended { // before the registry knew, or now with its connection
		m.Ended = s.self()
		s.env.Root.Send(s.registry(), m)
		s.finish()
		return
	}
	s.epoch++
	s.connection, s.closing, s.paused, s.denied = m.Connection, nil, false, false
	s.address = m.Address
	s.meet(m)
	s.persist(m)
	s.online(true)

	s.core.Attach(m.Packet, m.Attachment, s.env.Loop.Now(), s.begin())
	if entry := s.env.Log.Check(zap.InfoLevel, "client connected"); entry != nil && s.bridging == nil {
		entry.Write(
			zap.String("client", s.core.ClientID()),
			zap.String("address", m.Address),
			zap.String("listener", m.Listener),
			zap.Uint8("version", uint8(m.Packet.Version)),
			zap.Bool("clean_start", m.Packet.CleanStart),
			zap.Uint16("keep_alive", s.core.KeepAlive()))
	}
	s.env.Root.Send(s.connection, &message.Attached{Session: s.self(), Epoch: s.epoch, KeepAlive: s.core.KeepAlive()})
	s.apply()
	s.pace()
}

// disconnect is the server's wish to be rid of the Client, with a word to it.
func (s *Session) disconnect(code packet.ReasonCode, cause error) {
	s.core.Disconnect(code, s.env.Loop.Now(), s.begin())
	s.apply()
	if s.closing != nil && s.closing.Err == nil {
		s.closing.Err = cause
	}
}

// expel is the host's wish to be rid of the Client, and of those who wait for the
// end of the Session before.
func (s *Session) expel(m *message.Disconnect) {
	found := false
	defer func() { m.Found <- found }() // also when it fails
	if u := s.uncommitted; u != nil {
		for _, c := range u.connects {
			found = true
			s.env.Root.Send(c.Connection, &message.Close{})
		}
		u.connects = nil
	}
	if s.connection != nil {
		found = s.core.Expel(m.Code, m.Reason, s.begin()) || found
		s.apply()
	}
}

// detach ends what the Network Connection had. The Session lives on, as long
// as its expiry interval says.
func (s *Session) detach(cause error) {
	s.flush()
	s.logDisconnect(cause)
	s.disconnected(s.closing, cause)
	s.connection, s.closing, s.who, s.paused = nil, nil, nil, false
	s.online(false)
	s.unhold()
	s.core.Detach(s.env.Loop.Now(), s.begin())
	s.over(hooks.Closed)
	s.stir()
	s.apply()
}

func (s *Session) logDisconnect(cause error) {
	entry := s.env.Log.Check(zap.InfoLevel, "client disconnected")
	if entry == nil || s.bridging != nil { // the bridge has more to say
		return
	}
	reason := "connection lost"
	fields := []zap.Field{zap.String("client", s.core.ClientID()), zap.String("address", s.address)}
	if s.closing != nil {
		reason = s.closing.Code.String()
		if s.closing.ByClient {
			reason = "client: " + reason
			if s.closing.Code == packet.Success {
				reason = "client: normal disconnection" // as 0x00 is called here
			}
		}
		if s.closing.Err != nil {
			cause = s.closing.Err
		}
	} else if cause == nil {
		reason = "connection closed by client"
	}
	fields = append(fields, zap.String("reason", reason))
	if cause != nil {
		fields = append(fields, zap.NamedError("cause", cause))
	}
	entry.Write(fields...)
}

// end is the end of the Session by a decision outside of it.
func (s *Session) end(code packet.ReasonCode, ticket *message.Ticket) {
	u := s.uncommitted
	switch {
	case ticket == nil:
	case s.durable != nil:
		s.durable.ending.Release() // there may be one
		s.durable.ending = ticket
	case u != nil && u.gate != nil:
		u.next.Release() // likewise
		u.next = ticket
		for _, c := range u.connects {
			s.env.Root.Send(c.Connection, &message.Close{})
		}
		u.connects = nil
	default:
		ticket.Waive()
		defer ticket.Release()
	}
	if s.ended {
		s.finish()
		return
	}
	s.core.End(code, s.env.Loop.Now(), s.begin())
	if s.connection != nil {
		closing := s.closing
		if closing == nil {
			closing = s.env.out.Close
		}
		s.disconnected(closing, nil)
	}
	why := hooks.Removed
	if code == packet.SessionTakenOver {
		why = hooks.Replaced
	}
	s.over(why)
	s.apply()
	if s.connection != nil {
		s.flush()
		s.logDisconnect(nil)
		s.connection = nil
		s.online(false)
	}
}

// finish reports an ended Session to the registry, once the shards have
// forgotten its subscriptions and its own messages are with their receivers.
func (s *Session) finish() {
	if d := s.durable; d != nil && d.ending != nil && s.ended && !s.uncommitted.any() && s.changes.lined() == 0 {
		s.note() // before the ticket is let go
		d.ending.Release()
		d.ending = nil
	}
	if !s.ended || s.changes.unsettled() || s.changes.lined() > 0 || s.publisher.Busy() || s.uncommitted.any() || !s.written() || s.reported == s.connects+1 {
		return
	}
	s.reported = s.connects + 1
	s.flush()
	s.env.Root.Send(s.registry(), &message.Ended{ClientID: s.core.ClientID(), Session: s.self(), Connects: s.connects})
}

// registry is who knows that the Session is this actor's.
func (s *Session) registry() *actor.PID {
	registry, _ := s.env.Clients.Registry([]byte(s.core.ClientID()))
	return registry
}
