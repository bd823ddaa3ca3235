package session

import "github.com/troupemq/troupe/protocol/packet"

// Terms are what a Session's Subscriptions say about a message that matches them. They are immutable,
// and shared between messages and between Sessions.
type Terms struct {
	QoS               packet.QoS // the highest granted among the Subscriptions that match [MQTT-3.3.4-2]
	RetainAsPublished bool
	IDs               []uint32 // Subscription Identifiers of all Subscriptions that match [MQTT-3.3.4-3]
	Shared            string   // `$share/name/filter` when the message came by a Shared Subscription
	Retained          bool     // a Retained Message that a new Subscription asked for

	// Raise is the least QoS that the message is sent with, and so what it is kept as, though it was published with a lower one: for bridges.
	Raise packet.QoS
}

// qos is what r is sent with.
func (t *Terms) qos(r *packet.Run) packet.QoS { return max(min(r.QoS, t.QoS), t.Raise) }

// retain is the RETAIN flag to send [MQTT-3.3.1-8] [MQTT-3.3.1-12] [MQTT-3.3.1-13].
func (t *Terms) retain(r *packet.Run) bool { return t.Retained || t.RetainAsPublished && r.Retain }

// Deliver takes messages for the Client: they are written, or wait, or are dropped as the limits say.
// r and t are kept and must not change.
func (s *Session) Deliver(r *packet.Run, t *Terms, now int64, out *Output) {
	if s.rare != nil && s.rare.replay.supersedes(r, t) {
		return
	}
	qos := t.qos(r)
	switch {
	case expired(r, now, now):
		out.dropped(Expired, r, t, 0, r.Count)
	case s.state == ended:
		if t.Shared != "" && qos > packet.QoS0 {
			out.Redistribute = append(out.Redistribute, Redistribution{t.Shared, r})
		} else {
			out.dropped(Ended, r, t, 0, r.Count)
		}
	case qos == packet.QoS0:
		switch {
		case s.state != attached:
			out.dropped(Offline, r, t, 0, r.Count)
		case s.congested || s.qos0.front() != nil:
			s.enqueueQoS0(r, t, now, out)
		default:
			s.send(r, t, 0, r.Count, packet.QoS0, now, now, 0, out)
		}
	default:
		offset, left := 0, r.Count
		if s.open() && s.queue.front() == nil && s.settled() {
			if n := min(left, s.room()); n > 0 && !s.ledger.spilled() {
				seq := s.ledger.take(r, t, 0, uint32(len(r.Frames)), uint32(n), now)
				offset = s.send(r, t, 0, n, qos, now, now, seq, out)
				s.ledger.cut(uint32(offset))
				left -= n
			}
		}
		if left > 0 {
			s.enqueue(r, t, offset, left, now, out)
		}
	}
}

// send writes n frames of r, or holds them back, which the Session got at since, from offset on and returns the offset behind them. The window has room.
func (s *Session) send(r *packet.Run, t *Terms, offset, n int, qos packet.QoS, since, now int64, seq uint64, out *Output) int {
	if qos > packet.QoS0 && s.out == nil {
		s.out = newWindow(s.nextID)
		s.age(now)
	}
	if qos > packet.QoS0 && s.ledger != nil {
		s.ledger.head, s.ledger.sent = true, seq+uint64(n)
		if s.ledger.waits && (qos == packet.QoS2 || s.once || s.holding()) {
			return s.hold(r, t, offset, n, qos, since, seq)
		}
	}
	plain := !r.HasExpiry && r.LargestAs(s.version, qos > packet.QoS0) <= int(s.maxPacket) &&
		(s.version < packet.V5 || s.aliasMax == 0 && len(t.IDs) == 0)
	if plain && (offset == 0 || r.Is(s.version, qos > packet.QoS0)) {
		return s.sendBulk(r, t, offset, n, qos, since, seq, out)
	}
	return s.sendEach(r, t, offset, n, qos, since, now, seq, out)
}

// sendBulk copies frames, in the layout of this Client, in one go and patches what is the Client's own: flags and Packet Identifiers.
func (s *Session) sendBulk(r *packet.Run, t *Terms, offset, n int, qos packet.QoS, since int64, seq uint64, out *Output) int {
	first := byte(packet.TypePublish)<<4 | byte(qos)<<1
	if t.retain(r) {
		first |= 1
	}
	start := len(out.Packets)
	if n == r.Count {
		out.Packets = r.AppendAs(out.Packets, s.version, qos > packet.QoS0)
	} else {
		frames, end := r.As(s.version, qos > packet.QoS0), offset
		for range n {
			end += frameSize(frames[end:])
		}
		out.Packets = append(out.Packets, frames[offset:end]...)
	}
	sent := out.Packets[start:]
	s.count(out, n, len(sent))
	out.delivered(r, t, offset, n)
	if qos == packet.QoS0 {
		if sent[0] != first {
			for at := 0; at < len(sent); at += frameSize(sent[at:]) {
				sent[at] = first
			}
		}
		return len(r.Frames)
	}
	origin, same := offset, r.Is(s.version, true)
	idAt := 2 + len(r.Topic)
	for at := 0; at < len(sent); {
		header, size := frameParts(sent[at:])
		sent[at] = first
		id := at + header + idAt
		sent[id], sent[id+1] = byte(s.nextID>>8), byte(s.nextID)
		s.nextID = following(s.nextID)
		s.out.push(r, t, uint32(origin), qos, since, seq)
		if seq != 0 {
			seq++
		}
		at += size
		if same {
			origin += size
		} else {
			origin += frameSize(r.Frames[origin:])
		}
	}
	return origin
}

