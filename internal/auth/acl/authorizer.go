package acl

import (
	"context"
	"sync/atomic"

	"github.com/troupemq/troupe/internal/auth"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/topic"
)

// Authorizer judges by rules that may be replaced while Clients are connected.
type Authorizer struct{ rules atomic.Pointer[Rules] }

// New returns an Authorizer by these rules; nil: everything is allowed.
func New(rules *Rules) *Authorizer {
	a := new(Authorizer)
	a.Set(rules)
	return a
}

// Set replaces the rules, for Clients that are connected too. nil: everything is
// allowed.
func (a *Authorizer) Set(rules *Rules) { a.rules.Store(rules) }

// Rules are those in force; nil: everything is allowed.
func (a *Authorizer) Rules() *Rules { return a.rules.Load() }

// Permissions implements auth.Authorizer.
func (a *Authorizer) Permissions(_ context.Context, c auth.Client) (auth.Permissions, error) {
	p := &permissions{from: a, client: c.ID}
	if c.Verified {
		p.username = c.Username
	}
	if !p.Holds() {
		return nil, &auth.Refusal{Code: packet.NotAuthorized, Reason: "no rule allows this user to connect with this client identifier"}
	}
	return p, nil
}

// permissions are those of one Client, and its admission. They are for one goroutine
// at a time.
type permissions struct {
	from             *Authorizer
	client, username string

	compiled *Rules // what lines are made from
	lines    []line
}

// Holds implements auth.Admission: the Client may have its Client Identifier.
func (p *permissions) Holds() bool {
	rules := p.from.rules.Load()
	return rules == nil || rules.mayConnect(p.client, p.username)
}

// current are the rules that concern the Client; all: it may do everything.
func (p *permissions) current() (lines []line, all bool) {
	rules := p.from.rules.Load()
	if rules == nil {
		p.compiled, p.lines = nil, nil
		return nil, true
	}
	if rules != p.compiled {
		p.compiled, p.lines = rules, rules.compile(p.client, p.username)
	}
	return p.lines, false
}

// MayPublish implements auth.Permissions.
func (p *permissions) MayPublish(name []byte, qos packet.QoS, retain bool) bool {
	lines, all := p.current()
	if all {
		return true
	}
	asked := publish | ofQoS(qos) | notRetained
	if retain {
		asked = publish | ofQoS(qos) | retained
	}
	for i := range lines {
		if l := &lines[i]; l.terms&asked == asked && l.matches(name) {
			return l.terms&allow != 0
		}
	}
	return false
}

// MaySubscribe implements auth.Permissions: a rule allows a Topic Filter if it
// does all that this matches, and denies it if it does any of that.
func (p *permissions) MaySubscribe(filter string, qos packet.QoS) bool {
	lines, all := p.current()
	if all {
		return true
	}
	_, wanted, err := topic.ParseFilter(filter)
	if err != nil {
		return false
	}
	asked := subscribe | ofQoS(qos)
	for i := range lines {
		l := &lines[i]
		if l.terms&asked != asked {
			continue
		}
		if l.terms&allow != 0 {
			if topic.Covers(l.filter, wanted) {
				return true
			}
		} else if l.everything || topic.Overlap(l.filter, wanted) {
			return false
		}
	}
	return false
}
