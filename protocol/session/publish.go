package session

import (
	"bytes"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/topic"
)

// receivePublish takes the PUBLISH at the beginning of b, which has size bytes, and as many of those
// behind it as make one Run with it. It returns the bytes taken.
func (s *Session) receivePublish(b []byte, size int, now int64, out *Output) int {
	var p packet.Publish
	frame := b[:size]
	if err := p.Decode(frame, s.version); err != nil {
		s.violate(err, out)
		return size
	}
	if err := s.judgePublish(&p); err != nil {
		s.violate(err, out)
		return size
	}
	if p.QoS > packet.QoS0 && !s.receive(&p, out) {
		return size
	}
	out.Counts.PublishReceived++
	out.Counts.PublishReceivedBytes += uint64(size)
	if s.limits.tooLong(p.Topic) {
		s.refuse(&p, packet.TopicNameInvalid, "", out)
		return size
	}
	if reserved(p.Topic) {
		s.refuse(&p, packet.NotAuthorized, "", out)
		return size
	}
	if !s.mayPublish(&p, out) {
		s.refuse(&p, packet.NotAuthorized, "", out)
		return size
	}
	if s.guarded && s.looped(p.UserProperties) {
		out.Counts.DroppedLoop++
		s.refuse(&p, packet.Success, "", out)
		return size
	}
	change, version := s.change(), s.version
	changed := false
	if change != nil {
		var m packet.Publish
		var code packet.ReasonCode
		var reason string
		if m, changed, code, reason = s.changed(change, p); code.IsError() {
			out.Counts.Denied++
			s.refuse(&p, code, reason, out)
			return size
		}
		p = m
	}
	var run *packet.Run
	switch {
	case changed: // it may have got what only version 5.0 can say
		version = packet.V5
		fallthrough
	case p.Dup || p.TopicAlias != 0: // DUP and the alias are between this Client and us [MQTT-3.3.1-3]
		run = packet.NewRun(&p, version)
		out.Publish = append(out.Publish, run)
	default:
		run = out.run()
		*run = packet.Run{
			Frames: frame, Count: 1, Version: s.version, QoS: p.QoS, Retain: p.Retain,
			HasExpiry: p.HasMessageExpiry, Expiry: p.MessageExpiry,
			Topic: p.Topic, Largest: size, Slab: cap(b), Lent: out.Lent,
		}
		if !p.Retain && !p.HasMessageExpiry && change == nil {
			s.extend(run, b, out)
			size = len(run.Frames)
		}
	}
	if run.HasExpiry {
		run.Deadline = now + int64(run.Expiry)*1000
	}
	if run.QoS > packet.QoS0 {
		run.Lent.Keep()
		s.in.push(routing{run: run})
	}
	return size
}

// judgePublish holds the rules for a PUBLISH from a Client, and completes its Topic Name.
func (s *Session) judgePublish(p *packet.Publish) error {
	switch {
	case len(p.SubscriptionIDs) > 0:
		return violation(packet.ProtocolError, "Subscription Identifier from a Client", "MQTT-3.3.4-6")
	case p.QoS > s.limits.MaxQoS:
		return violation(packet.QoSNotSupported, "PUBLISH above the Maximum QoS", "MQTT-3.2.2-11")
	case p.Retain && !s.limits.RetainAvailable:
		return violation(packet.RetainNotSupported, "PUBLISH with RETAIN", "MQTT-3.2.2-14")
	}
	if p.TopicAlias != 0 {
		if err := s.resolveAlias(p); err != nil {
			return err
		}
	}
	if err := topic.ValidateName(p.Topic); err != nil {
		return violation(packet.TopicNameInvalid, err.Error(), "MQTT-3.3.2-2")
	}
	return nil
}

