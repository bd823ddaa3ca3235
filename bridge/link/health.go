package link

import (
	"fmt"

	"github.com/troupemq/troupe/protocol/packet"
)

// health watches whether the upstream lives. All times are Unix ms.
type health struct {
	limit   int64 // until which the link has to be ready
	since   int64 // when it began to count whether anything comes or is taken: while nobody reads neither proves anything
	read    int64 // when something last came
	written int64 // when something of ours last left
	asked   int64 // when PINGREQ was handed to the socket; 0: it is not asked
	queued  bool  // PINGREQ waits to be written
}

func (h *health) begin(now, within int64) {
	*h = health{limit: now + within, since: now, read: now, written: now}
}

// resume begins to count anew.
func (h *health) resume(now int64) { h.since, h.read, h.asked = now, now, 0 }

// still is since when the upstream has neither said anything nor taken anything.
func (h *health) still() int64 { return max(h.read, h.written, h.since) }

// takes tells whether the upstream has taken something of what waits within a time: its answer to PINGREQ may take longer then.
func (l *Link) takes(now, within int64) bool {
	return len(l.out.b) > 0 && now < l.health.written+within
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
	case l.idle():
		h.resume(now)
		l.greet(now)
	case len(l.out.b) > 0 && now >= h.still()+interval+timeout:
		l.end(fmt.Errorf("the upstream has been silent for %v and has taken nothing for %v", elapsed(now-h.read), elapsed(now-max(h.written, h.since))))
		return
	case h.asked != 0 && !l.deaf() && now >= h.asked+timeout && !l.takes(now, timeout):
		l.end(fmt.Errorf("the upstream has been silent for %v and has not answered PINGREQ for %v", elapsed(now-h.read), elapsed(now-h.asked)))
		return
	case h.asked == 0 && !h.queued && now >= h.read+interval:
		l.ask()
	default:
		l.greet(now)
	}
	if ack := c.Health.AckTimeout.Std().Milliseconds(); ack > 0 && l.phase >= carrying && l.phase != over && !l.deaf() && !l.pace.waiting() {
		if oldest := l.open.oldest(); oldest != 0 && now >= oldest+ack {
			l.end(fmt.Errorf("the upstream has not acknowledged a message for %v", elapsed(now-oldest)))
			return
		}
	}
	l.arm()
}

// ask has the upstream give a sign of life.
func (l *Link) ask() {
	l.health.queued = true
	l.out.b = append(l.out.b, byte(packet.TypePingreq)<<4, 0)
	l.flush()
}

// greetAt is when the upstream has to hear of the bridge again, whatever it says itself: it counts what it gets. 0: never.
func (l *Link) greetAt() int64 {
	if l.upper.keepAlive == 0 || len(l.out.b) > 0 {
		return 0
	}
	return l.health.written + l.upper.keepAlive*3/4
}

func (l *Link) greet(now int64) {
	if at := l.greetAt(); at != 0 && now >= at {
		l.ask()
	}
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
	case l.idle():
	case h.asked != 0 && !l.deaf():
		due := h.asked + timeout
		if l.takes(now, timeout) {
			due = max(due, h.written+timeout)
		}
		sooner(due)
	case h.asked == 0 && !h.queued:
		sooner(h.read + interval)
	}
	if len(l.out.b) > 0 && !l.idle() {
		sooner(h.still() + interval + timeout)
	}
	if due := l.greetAt(); due != 0 && l.phase >= ready {
		sooner(due)
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
