package bridge

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/bridge/failover"
)

// Handle is how others see a bridge, from any goroutine. It outlives failures of the actor.
type Handle struct {
	Figures  message.BridgeFigures
	Attempts atomic.Int64 // links to upstreams that were begun, without probes
	Retries  atomic.Int64 // of these, those while nothing carried, after a link had failed or was lost
	Switches atomic.Int64 // from one upstream to another

	status atomic.Pointer[Status]
	kept   atomic.Pointer[kept] // written by the actor alone
	links  atomic.Uint64        // links that were spawned
	up     sync.Once
}

// NewHandle makes the handle of a bridge that has not begun.
func NewHandle(name string) *Handle {
	h := new(Handle)
	h.status.Store(&Status{Name: name, State: Connecting})
	return h
}

// kept is what the actor is to know after a failure of its own.
type kept struct {
	settings                           Settings
	former                             []string
	paused, drained, removing, discard bool
}

// recall gives what is kept, and keeps the first settings.
func (h *Handle) recall(first Settings) kept {
	if k := h.kept.Load(); k != nil {
		return *k
	}
	k := kept{settings: first}
	h.kept.Store(&k)
	return k
}

func (h *Handle) keep(change func(*kept)) {
	k := *h.kept.Load()
	change(&k)
	h.kept.Store(&k)
}

// State is how a bridge is.
type State string

// How a bridge is.
const (
	Connecting State = "connecting" // to an upstream; nothing carries
	Connected  State = "connected"
	Switching  State = "switching" // connected, and about to go to another upstream
	Waiting    State = "waiting"   // all upstreams have failed, and are tried again later
	Draining   State = "draining"  // takes nothing more, and hands on what waits
	Paused     State = "paused"
	Removing   State = "removing"
	Ended      State = "ended" // with the instance, by Remove, or because it failed too often
)

// Status is how a bridge was when something last changed.
type Status struct {
	Name        string
	State       State
	Upstream    string    // that carries, without credentials; empty: none
	Since       time.Time // of the state; of the link, while one carries
	LastError   string    // empty: none so far
	LastErrorAt time.Time
	Attempts    int64
	Retries     int64
	Switches    int64
	Upstreams   []UpstreamStatus
}

// UpstreamStatus is how one upstream is.
type UpstreamStatus struct {
	Name         string // without credentials
	State        failover.State
	Failures     int       // in a row
	RetryAt      time.Time // zero: it is not backing off
	HealthySince time.Time // since when a link or probe has been up; zero: none is
	LastError    string
	LastErrorAt  time.Time
}

// Status is how the bridge is.
func (h *Handle) Status() Status {
	now := *h.status.Load()
	now.Attempts, now.Retries, now.Switches = h.Attempts.Load(), h.Retries.Load(), h.Switches.Load()
	return now
}

// Connected tells whether a link carries.
func (s *Status) Connected() bool { return s.Upstream != "" }

// show brings up to date what others see.
func (b *Bridge) show() {
	before := b.o.Handle.status.Load()
	s := &Status{Name: b.settings.Config.Name, State: b.state()}
	c, _ := b.choice.Carrier()
	if l := b.links[c.ID]; l != nil && !b.ended && (c.Carries || c.Leaving) {
		s.Upstream = l.name
	}
	if before.State != s.State || before.Upstream != s.Upstream {
		b.changed = b.now()
	}
	s.Since = moment(b.changed)
	if c.Carries && (s.State == Connected || s.State == Switching) {
		s.Since = moment(c.Since)
	}
	for _, u := range b.choice.Upstreams() {
		s.Upstreams = append(s.Upstreams, UpstreamStatus{
			Name: u.Name, State: u.State, Failures: u.Failures, RetryAt: moment(u.RetryAt), HealthySince: moment(u.HealthySince),
			LastError: u.LastError, LastErrorAt: moment(u.LastErrorAt),
		})
	}
	text, at := b.choice.LastError()
	s.LastError, s.LastErrorAt = text, moment(at)
	if text == "" { // the actor had failed
		s.LastError, s.LastErrorAt = before.LastError, before.LastErrorAt
	}
	b.o.Handle.status.Store(s)
	b.told.state(b, s)
}

func (b *Bridge) state() State {
	c, carries := b.choice.Carrier()
	_, candidate := b.choice.Candidate()
	switch {
	case b.ended:
		return Ended
	case b.removing:
		return Removing
	case b.choice.Paused():
		return Paused
	case b.draining:
		return Draining
	case carries && c.Carries && !candidate:
		return Connected
	case carries && (c.Carries || c.Leaving) && candidate:
		return Switching
	case carries || candidate || !b.established:
		return Connecting
	default:
		return Waiting
	}
}

// moment is the time of a Unix millisecond; zero for 0.
func moment(milli int64) time.Time {
	if milli == 0 {
		return time.Time{}
	}
	return time.UnixMilli(milli)
}