// receive takes account of a message with QoS 1 or 2. It returns false if it is not to be routed:
// the Client sends it again, or sends too many.
func (s *Session) receive(p *packet.Publish, out *Output) bool {
	if s.in == nil {
		s.in = &inbound{}
	}
	in := s.in
	var known *uint32
	if p.QoS == packet.QoS2 {
		known = in.ids.find(p.PacketID)
	}
	if known == nil || *known&idCounted == 0 {
		if in.counted >= s.receiveMaximum() {
			s.violate(violation(packet.ReceiveMaximumExceeded, "more PUBLISH packets than the Receive Maximum", "MQTT-3.3.4-7"), out)
			return false
		}
		in.counted++
	}
	if known != nil {
		*known |= idCounted
		if *known&idRouted != 0 { // [MQTT-4.3.3-10]
			s.ack(packet.TypePubrec, p.PacketID, packet.Success, out)
		} else {
			*known |= idAsked
		}
		return false
	}
	if p.QoS == packet.QoS2 {
		in.ids.add(p.PacketID, idCounted)
		s.headed()
	}
	return true
}

// receiveMaximum is what binds this Client. One of a version before 5.0 was not told of any bound; the upstream of a bridge may be of one, and some
// send all that is open when their Client comes back.
func (s *Session) receiveMaximum() int {
	if s.version != packet.V5 || s.limits.Bridge {
		return 65535
	}
	return s.limits.receiveMaximum()
}

// refuse answers one message in its turn without routing it.
func (s *Session) refuse(p *packet.Publish, code packet.ReasonCode, reason string, out *Output) {
	if p.QoS == packet.QoS0 {
		if code.IsError() {
			out.Counts.DroppedInvalid++
		}
		return
	}
	s.in.push(routing{run: packet.NewRun(p, s.version), code: code, reason: reason, done: true})
	s.answer(out)
}

// extend lets run, the first frame of b, grow by the frames behind it that are alike, as far as they
// are valid and new. What it does not take is judged as the beginning of another Run.
func (s *Session) extend(run *packet.Run, b []byte, out *Output) {
	l := packet.LayoutOf(b, run.Version)
	name := b[l.Topic-2 : l.TopicEnd]
	properties := b[l.PropertyLength:l.PropertiesEnd]
	limit := s.receiveMaximum()
	end, largest := l.Size, l.Size
	for {
		h, ok, err := packet.ReadHeader(b[end:], s.limits.MaxPacketSize)
		if !ok || err != nil || b[end] != b[0] || h.FrameSize() > len(b)-end {
			break
		}
		size := h.FrameSize()
		rest := b[end+h.Size : end+size]
		if !bytes.HasPrefix(rest, name) {
			break
		}
		rest = rest[len(name):]
		id := uint16(0)
		if run.QoS > packet.QoS0 {
			if len(rest) < 2 {
				break
			}
			id, rest = uint16(rest[0])<<8|uint16(rest[1]), rest[2:]
			if id == 0 || s.in.counted >= limit || run.QoS == packet.QoS2 && s.in.ids.find(id) != nil {
				break
			}
		}
		if run.Version == packet.V5 && !bytes.HasPrefix(rest, properties) && (s.guarded || !plain(b[end:end+size])) {
			break
		}
		if id != 0 {
			s.in.counted++
			if run.QoS == packet.QoS2 {
				s.in.ids.add(id, idCounted)
			}
		}
		run.Count++
		end += size
		largest = max(largest, size)
	}
	run.Frames, run.Largest = b[:end], largest
	out.Counts.Packets += uint64(run.Count - 1)
	out.Counts.PublishReceived += uint64(run.Count - 1)
	out.Counts.PublishReceivedBytes += uint64(end - l.Size)
}

// plain tells whether a frame of version 5.0 is valid and has nothing that keeps it from sharing a Run.
func plain(frame []byte) bool {
	var p packet.Publish
	return p.Decode(frame, packet.V5) == nil &&
		p.TopicAlias == 0 && !p.HasMessageExpiry && len(p.SubscriptionIDs) == 0
}

// reserved tells whether a topic is the Server's own, where Clients may listen and not speak (section 4.7.2).
func reserved(name []byte) bool { return bytes.HasPrefix(name, []byte("$SYS/")) }

func levels(name []byte) int { return bytes.Count(name, []byte{'/'}) + 1 }
