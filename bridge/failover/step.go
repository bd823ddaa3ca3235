package failover

import "github.com/troupemq/troupe/protocol/packet"

// step does what is to be done at this time, given what is there. All events end here, so that what is done depends on the state alone.
func (f *Failover) step(now int64) []Action {
	f.now = now
	if f.started {
		f.late()
		if c := f.carrier; c != nil && c.phase == carrying && now-c.since >= f.settled() {
			c.upstream.failures, c.upstream.retryAt = 0, 0
		}
		if f.paused {
			f.rest()
		} else {
			f.handOver()
			f.seek()
			f.handOver()
			f.look()
		}
	}
	actions := f.actions
	f.actions = nil
	return actions
}

// rest ends all links.
func (f *Failover) rest() {
	f.drop(&f.candidate, "paused")
	f.drop(&f.probe, "paused")
	f.leave("paused")
}

// handOver lets a candidate that is ready carry, behind the one that does.
func (f *Failover) handOver() {
	c := f.candidate
	if c == nil || c.phase != ready {
		return
	}
	if f.carrier != nil {
		f.leave(c.why)
		return
	}
	f.carrier, f.candidate = c, nil
	c.enter(starting, f.now)
	c.upstream.stale = false
	f.last = c.upstream
	f.do(Action{Kind: Carry, Link: c.id})
}

// leave has the carrier stop in order. One that does not carry yet has nothing to put in order, but may by the time that it is told.
func (f *Failover) leave(why string) {
	if c := f.carrier; c != nil && c.phase != leaving {
		c.enter(leaving, f.now)
		f.do(Action{Kind: Leave, Link: c.id, Why: why})
	}
}

// seek brings a candidate up if none carries, or if the one that does is to be replaced.
func (f *Failover) seek() {
	if f.candidate != nil {
		return
	}
	switch c := f.carrier; {
	case c == nil, c.phase == leaving, c.upstream.index < 0:
		if u := f.choose(); u != nil && (c == nil || u != c.upstream) { // or it would push out the one that leaves
			f.connect(u, "", 0)
			if c != nil && c.upstream.index < 0 {
				f.candidate.why = "the upstream was removed"
			}
		}
	case c.upstream.stale && c.upstream.retryAt <= f.now:
		f.connect(c.upstream, "", 0)
		f.candidate.why = "the bridge was changed"
	}
}

// look probes better upstreams while a worse one carries.
func (f *Failover) look() {
	c := f.carrier
	if f.o.Order != Priority || c == nil || c.phase != carrying || c.upstream.index < 0 || f.candidate != nil {
		f.drop(&f.probe, "not wanted any more")
		return
	}
	if p := f.probe; p != nil {
		switch {
		case p.upstream.index >= c.upstream.index:
			f.drop(&f.probe, "not better")
		case p.phase == ready && f.now-p.since >= f.o.StayFor:
			f.drop(&f.probe, "healthy")
			p.upstream.healthy = p.since
			f.connect(p.upstream, "", 0)
			f.candidate.why = "back to a better upstream"
		}
		return
	}
	for _, u := range f.upstreams[:c.upstream.index] {
		if u.retryAt <= f.now {
			f.probe = f.begin(Probe, u, "", 0)
			return
		}
	}
}

// over takes account of the end of a link.
func (f *Failover) over(l *link, end End, now int64) {
	f.now = now
	u := l.upstream
	if !f.healthyElsewhere(l) {
		u.healthy = 0
	}
	switch l {
	case f.probe:
		f.probe = nil
	case f.candidate:
		f.candidate = nil
	case f.carrier:
		f.carrier = nil
	}
	if l.phase == leaving && end.Asked || f.takenOver(l, end) {
		return
	}
	f.failed = f.failed || l.kind == Connect
	u.lastError, u.lastAt = end.Text, now
	f.lastError, f.lastAt = end.Text, now
	worked := l.phase == carrying && now-l.since >= f.settled()
	if worked {
		u.failures, u.retryAt = 0, 0
	}
	if !worked || f.others(u) { // else it is tried again at once
		f.fail(u, end)
	}
	if f.follows(l, end) {
		f.refer(l, end, worked)
	}
}

// takenOver tells whether the upstream has ended the old link because of the candidate, which is the new one to the same Session.
func (f *Failover) takenOver(l *link, end End) bool {
	return end.Code == packet.SessionTakenOver && l.phase >= starting && f.candidate != nil
}

// follows tells whether the Server Reference of an end is followed.
func (f *Failover) follows(l *link, end End) bool {
	referred := end.Reference != "" && (end.Code == packet.UseAnotherServer || end.Code == packet.ServerMoved)
	return f.o.Follow && referred && !f.paused && l.hops < referencesMost && l.upstream.index >= 0
}

// refer goes where the upstream said, as the same sort of link. A link that has worked begins a new chain of references.
func (f *Failover) refer(l *link, end End, worked bool) {
	hops := l.hops + 1
	if worked {
		hops = 1
	}
	switch {
	case l.kind == Probe:
		f.probe = f.begin(Probe, l.upstream, end.Reference, hops)
	case f.candidate == nil:
		f.connect(l.upstream, end.Reference, hops)
		f.candidate.why = l.why
	}
}

// late gives up on links that are beyond the times of the guards.
func (f *Failover) late() {
	for _, at := range []**link{&f.carrier, &f.candidate, &f.probe} {
		l := *at
		if l == nil {
			continue
		}
		if by := f.deadline(l); by == 0 || f.now < by {
			continue
		}
		text := map[phase]string{connecting: "the link does not come up", starting: "the link does not begin to carry", leaving: "the link does not leave"}[l.phase]
		f.do(Action{Kind: Stop, Link: l.id, Why: text, Failed: true})
		f.over(l, End{Text: text, Asked: l.phase == leaving}, f.now)
	}
}

// deadline is when a link is given up; 0: never.
func (f *Failover) deadline(l *link) int64 {
	switch {
	case (l.phase == connecting || l.phase == starting) && f.o.ReadyIn > 0:
		return l.since + f.o.ReadyIn
	case l.phase == leaving && f.o.LeaveIn > 0:
		return l.since + f.o.LeaveIn
	}
	return 0
}

// connect brings up a candidate.
func (f *Failover) connect(u *upstream, reference string, hops int) {
	f.candidate = f.begin(Connect, u, reference, hops)
	f.last = u
}

func (f *Failover) begin(kind Kind, u *upstream, reference string, hops int) *link {
	f.next++
	l := &link{id: f.next, kind: kind, upstream: u, reference: reference, hops: hops, since: f.now}
	f.do(Action{Kind: kind, Link: l.id, Upstream: u.index, Reference: reference, Retry: kind == Connect && f.carrier == nil && f.failed})
	return l
}

// drop ends a candidate or a probe. The upstream is not to blame.
func (f *Failover) drop(at **link, why string) {
	l := *at
	if l == nil {
		return
	}
	*at = nil
	if !f.healthyElsewhere(l) {
		l.upstream.healthy = 0
	}
	f.do(Action{Kind: Stop, Link: l.id, Why: why})
}

// healthyElsewhere tells whether another link to the upstream is up.
func (f *Failover) healthyElsewhere(l *link) bool {
	for _, other := range []*link{f.carrier, f.candidate, f.probe} {
		if other != nil && other != l && other.upstream == l.upstream && other.phase >= ready {
			return true
		}
	}
	return false
}

func (f *Failover) do(a Action) { f.actions = append(f.actions, a) }
