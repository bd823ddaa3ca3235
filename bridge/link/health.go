package link

import "fmt"

// health watches whether the upstream lives. All times are Unix ms.
type health struct {
	limit   int64 // until which the link has to be ready
	read    int64 // when something last came
	written int64 // when something of ours last left
	asked   int64 // when PINGREQ was handed to the socket; 0: it is not asked
	queued  bool  // PINGREQ waits to be written
}

func (h *health) begin(now, within int64) {
	*h = health{limit: now + within, read: now, written: now}
}

// heard is a sign of life.
func (h *health) heard(now int64) { h.read, h.asked, h.queued = now, 0, false }

func (h *health) answered() { h.asked, h.queued = 0, false }

// wrote notes that bytes have left, all of them or not.
func (h *health) wrote(now int64, all bool) {
	h.written = now
	if all && h.queued {
		h.queued, h.asked = false, now
	}
}

// tick does what is due.
func (l *Link) tick() {
	if l.phase == over {
		return
	}
	now, h, c := l.now(), &l.health, &l.o.Config
	if l.pace.on() {
		l.pay()
		l.flush()
	}
	interval, timeout := c.Health.Interval.Std().Milliseconds(), c.Health.Timeout.Std().Milliseconds()
	switch {
	case l.phase == over:
		return
	case l.stream == nil: // the dialer has a time of its own
	case l.phase < ready && now >= h.limit:
		l.end(errTimeout)
		return
	case l.phase < ready:
	case l.phase == leaving && now >= l.leaveBy:
		l.end(errLeft)
		return
	case l.deaf():
	case h.asked != 0 && now >= h.asked+timeout:
		l.end(fmt.Errorf("the upstream has been silent for %v and has not answered PINGREQ for %v", elapsed(now-h.read), elapsed(now-h.asked)))
		return
	case h.queued && now >= h.written+interval+timeout:
		l.end(fmt.Errorf("the upstream has been silent for %v and has taken nothing for %v", elapsed(now-h.read), elapsed(now-h.written)))
		return
	case h.asked == 0 && !h.queued && (now >= h.read+interval || l.upper.keepAlive > 0 && now >= h.written+l.upper.keepAlive*3/4):
		h.queued = true
		l.out.b = append(l.out.b, 0xC0, 0)
		l.flush()
	}
	if ack := c.Health.AckTimeout.Std().Milliseconds(); ack > 0 && l.phase >= carrying && l.phase != over && !l.deaf() && !l.pace.waiting() {
		if oldest := l.open.oldest(); oldest != 0 && now >= oldest+ack {
			l.end(fmt.Errorf("the upstream has not acknowledged a message for %v", elapsed(now-oldest)))
			return
		}
	}
	l.arm()
}

// arm sets the timer to when something is to be looked at.
func (l *Link) arm() {
	if l.phase == over || l.loop == nil || l.stream == nil {
		return
	}
	now, h, c := l.now(), &l.health, &l.o.Config
	interval, timeout := c.Health.Interval.Std().Milliseconds(), c.Health.Timeout.Std().Milliseconds()
	at := now + interval // also for what is only looked at now and then
	sooner := func(due int64) { at = min(at, max(due, now+1)) }
	switch {
	case l.phase < ready:
		sooner(h.limit)
	case h.asked != 0:
		sooner(h.asked + timeout)
	case h.queued:
		sooner(h.written + interval + timeout)
	default:
		sooner(h.read + interval)
	}
	if l.phase == leaving {
		sooner(l.leaveBy)
	}
	if due := l.pace.due(now); due != 0 {
		sooner(due)
	}
	if l.timer.Armed() && at >= l.armed {
		return
	}
	l.armed = at
	l.loop.Start(&l.timer, at)
}
