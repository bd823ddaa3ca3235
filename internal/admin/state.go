package admin

import (
	"github.com/troupemq/troupe/internal/control"
)

// mark is how bad something is.
type mark int

const (
	off  mark = iota // it is not there because somebody wanted that
	good             //
	busy             // it is about to be something else
	warn             // somebody should know
	bad              // somebody should get up
)

// String is the class that the style knows it by.
func (m mark) String() string { return [...]string{"off", "good", "busy", "warn", "bad"}[m] }

// Sign tells it to who does not see colours.
func (m mark) Sign() string { return [...]string{"■", "●", "…", "▲", "✖"}[m] }

// State is what something does now.
type State struct {
	Mark mark
	Text string
}

func instanceState(s control.InstanceState) State {
	m := busy
	switch s {
	case control.InstanceRunning:
		m = good
	case control.InstanceStopped:
		m = off
	case control.InstanceFailed, control.InstanceWaiting:
		m = bad
	}
	return State{m, string(s)}
}

// bridgeState tells a bridge whose upstreams fail from one that has just begun to
// connect: the first is connecting too, each time that it tries again.
func bridgeState(b *control.Bridge) State {
	m := busy
	switch b.State {
	case "connected":
		m = good
	case "paused", "draining":
		m = warn
	case "waiting", "ended":
		m = bad
	case "connecting":
		for _, u := range b.Upstreams {
			if u.Failures > 0 {
				m = bad
			}
		}
	}
	return State{m, b.State}
}

func upstreamState(s string) State {
	m := busy
	switch s {
	case "carrying", "healthy", "ready":
		m = good
	case "idle":
		m = off
	case "waiting":
		m = bad
	}
	return State{m, s}
}
