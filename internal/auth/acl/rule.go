package acl

import (
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/troupemq/troupe/protocol/packet"
)

// Rules are those of one file, in their order. They are immutable.
type Rules struct {
	list []rule
	sum  [sha256.Size]byte // of the text they are from
}

// Len is how many there are.
func (r *Rules) Len() int { return len(r.list) }

// Same tells whether both are from the same text.
func (r *Rules) Same(other *Rules) bool { return r.sum == other.sum }

// rule is one of them.
type rule struct {
	terms     terms
	users     []pattern
	anonymous bool // Clients without a user name, beside users
	clients   []pattern
	topics    []template
}

// terms are what a rule does, and to which kinds of requests.
type terms uint16

const (
	allow terms = 1 << iota // otherwise it denies
	publish
	subscribe
	qos0
	qos1
	qos2
	retained // publishes with RETAIN
	notRetained
	connect // alone, and without a topic

	everyAction = publish | subscribe
	everyQoS    = qos0 | qos1 | qos2
	everyRetain = retained | notRetained
)

func ofQoS(q packet.QoS) terms { return qos0 << q }

// mayConnect tells whether a user may have a Client Identifier. As long as no rule is
// about that, everybody may have any.
func (r *Rules) mayConnect(client, username string) bool {
	ruled := false
	for i := range r.list {
		rule := &r.list[i]
		if rule.terms&connect == 0 {
			continue
		}
		ruled = true
		if rule.concerns(client, username) {
			return rule.terms&allow != 0
		}
	}
	return !ruled
}

// concerns tells whether a rule is about a Client.
func (r *rule) concerns(client, username string) bool {
	if len(r.users) > 0 || r.anonymous {
		named := username != ""
		if named && !anyMatches(r.users, username) || !named && !r.anonymous {
			return false
		}
	}
	return len(r.clients) == 0 || slices.ContainsFunc(r.clients, func(p pattern) bool { return p.of(username, r.terms).matches(client) })
}

func anyMatches(patterns []pattern, name string) bool {
	return slices.ContainsFunc(patterns, func(p pattern) bool { return p.matches(name) })
}

// pattern is the text around the `*` of a name that has some; at least one. That of a
// Client Identifier may hold a placeholder for the user name.
type pattern []string

func newPattern(text string) pattern { return strings.Split(text, "*") }

// of puts a user name in. Nobody's is in no pattern that allows, and whatever could
// have been meant in one that denies.
func (p pattern) of(user string, t terms) pattern {
	if !slices.ContainsFunc(p, func(text string) bool { return strings.Contains(text, username) }) {
		return p
	}
	switch {
	case user != "":
		filled := make(pattern, len(p))
		for i, text := range p {
			filled[i] = strings.ReplaceAll(text, username, user)
		}
		return filled
	case t&allow != 0:
		return nil
	}
	return newPattern(strings.ReplaceAll(strings.Join(p, "*"), username, "*"))
}

// matches tells whether a name is what the pattern says, with anything at its `*`.
func (p pattern) matches(name string) bool {
	if len(p) < 2 {
		return len(p) == 1 && name == p[0]
	}
	name, ok := strings.CutPrefix(name, p[0])
	if !ok {
		return false
	}
	last := len(p) - 1
	for _, text := range p[1:last] {
		at := strings.Index(name, text)
		if at < 0 {
			return false
		}
		name = name[at+len(text):]
	}
	return strings.HasSuffix(name, p[last])
}
