package session

import "github.com/troupemq/troupe/protocol/packet"

// ageing is how long buffers may pin more than their own bytes, and stay allocated while empty, in
// milliseconds.
const ageing = 1000

// expired says whether a message that began to wait at since is to be deleted [MQTT-3.3.2-5]. One
// that does not wait at all is delivered even with an interval of 0.
func expired(r *packet.Run, since, now int64) bool {
	due := due(r, since)
	return r.HasExpiry && now >= due && (now > due || now > since)
}

// due is the Unix ms at which a message with a Message Expiry Interval expires: its interval counts
// from when the Server received it, for the Session since it got it if nobody noted that.
func due(r *packet.Run, since int64) int64 {
	if r.Deadline != 0 {
		return r.Deadline
	}
	return since + int64(r.Expiry)*1000
}

// remaining is the Message Expiry Interval to send: the received one less the whole seconds that the
// message waited in the Server [MQTT-3.3.2-6].
func remaining(r *packet.Run, since, now int64) uint32 {
	return min(r.Expiry, uint32(max(0, due(r, since)-now+999)/1000))
}

// lapsed says whether e waited for longer than the queue's Age, or expired.
func (s *Session) lapsed(e *queued, now int64) bool {
	age := s.limits.Queue.Age
	return expired(e.run, e.at, now) || age > 0 && now-e.at >= age
}

// age sees to it that buffers in use are looked through before long.
func (s *Session) age(now int64) {
	if s.ageAt == 0 {
		s.ageAt = now + ageing
	}
}

// Next is when Tick wants to be called, in Unix ms; 0: not at all. Asking costs nothing, and the
// answer changes at most once a second under traffic.
func (s *Session) Next() int64 {
	next := int64(0)
	sooner := func(at int64) {
		if at != 0 && (next == 0 || at < next) {
			next = at
		}
	}
	if s.rare != nil {
		sooner(s.rare.willAt)
	}
	sooner(s.endAt)
	sooner(s.ageAt)
	if e := s.queue.front(); e != nil && s.limits.Queue.Age > 0 {
		sooner(e.at + s.limits.Queue.Age)
	}
	if l := s.ledger; l != nil && s.state == away && l.lapse != 0 && !l.loading && s.queue.front() == nil && l.from < l.stored() {
		sooner(l.lapse)
	}
	if s.queue != nil && s.strained && s.limits.Queue.Overflow != Slow {
		sooner(s.queue.taken + s.limits.Queue.Patience)
	}
	return next
}

// Tick does what is due at now: the delayed Will, the end of the Session, the drop of what waited too
// long, and the return of buffers that are not needed any more.
func (s *Session) Tick(now int64, out *Output) {
	if at := s.unusual().willAt; at != 0 && now >= at {
		s.publishWill(now, out)
	}
	if s.endAt != 0 && now >= s.endAt {
		s.finish(now, out)
		return
	}
	s.expire(now, out)
	if s.ageAt != 0 && now >= s.ageAt {
		s.ageAt = 0
		if s.compact() {
			s.ageAt = now + ageing
		}
	}
}

// compact frees what is empty and lets nothing old pin a receive buffer. It says whether there is
// something left to look at later.
func (s *Session) compact() (more bool) {
	for _, q := range []**queue{&s.queue, &s.qos0} {
		switch {
		case *q == nil:
		case (*q).n == 0:
			if *q != s.queue || s.state != attached || !s.ledger.spilled() {
				*q = nil
			}
		default:
			(*q).own()
			more = true
		}
	}
	if w := s.out; w != nil {
		if w.used == 0 {
			s.out = nil
		} else if w.own() {
			more = true
		}
	}
	if s.in != nil {
		if s.in.empty() {
			s.in = nil
		} else {
			more = true
		}
	}
	return more
}

// own makes the messages that were in flight the last time already pin just their own bytes, and
// says whether there are others.
func (w *window) own() (more bool) {
	for p := w.head; p != w.tail; p++ {
		f := w.at(p)
		switch {
		case f.run == nil:
		case f.flags&flagOld != 0:
			f.run = f.run.Owned()
		default:
			f.flags |= flagOld
			more = true
		}
	}
	return more
}
