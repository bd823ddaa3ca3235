package session

import "github.com/troupemq/troupe/protocol/packet"

// unlimited is above every packet that the protocol can carry, and fits an int everywhere.
const unlimited = 1<<31 - 1

// Attachment is what the host adds to a CONNECT that it has accepted.
type Attachment struct {
	AssignedClientID    bool    // the Client Identifier is the host's own [MQTT-3.1.3-6] [MQTT-3.2.2-16]
	AuthMethod          string  // of the exchange that was accepted; empty: there was none
	AuthData            []byte  // the last Authentication Data, nil: none
	ResponseInformation string  // sent if the Client asks for it [MQTT-3.1.2-28]; empty: there is none
	Peer                *Peer   // for the Session of a bridge; nil otherwise
	Policy              *Policy // what the host has to say about what the Client does; nil: nothing
}

// Attach connects the Client: CONNACK, then at once what was in flight and what waits. Of c
// the Session keeps the Will alone. An earlier connection has been detached before. A CONNECT with Clean Start
// gets a new Session, never one that was used.
func (s *Session) Attach(c *packet.Connect, a Attachment, now int64, out *Output) {
	present := s.known
	var before *Record // as the store has it
	if s.ledger != nil && s.ledger.known() {
		before = s.recordNow()
	}
	s.known = true
	s.state = attached
	s.version = c.Version
	s.bridge, s.guarded = c.Bridge, a.Peer != nil || announced(c)
	s.congested = false
	s.problems = c.RequestProblemInformation
	s.setPolicy(a.Policy)
	s.setWill(c.Will) // that of the connection before is cancelled [MQTT-3.1.3-9]
	s.endAt = 0
	s.maxPacket = unlimited
	s.window = uint16(s.limits.maxInflight())
	s.aliasMax = 0
	s.keepAlive = c.KeepAlive
	if c.Version == packet.V5 {
		s.attachV5(c, a)
	} else {
		s.transient = c.CleanStart
		s.expiry = 0
		if !c.CleanStart {
			s.expiry = s.limits.ExpiryMaximum
		}
	}
	if s.ledger != nil && (before == nil || *before != *s.recordNow()) {
		s.ledger.record = true
		out.Gate = s.ledger.waits
	}
	if !s.connack(c, a, present, out) {
		return
	}
	if s.Judge(out); s.state != attached {
		return
	}
	if a.Peer != nil {
		s.meet(a.Peer, out)
	}
	if s.out != nil {
		s.out.reconnect()
		s.resendReleases(out)
		s.age(now)
	}
	if s.ledger.spilled() && s.queue == nil {
		s.queue = &queue{taken: now}
	}
	if s.queue != nil || s.in != nil {
		s.age(now)
	}
	s.drain(now, out)
}

func (s *Session) attachV5(c *packet.Connect, a Attachment) {
	s.transient = c.SessionExpiry == 0
	s.expiry = s.limits.expiry(c.SessionExpiry)
	if c.ReceiveMaximum != 0 {
		s.window = min(s.window, c.ReceiveMaximum)
	}
	if c.MaximumPacketSize != 0 {
		s.maxPacket = min(unlimited, c.MaximumPacketSize)
	}
	s.aliasMax = min(c.TopicAliasMaximum, s.limits.TopicAliasMaximum)
	if s.limits.ServerKeepAlive != 0 {
		s.keepAlive = s.limits.ServerKeepAlive
	}
	if a.AuthMethod != "" {
		s.seldom().auth = &authentication{method: a.AuthMethod}
	}
}

// connack writes CONNACK and says whether the Client can take it.
func (s *Session) connack(c *packet.Connect, a Attachment, present bool, out *Output) bool {
	l := s.limits
	p := packet.Connack{SessionPresent: present} // [MQTT-3.2.2-2] [MQTT-3.2.2-3]
	if c.Version == packet.V5 {
		p.HasSessionExpiry = s.expiry != c.SessionExpiry
		p.SessionExpiry = s.expiry
		if l.receiveMaximum() < 65535 {
			p.ReceiveMaximum = l.ReceiveMaximum
		}
		p.HasMaximumQoS = l.MaxQoS < packet.QoS2 // [MQTT-3.2.2-10]
		p.MaximumQoS = l.MaxQoS
		p.RetainUnavailable = !l.RetainAvailable
		p.MaximumPacketSize = l.MaxPacketSize
		p.TopicAliasMaximum = l.TopicAliasMaximum
		p.HasServerKeepAlive = l.ServerKeepAlive != 0 // [MQTT-3.2.2-22]
		p.ServerKeepAlive = l.ServerKeepAlive
		if a.AssignedClientID {
			p.AssignedClientID = []byte(s.clientID)
		}
		if c.RequestResponseInformation && a.ResponseInformation != "" {
			p.ResponseInformation = []byte(a.ResponseInformation)
		}
		if a.AuthMethod != "" {
			p.AuthMethod, p.AuthData = []byte(a.AuthMethod), a.AuthData
		}
	}
	start := len(out.Packets)
	out.Packets = p.Append(out.Packets, c.Version)
	if !s.fits(start, out) {
		// Nothing else may come before CONNACK [MQTT-3.2.0-1].
		out.Close = &Close{Code: packet.PacketTooLarge}
		s.state = closing
		return false
	}
	return true
}
