package failover

import "errors"

// Start begins.
func (f *Failover) Start(now int64) []Action {
	f.started = true
	return f.step(now)
}

// Tick is for the time that Next names.
func (f *Failover) Tick(now int64) []Action { return f.step(now) }

// Ready says that a link could carry, or that a probe is up.
func (f *Failover) Ready(id ID, now int64) []Action {
	if l := f.find(id); l != nil && l.phase == connecting {
		l.enter(ready, now)
		if l.upstream.healthy == 0 {
			l.upstream.healthy = now
		}
	}
	return f.step(now)
}

// Carries says that a link does.
func (f *Failover) Carries(id ID, now int64) []Action {
	if l := f.carrier; l != nil && l.id == id && l.phase == starting {
		l.enter(carrying, now)
		f.failed = false
	}
	return f.step(now)
}

// Ended says that a link is over.
func (f *Failover) Ended(id ID, end End, now int64) []Action {
	if l := f.find(id); l != nil {
		f.over(l, end, now)
	}
	return f.step(now)
}

// Pause ends all links, the one that carries in order.
func (f *Failover) Pause(now int64) []Action {
	f.paused = true
	return f.step(now)
}

// Resume goes on. No upstream is waited for.
func (f *Failover) Resume(now int64) []Action {
	f.paused = false
	f.forgive()
	return f.step(now)
}

// Errors of Switch.
var (
	ErrPaused  = errors.New("the bridge is paused")
	ErrNoOther = errors.New("there is no other upstream")
	ErrThere   = errors.New("this upstream is used already")
	ErrUnknown = errors.New("there is no such upstream")
)

// Any is the upstream of a Switch to whichever is next.
const Any = -1

// Switch goes to an upstream, by its place in the list, or to Any other. The link that carries is left once the new one is ready. With Priority the
// bridge comes back from there as from any other.
func (f *Failover) Switch(to int, now int64) ([]Action, error) {
	current := f.carrier
	if current == nil {
		current = f.candidate
	}
	switch {
	case f.paused || !f.started:
		return nil, ErrPaused
	case to != Any && (to < 0 || to >= len(f.upstreams)):
		return nil, ErrUnknown
	case to != Any && current != nil && current.upstream == f.upstreams[to] && current.phase != leaving:
		return nil, ErrThere
	}
	var target *upstream
	if to != Any {
		target = f.upstreams[to]
	} else if target = f.other(current, now); target == nil {
		return nil, ErrNoOther
	}
	f.now = now
	if c := f.candidate; c == nil || c.upstream != target {
		f.drop(&f.candidate, "switched elsewhere")
		target.retryAt = 0
		f.connect(target, "", 0)
	}
	f.candidate.why = "asked for"
	return f.step(now), nil
}

// Renew replaces the link that carries by a new one to the same upstream, and all links that are on their way: what they are made of has changed. The
// upstream ends the old link when the new one comes, since both have the same Client Identifier; its Session goes on.
func (f *Failover) Renew(now int64) []Action {
	f.now = now
	f.drop(&f.candidate, "renewed")
	f.drop(&f.probe, "renewed")
	if f.carrier != nil && !f.paused {
		f.carrier.upstream.stale = true
	}
	return f.step(now)
}

// Entry is an upstream of a new list.
type Entry struct {
	Name    string
	Changed bool // not what it was, by other things than its name
	Near    bool // in this process: whatever changes here may change there too
}

// Reload takes another list. Upstreams with equal names keep their state, and links to them stay unless they were changed. A link that carries to one
// that is gone is left once another one is ready.
func (f *Failover) Reload(o Options, list []Entry, now int64) []Action {
	o.Rand = f.o.Rand
	f.o, f.now = bounded(o), now
	before := f.upstreams
	f.upstreams = nil
	for i, e := range list {
		u := take(before, e.Name)
		if u == nil {
			u = &upstream{name: e.Name}
		}
		u.index, u.retryAt = i, min(u.retryAt, now+f.o.Maximum)
		if e.Changed || e.Near {
			u.failures, u.retryAt = 0, 0
		}
		if e.Changed {
			u.stale = true
		}
		f.upstreams = append(f.upstreams, u)
	}
	for i, u := range before {
		if u != nil {
			before[i].index = -1
		}
	}
	for _, l := range []**link{&f.candidate, &f.probe} {
		if *l != nil && ((*l).upstream.index < 0 || (*l).upstream.stale) {
			f.drop(l, "the upstream was changed")
		}
	}
	for _, u := range f.upstreams {
		u.stale = u.stale && f.carrier != nil && f.carrier.upstream == u
	}
	if f.last != nil && f.last.index < 0 {
		f.last = nil
	}
	return f.step(now)
}

// take takes the first upstream of that name out of the list.
func take(list []*upstream, name string) *upstream {
	for i, u := range list {
		if u != nil && u.name == name {
			list[i] = nil
			return u
		}
	}
	return nil
}

func (f *Failover) forgive() {
	for _, u := range f.upstreams {
		u.retryAt = 0
	}
}

func (f *Failover) find(id ID) *link {
	for _, l := range []*link{f.carrier, f.candidate, f.probe} {
		if l != nil && l.id == id {
			return l
		}
	}
	return nil
}

func (l *link) enter(p phase, now int64) { l.phase, l.since = p, now }
