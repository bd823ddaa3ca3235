package session

import "github.com/troupemq/troupe/protocol/packet"

// Receive takes whole frames of the Client, back to back, and stops at the first violation or
// DISCONNECT. frames must not change any more: Runs keep views of it.
func (s *Session) Receive(frames []byte, now int64, out *Output) {
	for at := 0; at < len(frames) && s.state == attached; {
		h, ok, err := packet.ReadHeader(frames[at:], s.limits.MaxPacketSize)
		if err != nil {
			s.violate(err, out)
			return
		}
		size := h.FrameSize()
		if !ok || size > len(frames)-at {
			s.violate(violation(packet.MalformedPacket, "incomplete packet", ""), out)
			return
		}
		out.Counts.Packets++
		if h.Type == packet.TypePublish {
			at += s.receivePublish(frames[at:], size, now, out)
			continue
		}
		if err := s.receiveControl(frames[at:at+size], h.Type, now, out); err != nil {
			s.violate(err, out)
		}
		at += size
	}
	if s.state == attached {
		if s.in != nil {
			s.age(now)
		}
		s.drain(now, out)
	}
}

func (s *Session) receiveControl(frame []byte, t packet.Type, now int64, out *Output) error {
	switch t {
	case packet.TypePuback, packet.TypePubrec, packet.TypePubrel, packet.TypePubcomp:
		return s.receiveAck(frame, t, out)
	case packet.TypeSubscribe:
		return s.receiveSubscribe(frame, out)
	case packet.TypeUnsubscribe:
		return s.receiveUnsubscribe(frame, out)
	case packet.TypePingreq:
		var p packet.Pingreq
		if err := p.Decode(frame, s.version); err != nil {
			return err
		}
		out.Counts.Answered++
		out.Packets = (&packet.Pingresp{}).Append(out.Packets, s.version) // [MQTT-3.12.4-1]
	case packet.TypeDisconnect:
		return s.receiveDisconnect(frame, out)
	case packet.TypeAuth:
		return s.receiveAuth(frame, out)
	case packet.TypeConnect:
		return violation(packet.ProtocolError, "second CONNECT", "MQTT-3.1.0-2")
	default:
		return violation(packet.ProtocolError, t.String()+" from a Client", "")
	}
	return nil
}

// receiveDisconnect ends the connection as the Client wishes (section 3.14).
func (s *Session) receiveDisconnect(frame []byte, out *Output) error {
	var p packet.Disconnect
	if err := p.Decode(frame, s.version); err != nil {
		return err
	}
	if p.ServerReference != nil {
		return violation(packet.ProtocolError, "Server Reference from a Client", "")
	}
	if p.HasSessionExpiry {
		if s.transient && p.SessionExpiry != 0 {
			return violation(packet.ProtocolError, "Session Expiry Interval set anew after 0", "")
		}
		s.expiry = s.limits.expiry(p.SessionExpiry)
		s.recorded()
	}
	if p.Code == packet.Success {
		s.setWill(nil) // [MQTT-3.14.4-3]
	}
	s.state = closing
	out.Close = &Close{Code: p.Code, ByClient: true}
	return nil
}
