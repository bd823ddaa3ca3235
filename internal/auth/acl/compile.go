package acl

import (
	"strings"

	"github.com/troupemq/troupe/protocol/topic"
)

// line is one Topic Filter of a rule that concerns a Client.
type line struct {
	filter     string
	head       int // bytes of filter before its first wildcard
	kind       kind
	terms      terms
	everything bool // it matches all there is, whatever filter says
}

// kind is how a Topic Name is compared with a filter.
type kind uint8

const (
	literal kind = iota // no wildcard
	below               // a `#` and no other wildcard
	mixed
)

// compile finds what concerns a Client, in the order of the rules.
func (r *Rules) compile(client, user string) []line {
	count := 0
	for i := range r.list {
		if r.list[i].concerns(client, user) {
			count += len(r.list[i].topics)
		}
	}
	if count == 0 {
		return nil
	}
	lines := make([]line, 0, count)
	for i := range r.list {
		rule := &r.list[i]
		if !rule.concerns(client, user) {
			continue
		}
		for j := range rule.topics {
			filter, safe, everything := rule.topics[j].fill(client, user)
			if safe || rule.terms&allow == 0 {
				lines = append(lines, newLine(filter, rule.terms, everything))
			}
		}
	}
	return lines
}

func newLine(filter string, t terms, everything bool) line {
	l := line{filter: filter, head: strings.IndexAny(filter, "+#"), terms: t, everything: everything}
	switch {
	case l.head < 0:
		l.head = len(filter)
	case filter[l.head] == '#':
		l.kind = below
	default:
		l.kind = mixed
	}
	return l
}

// matches tells whether the filter matches a Topic Name. Most of those that do
// not differ in what is before the first wildcard.
func (l *line) matches(name []byte) bool {
	if l.everything {
		return true
	}
	head := l.filter[:l.head]
	if len(name) < len(head) || string(name[:len(head)]) != head {
		// `a/#` matches its parent `a` as well.
		return l.kind == below && len(name) > 0 && len(name) == len(head)-1 && string(name) == head[:len(name)]
	}
	switch l.kind {
	case literal:
		return len(name) == len(head)
	case below:
		return l.head > 0 || len(name) == 0 || name[0] != '$' // [MQTT-4.7.2-1]
	default:
		return topic.Match(l.filter, name)
	}
}
