package session

import (
	"slices"

	"github.com/troupemq/troupe/protocol/packet"
)

// inbound is what is open of the Client's own messages: those that the host routes, and the Packet
// Identifiers of QoS 2 until PUBREL.
//
// Invariant: counted is the number of messages of this connection that count against the Receive
// Maximum: QoS 1 until PUBACK, QoS 2 until PUBCOMP or a PUBREC with an error.
type inbound struct {
	routing []routing // oldest first, from first on
	first   int
	counted int
	ids     ids
}

// routing is a Run that the host has not acknowledged, or not in its turn.
type routing struct {
	run    *packet.Run
	code   packet.ReasonCode
	done   bool
	stale  bool   // of an earlier connection
	reason string // of an error, for the Client; empty: there is none
	peer   string // that it came from, if that is not the Peer any more
}

func (in *inbound) empty() bool { return in.first == len(in.routing) && in.ids.used == 0 }

func (in *inbound) push(r routing) {
	if in.first == len(in.routing) {
		in.routing, in.first = in.routing[:0], 0
	} else if in.first > 64 && in.first > len(in.routing)/2 {
		n := copy(in.routing, in.routing[in.first:])
		clear(in.routing[n:])
		in.routing, in.first = in.routing[:n], 0
	}
	in.routing = append(in.routing, r)
}

// disconnect marks everything as of an earlier connection.
func (in *inbound) disconnect() {
	in.counted = 0
	for i := in.first; i < len(in.routing); i++ {
		in.routing[i].stale = true
	}
	in.ids.each(func(e *uint32) { *e &^= idCounted | idAsked })
}

// Acknowledge tells that the host has routed r, one of Output.Publish, and as safely as it promises.
// The Client gets PUBACK or PUBREC for each frame, in the order in which it sent them: an
// acknowledgement that comes early waits for those before it. code is Success, NoMatchingSubscribers
// or an error; a Client of a version before 5.0 is disconnected on an error other than NotAuthorized,
// so that it sends the message again. What needs no answer (QoS 0, a Will) is passed over.
func (s *Session) Acknowledge(r *packet.Run, code packet.ReasonCode, out *Output) {
	in := s.in
	if in == nil || r.QoS == packet.QoS0 {
		return
	}
	for i := in.first; i < len(in.routing); i++ {
		if e := &in.routing[i]; e.run == r && !e.done {
			e.done, e.code = true, code
			break
		}
	}
	s.answer(out)
}

// answer writes the acknowledgements whose turn it is.
func (s *Session) answer(out *Output) {
	in := s.in
	for in.first < len(in.routing) && in.routing[in.first].done {
		e := in.routing[in.first]
		in.routing[in.first] = routing{}
		in.first++
		if s.version != packet.V5 && e.code.IsError() {
			if e.code != packet.NotAuthorized {
				s.unreceive(e.run)
				if s.state == attached && (!e.stale || e.run.QoS == packet.QoS2) {
					s.close(e.code, nil, out)
				}
				continue
			}
			e.code = packet.Success
		}
		if e.run.QoS == packet.QoS1 {
			s.answerQoS1(e, out)
		} else {
			s.answerQoS2(e, out)
		}
	}
}

func (s *Session) answerQoS1(e routing, out *Output) {
	if e.stale {
		// The Client sends it again on its new connection, where this PUBACK could meet another
		// message with the same Packet Identifier.
		return
	}
	s.in.counted -= e.run.Count
	if s.state != attached {
		return
	}
	eachID(e.run, func(id uint16) {
		s.answerOne(packet.TypePuback, id, &e, out)
	})
}

func (s *Session) answerQoS2(e routing, out *Output) {
	if e.peer != "" {
		if !e.code.IsError() {
			s.seldom().peers.received(e.peer, e.run)
			s.headed()
		}
		return
	}
	eachID(e.run, func(id uint16) {
		known := s.in.ids.find(id)
		if known == nil {
			return
		}
		answer := s.state == attached && (!e.stale || *known&idAsked != 0)
		if e.code.IsError() {
			s.headed()
			if *known&idCounted != 0 {
				s.in.counted--
			}
			s.in.ids.remove(id) // [MQTT-4.3.3-9]
		} else {
			*known |= idRouted
		}
		if answer {
			s.answerOne(packet.TypePubrec, id, &e, out)
		}
	})
}

// answerOne writes PUBACK or PUBREC, with the reason if the Client wants that [MQTT-3.1.2-29] and it fits [MQTT-3.4.2-2]
// [MQTT-3.5.2-2].
func (s *Session) answerOne(t packet.Type, id uint16, e *routing, out *Output) {
	if e.reason != "" && s.version == packet.V5 && s.problems {
		p, start := packet.Puback{PacketID: id, Code: e.code, ReasonString: []byte(e.reason)}, len(out.Packets)
		if t == packet.TypePubrec {
			out.Packets = (*packet.Pubrec)(&p).Append(out.Packets, packet.V5)
		} else {
			out.Packets = p.Append(out.Packets, packet.V5)
		}
		if s.fits(start, out) {
			return
		}
	}
	s.ack(t, id, e.code, out)
}

// unreceive forgets messages that were refused without an answer. The connection they came on, or
// were sent again on, is closed or closing: counts do not matter any more.
func (s *Session) unreceive(r *packet.Run) {
	if r.QoS == packet.QoS2 {
		s.headed()
		eachID(r, s.in.ids.remove)
	}
}

// GiveUp forgets r, one of Output.Publish that was not acknowledged and never will be, for the host has lost it: the connection that it
// came on has failed, and its Client sends it again on the next.
func (s *Session) GiveUp(r *packet.Run) {
	in := s.in
	if in == nil || r.QoS == packet.QoS0 {
		return
	}
	for i := in.first; i < len(in.routing); i++ {
		if e := &in.routing[i]; e.run == r && !e.done {
			gone := *e
			in.routing = slices.Delete(in.routing, i, i+1)
			if gone.peer == "" {
				s.unreceive(r)
			}
			return
		}
	}
}

// receivePubrel ends a message with QoS 2 [MQTT-4.3.3-11].
func (s *Session) receivePubrel(id uint16, out *Output) {
	code := packet.PacketIdentifierNotFound
	if s.in != nil {
		if e := s.in.ids.find(id); e != nil {
			if *e&idCounted != 0 {
				s.in.counted--
			}
			s.in.ids.remove(id)
			code = packet.Success
		}
	}
	s.headed()
	s.safely(out, func() { s.ack(packet.TypePubcomp, id, code, out) })
}

// eachID walks over the Packet Identifiers of a Run as the Client gave them.
func eachID(r *packet.Run, visit func(id uint16)) {
	for rest := r.Frames; len(rest) > 0; rest = rest[frameSize(rest):] {
		if id := packetID(rest, len(r.Topic)); id != 0 {
			visit(id)
		}
	}
}
