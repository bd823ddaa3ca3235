package session

import "github.com/troupemq/troupe/protocol/packet"

// ack writes PUBACK, PUBREC, PUBREL or PUBCOMP: its shortest form, so a Reason String or User
// Property never takes it above the Client's Maximum Packet Size, nor comes unasked [MQTT-3.1.2-29]. See answerOne for
// those that have something to say.
func (s *Session) ack(t packet.Type, id uint16, code packet.ReasonCode, out *Output) {
	out.Counts.Answered++
	first := byte(t) << 4
	if t == packet.TypePubrel {
		first |= 0b0010 // [MQTT-3.6.1-1]
	}
	if s.version != packet.V5 || code == packet.Success {
		out.Packets = append(out.Packets, first, 2, byte(id>>8), byte(id))
		return
	}
	out.Packets = append(out.Packets, first, 3, byte(id>>8), byte(id), byte(code))
}

// receiveAck takes one of the four acknowledgements.
func (s *Session) receiveAck(frame []byte, t packet.Type, out *Output) error {
	id, code, err := s.decodeAck(frame, t)
	if err != nil {
		return err
	}
	if t == packet.TypePubrel {
		s.receivePubrel(id, out)
		return nil
	}
	if t == packet.TypePubcomp && s.rare != nil && s.rare.peers.released(id) {
		s.headed()
		return nil
	}
	f := s.out.find(id)
	if f == nil {
		// Nothing to answer to PUBACK and PUBCOMP; PUBREC wants PUBREL so that the Client can end.
		if t == packet.TypePubrec && !code.IsError() {
			s.ack(packet.TypePubrel, id, packet.PacketIdentifierNotFound, out)
		}
		return nil
	}
	switch {
	case t == packet.TypePuback && f.step == puback, // [MQTT-4.3.2-3]
		t == packet.TypePubcomp && f.step == pubcomp:
		if code.IsError() && t == packet.TypePuback {
			out.Counts.RefusedByPeer++
		}
		if t == packet.TypePuback {
			out.acknowledged(f, code)
		}
		s.release(f)
	case t == packet.TypePubrec && (f.step == pubrec || f.step == pubcomp):
		if f.step == pubrec {
			out.acknowledged(f, code)
		}
		if code.IsError() {
			out.Counts.RefusedByPeer++
			s.release(f)
			return nil
		}
		if f.flags&flagSent == 0 {
			// Sent on an earlier connection only, and not again on this one: PUBREL now is.
			f.flags |= flagSent
			s.out.counted++
		}
		s.headed()
		f.step = pubcomp
		f.flags &^= flagHeld
		if !s.limits.Bridge {
			s.ledger.done(f.seq, 1)
			f.run, f.terms, f.seq = nil, nil, 0
		}
		if s.waits() {
			s.safely(out, func() { s.ack(packet.TypePubrel, id, packet.Success, out) })
		} else {
			s.ack(packet.TypePubrel, id, packet.Success, out) // [MQTT-4.3.3-4]
		}
	default:
		return violation(packet.ProtocolError, t.String()+" for a message that does not wait for it", "")
	}
	return nil
}

func (s *Session) decodeAck(frame []byte, t packet.Type) (id uint16, code packet.ReasonCode, err error) {
	if len(frame) == 4 {
		if id = uint16(frame[2])<<8 | uint16(frame[3]); id != 0 && (t != packet.TypePubrel || frame[0] == 0x62) {
			return id, packet.Success, nil
		}
	}
	switch t {
	case packet.TypePuback:
		var p packet.Puback
		err = p.Decode(frame, s.version)
		return p.PacketID, p.Code, err
	case packet.TypePubrec:
		var p packet.Pubrec
		err = p.Decode(frame, s.version)
		return p.PacketID, p.Code, err
	case packet.TypePubrel:
		var p packet.Pubrel
		err = p.Decode(frame, s.version)
		return p.PacketID, p.Code, err
	default:
		var p packet.Pubcomp
		err = p.Decode(frame, s.version)
		return p.PacketID, p.Code, err
	}
}

// safely writes what tells the Client of a change: at once, or when that is safe.
func (s *Session) safely(out *Output, write func()) {
	if !s.waits() {
		write()
		return
	}
	s.ledger.hurry()
	if !s.Dirty() {
		write()
		return
	}
	out.swap()
	write()
	out.swap()
}

// resend writes again what was in flight when the Client came back, in order [MQTT-4.4.0-1]
// [MQTT-4.6.0-5], as far as its Receive Maximum allows.
func (s *Session) resend(now int64, out *Output) {
	w := s.out
	if w == nil || s.ledger.chilled() {
		return
	}
	for !w.settled() {
		f := w.at(w.resend)
		if s.room() == 0 || s.holds(f) {
			return
		}
		s.resendFlight(w.resend, f, now, out)
	}
}

// resendReleases writes again all PUBREL, which the Receive Maximum does not bound.
func (s *Session) resendReleases(out *Output) {
	w := s.out
	if w == nil {
		return
	}
	id := w.headID
	for p := w.head; p != w.tail; p++ {
		if f := w.at(p); f.step == pubcomp {
			f.flags |= flagSent
			w.counted++
			s.safely(out, func() { s.ack(packet.TypePubrel, id, packet.Success, out) })
		}
		id = following(id)
	}
}

func (s *Session) resendFlight(position uint32, f *flight, now int64, out *Output) {
	w := s.out
	id := w.id(position)
	qos := packet.QoS1
	if f.step == pubrec {
		qos = packet.QoS2
	}
	again := f.flags&flagHeld == 0
	if !s.appendFlight(f, qos, id, again, now, out) {
		s.release(f)
		return
	}
	f.flags = f.flags&^flagHeld | flagSent
	w.counted++
	if again {
		out.Counts.Redelivered++
	}
}