// sendEach writes frame by frame, each with what this Client has of its own.
func (s *Session) sendEach(r *packet.Run, t *Terms, offset, n int, qos packet.QoS, since, now int64, seq uint64, out *Output) int {
	for range n {
		size := frameSize(r.Frames[offset:])
		f := flight{run: r, terms: t, at: since, offset: uint32(offset)}
		switch sent := s.appendFlight(&f, qos, s.nextID, false, now, out); {
		case qos == packet.QoS0:
		case sent:
			s.out.push(r, t, uint32(offset), qos, since, seq)
			s.nextID = following(s.nextID)
		default:
			s.ledger.done(seq, 1)
		}
		if seq != 0 {
			seq++
		}
		offset += size
	}
	return offset
}

// appendFlight writes one PUBLISH. It returns false if the packet is too large for the Client: then
// nothing is written and the message counts as sent [MQTT-3.1.2-24] [MQTT-3.1.2-25].
func (s *Session) appendFlight(f *flight, qos packet.QoS, id uint16, dup bool, now int64, out *Output) bool {
	r, t := f.run, f.terms
	var p packet.Publish
	if p.Decode(frameIn(r, f.offset), r.Version) != nil {
		out.Counts.DroppedBroken++
		return false
	}
	p.QoS, p.PacketID, p.Dup, p.Retain = qos, id, dup, t.retain(r)
	if qos == packet.QoS0 {
		p.PacketID = 0
	}
	start := len(out.Packets)
	alias, fresh := uint16(0), false
	if s.version == packet.V5 {
		p.SubscriptionIDs = t.IDs
		p.MessageExpiry = remaining(r, f.at, now)
		if alias, fresh = s.aliasFor(p.Topic); alias != 0 {
			p.TopicAlias = alias
			if !fresh {
				p.Topic = nil
			}
		}
	}
	out.Packets = p.Append(out.Packets, s.version)
	if fresh && len(out.Packets)-start > int(s.maxPacket) {
		s.rare.aliases.forget(alias)
		out.Packets = out.Packets[:start]
		p.TopicAlias = 0
		out.Packets = p.Append(out.Packets, s.version)
	}
	if len(out.Packets)-start > int(s.maxPacket) {
		out.Packets = out.Packets[:start]
		out.dropped(TooLarge, r, t, int(f.offset), 1)
		return false
	}
	s.count(out, 1, len(out.Packets)-start)
	if out.Watch&Delivered != 0 {
		out.Events = append(out.Events, Event{Run: r, Terms: t, Offset: f.offset, Count: 1, Expiry: remaining(r, f.at, now), Fate: Delivered, Dup: dup})
	}
	return true
}

// frameIn is the frame at offset as it can be decoded.
func frameIn(r *packet.Run, offset uint32) []byte {
	frame := r.Frames[offset:]
	frame = frame[:frameSize(frame)]
	if r.QoS > packet.QoS0 && r.Count == 1 && packetID(frame, len(r.Topic)) == 0 {
		// A Will, or a message of the host: it never had an identifier, which is no valid frame.
		return r.As(r.Version, false)
	}
	return frame
}

func (s *Session) count(out *Output, messages, bytes int) {
	out.Counts.PublishSent += uint64(messages)
	out.Counts.PublishSentBytes += uint64(bytes)
}

// drain writes what waits, as far as window and connection allow: first what was in flight before
// the Client came back, then both queues in the order in which they were filled. QoS 0 does not
// wait for the window.
func (s *Session) drain(now int64, out *Output) {
	if !s.open() {
		return
	}
	if s.ledger != nil {
		s.refill(out)
	}
	s.resend(now, out)
	s.tell(now, out)
	for {
		e, q := s.queue.front(), s.queue
		if e != nil && !s.lapsed(e, now) && (s.room() == 0 || !s.settled()) {
			e = nil
		}
		if f := s.qos0.front(); f != nil && (e == nil || f.order < e.order) {
			e, q = f, s.qos0
		}
		if e == nil {
			if s.ledger.spilled() && s.queue.front() == nil && s.room() > 0 {
				if s.refill(out); s.queue.front() != nil {
					continue
				}
			}
			return
		}
		switch {
		case s.lapsed(e, now):
			s.dropLapsed(q, e, now, out)
		default:
			n, qos := int(e.left), e.terms.qos(e.run)
			if qos > packet.QoS0 {
				n = min(n, s.room())
			}
			next := s.send(e.run, e.terms, int(e.offset), n, qos, e.at, now, e.seq, out)
			q.advance(n, uint32(next)-e.offset)
			q.taken = now
		}
	}
}

// frameParts gives the bytes of the fixed header and of the whole frame that b begins with.
func frameParts(b []byte) (header, size int) {
	if b[1] < 0x80 {
		return 2, 2 + int(b[1])
	}
	length, shift := int(b[1]&0x7f), 7
	for header = 2; ; header++ {
		c := b[header]
		length |= int(c&0x7f) << shift
		if c < 0x80 {
			return header + 1, header + 1 + length
		}
		shift += 7
	}
}

func frameSize(b []byte) int {
	_, size := frameParts(b)
	return size
}

// packetID reads the Packet Identifier of a PUBLISH with QoS 1 or 2 and a Topic Name of so many bytes.
func packetID(frame []byte, name int) uint16 {
	header, _ := frameParts(frame)
	i := header + 2 + name
	return uint16(frame[i])<<8 | uint16(frame[i+1])
}
