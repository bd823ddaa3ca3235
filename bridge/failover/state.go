package failover

// Next is when to Tick, in Unix ms; 0: there is nothing to wait for.
func (f *Failover) Next() int64 {
	if !f.started {
		return 0
	}
	next := int64(0)
	sooner := func(at int64) {
		if at > 0 && (next == 0 || at < next) {
			next = at
		}
	}
	for _, l := range []*link{f.carrier, f.candidate, f.probe} {
		if l != nil {
			sooner(f.deadline(l))
		}
	}
	if f.paused {
		return next
	}
	c := f.carrier
	if c != nil && c.phase == carrying && c.upstream.failures > 0 {
		sooner(c.since + f.settled())
	}
	if f.candidate != nil {
		return next
	}
	switch {
	case c == nil, c.phase == leaving, c.upstream.index < 0:
		for _, u := range f.upstreams {
			if u.retryAt > f.now {
				sooner(u.retryAt)
			}
		}
	case c.upstream.stale:
		sooner(c.upstream.retryAt)
	case f.o.Order == Priority && c.phase == carrying && f.probe == nil:
		for _, u := range f.upstreams[:c.upstream.index] {
			sooner(u.retryAt)
		}
	case f.o.Order == Priority && c.phase == carrying && f.probe.phase == ready:
		sooner(f.probe.since + f.o.StayFor)
	}
	return next
}

// State is what an upstream is used for.
type State string

// What an upstream is used for.
const (
	Idle       State = "idle"       // not used
	Waiting    State = "waiting"    // failed, and is tried again later
	Probing    State = "probing"    // a probe is being connected
	Healthy    State = "healthy"    // a probe is up
	Connecting State = "connecting" // a link is being connected
	Standby    State = "ready"      // a link is up and is to take over
	Carrying   State = "carrying"   // a link carries
	Leaving    State = "leaving"    // a link stops in order
)

// Upstream is what is known of an upstream.
type Upstream struct {
	Name         string
	State        State
	Failures     int    // in a row
	RetryAt      int64  // Unix ms; 0: it is not backing off
	HealthySince int64  // Unix ms since when a link has been up; 0: none is
	LastError    string // empty: none
	LastErrorAt  int64  // Unix ms
}

// Upstreams gives all of them, in their order.
func (f *Failover) Upstreams() []Upstream {
	all := make([]Upstream, len(f.upstreams))
	for i, u := range f.upstreams {
		all[i] = Upstream{Name: u.name, State: f.use(u), Failures: u.failures, HealthySince: u.healthy, LastError: u.lastError, LastErrorAt: u.lastAt}
		if u.retryAt > f.now {
			all[i].RetryAt = u.retryAt
		}
	}
	return all
}

// LastError is the last of all errors, and when that was in Unix ms; "", 0: there was none.
func (f *Failover) LastError() (text string, at int64) { return f.lastError, f.lastAt }

func (f *Failover) use(u *upstream) State {
	up := func(l *link) bool { return l != nil && l.upstream == u && l.phase >= ready }
	switch c, n, p := f.carrier, f.candidate, f.probe; {
	case up(c) && c.phase == leaving && (n == nil || n.upstream != u):
		return Leaving
	case up(c) && c.phase != leaving:
		return Carrying
	case up(n):
		return Standby
	case n != nil && n.upstream == u:
		return Connecting
	case up(p):
		return Healthy
	case p != nil && p.upstream == u:
		return Probing
	case u.retryAt > f.now:
		return Waiting
	}
	return Idle
}

// Link is one of the links that a bridge may have at a time.
type Link struct {
	ID        ID
	Upstream  string // its name
	Index     int    // in the list; -1: no longer there
	Reference string // the Server Reference that led to where it is; empty: none
	Up        bool   // it is ready, or was told to carry
	Carries   bool
	Leaving   bool
	Since     int64 // Unix ms since when it is so
	SettledAt int64 // Unix ms from when on it has carried for long enough to have worked; 0: it does not carry
	Why       string
}

// Carrier is the link that carries, or was told to; ok is false if none is.
func (f *Failover) Carrier() (l Link, ok bool) { return f.seen(f.carrier) }

// Candidate is the link that is to carry next; ok is false if there is none.
func (f *Failover) Candidate() (l Link, ok bool) { return f.seen(f.candidate) }

// Probe is the link that tries a better upstream; ok is false if there is none.
func (f *Failover) Probe() (l Link, ok bool) { return f.seen(f.probe) }

// Paused tells whether nothing is to be connected.
func (f *Failover) Paused() bool { return f.paused }

func (f *Failover) seen(l *link) (Link, bool) {
	if l == nil {
		return Link{}, false
	}
	seen := Link{
		ID: l.id, Upstream: l.upstream.name, Index: l.upstream.index, Reference: l.reference, Since: l.since, Why: l.why,
		Up: l.phase >= ready, Carries: l.phase == carrying, Leaving: l.phase == leaving,
	}
	if seen.Carries {
		seen.SettledAt = l.since + f.settled()
	}
	return seen, true
}
