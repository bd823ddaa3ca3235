package session

import "github.com/troupemq/troupe/protocol/packet"

// Detach tells that the Network Connection is gone, for whatever cause. The Will is published or
// waits; the Session waits for its Client until it expires, and is over at once when its Session
// Expiry Interval is 0. So is that of a Client that another connection takes over: then
// the host looks at Ended and attaches the newcomer to a new Session.
func (s *Session) Detach(now int64, out *Output) {
	if s.state == away || s.state == ended {
		return
	}
	s.leave(out)
	s.leaveWill(now, out)
	if s.unusual().will == nil { // it was the last that the host had to be asked about
		s.setPolicy(nil)
	}
	switch s.expiry {
	case 0:
		s.finish(now, out)
	case NoExpiry:
	default:
		s.endAt = now + int64(s.expiry)*1000
		s.recorded()
	}
}

// leave drops what belongs to the connection, and makes the rest fit to stay for long.
func (s *Session) leave(out *Output) {
	s.state = away
	s.congested = false
	if s.rare != nil {
		s.rare.aliases, s.rare.auth = nil, nil
		s.tidy()
	}
	s.aliasMax = 0
	for s.qos0.front() != nil {
		out.drop(Offline, s.qos0.front())
		s.qos0.pop()
	}
	s.qos0 = nil
	for a := s.pending; a != nil; a = a.next {
		a.stale = true
	}
	if s.in != nil {
		s.in.disconnect()
	}
	if w := s.out; w != nil {
		for p := w.head; p != w.tail; p++ {
			w.at(p).flags |= flagOld
		}
	}
	s.compact()
	s.spill()
	s.ageAt = 0
}

// End ends the Session at once: Clean Start by another connection (0x8E), or the administrator. A
// connected Client is told code. The Will is published [MQTT-3.1.2-8], subscriptions are given up, and messages of
// Shared Subscriptions handed back.
func (s *Session) End(code packet.ReasonCode, now int64, out *Output) {
	if s.state == ended {
		return
	}
	s.Disconnect(code, now, out)
	s.leave(out)
	s.finish(now, out)
}

// finish ends a Session without a connection.
func (s *Session) finish(now int64, out *Output) {
	s.publishWill(now, out)
	if s.subs != nil {
		filters := make([]string, len(s.subs.list))
		for i := range s.subs.list {
			filters[i] = s.subs.list[i].Filter
		}
		out.Unsubscribe = append(out.Unsubscribe, UnsubscribeRequest{Filters: filters, After: len(out.Subscribe), Behind: len(out.Publish)})
	}
	s.redistribute(now, out)
	if l := s.ledger; l != nil {
		*l = ledger{waits: l.waits, over: true, next: l.next, from: l.next, sent: l.next, ready: l.next}
	}
	*s = Session{clientID: s.clientID, limits: s.limits, state: ended, nextID: 1, ledger: s.ledger}
	out.Ended = true
}

// redistribute hands back what others of a Shared Subscription may get: QoS 1 that is not
// acknowledged, and all that was not sent. QoS 2 that was sent is not [MQTT-4.8.2-5]. The rest is dropped.
func (s *Session) redistribute(now int64, out *Output) {
	give := func(e *queued, mayGo bool) {
		switch {
		case e.terms.Shared == "" || !mayGo:
			out.drop(Ended, e)
			return
		case expired(e.run, e.at, now):
			out.drop(Expired, e)
			return
		}
		r := part(e.run, int(e.offset), int(e.left))
		if r.HasExpiry && r.Deadline == 0 {
			r = r.WithExpiry(remaining(r, e.at, now))
		}
		out.Redistribute = append(out.Redistribute, Redistribution{e.terms.Shared, r})
	}
	if w := s.out; w != nil {
		for p := w.head; p != w.tail; p++ {
			if f := w.at(p); f.run != nil && (f.step == puback || f.step == pubrec) {
				give(&queued{run: f.run, terms: f.terms, at: f.at, offset: f.offset, left: 1}, f.step == puback || f.flags&flagHeld != 0)
			}
		}
	}
	if q := s.queue; q != nil {
		for i := range q.n {
			give(q.index(i), true)
		}
	}
	if l := s.ledger; l != nil { // what only the store has is not handed back
		for i := range l.fresh {
			if e := l.fresh[i].rest(l.from); e.left > 0 {
				give(&e, true)
			}
		}
	}
}

// part is n frames of r from offset on, as a Run.
func part(r *packet.Run, offset, n int) *packet.Run {
	if n == r.Count {
		return r
	}
	end, largest := offset, 0
	for range n {
		size := frameSize(r.Frames[end:])
		largest = max(largest, size)
		end += size
	}
	header, _ := frameParts(r.Frames[offset:])
	name := offset + header + 2
	return &packet.Run{
		Frames: r.Frames[offset:end:end], Count: n, Version: r.Version, QoS: r.QoS, Retain: r.Retain,
		Topic: r.Frames[name : name+len(r.Topic)], Largest: largest, Slab: r.Slab, Lent: r.Lent,
	}
}
