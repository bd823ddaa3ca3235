package routing

import (
	"slices"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/protocol/session"
	"github.com/troupemq/troupe/protocol/topic"
)

// route is the outcome of matching one Topic Name against the two snapshots
// that may hold it. It stays true as long as both are the current ones, and
// when they are not, as long as they match the same.
type route struct {
	literal, wildcard uint64                             // versions of the snapshots
	sets              []*topic.Set[message.Subscription] // what it came from, if it is kept

	targets []target
	groups  []*topic.Group[message.Subscription]
	size    int  // receivers of all targets
	durable bool // a receiver may have to write what it gets with QoS 1 and 2
}

// target is a set of receivers that get the message on the same terms, and so
// share one Deliver.
type target struct {
	terms     *session.Terms
	receivers []*message.Receiver
}

func (r *route) empty() bool { return len(r.targets) == 0 && len(r.groups) == 0 }

func (r *route) current(literal, wildcard *snapshot) bool {
	return r.literal == literal.version && r.wildcard == wildcard.version
}

// same tells whether two routes lead to the same receivers on the same terms,
// so that messages for one may travel in the other's batch. It need not find
// every equality, only the frequent ones.
func (r *route) same(other *route) bool {
	if r == other {
		return true
	}
	if len(r.groups)+len(other.groups) > 0 || len(r.targets) != 1 || len(other.targets) != 1 {
		return false
	}
	a, b := r.targets[0], other.targets[0]
	return a.terms == b.terms && len(a.receivers) == 1 && len(b.receivers) == 1 && a.receivers[0] == b.receivers[0]
}

// refuses tells whether a receiver's policy is to refuse what its queue cannot
// take; a shared subscription refuses when no member has room.
func (r *route) refuses(crowded bool) bool {
	for i := range r.targets {
		if r.targets[i].terms.QoS == 0 {
			continue
		}
		for _, receiver := range r.targets[i].receivers {
			if !receiver.Bridge && (receiver.Full.Load() || crowded && !receiver.Online.Load()) {
				return true
			}
		}
	}
	return slices.ContainsFunc(r.groups, full)
}

func full(g *topic.Group[message.Subscription]) bool {
	for i := range g.Len() {
		if _, sub := g.At(i); sub.Terms.QoS == 0 || !sub.Full.Load() {
			return false
		}
	}
	return g.Len() > 0
}

// target appends an empty target, in the memory of an earlier one if possible.
func (r *route) target(terms *session.Terms) *target {
	if n := len(r.targets); n < cap(r.targets) {
		r.targets = r.targets[:n+1]
	} else {
		r.targets = append(r.targets, target{})
	}
	t := &r.targets[len(r.targets)-1]
	t.terms, t.receivers = terms, t.receivers[:0]
	return t
}

// detached is a copy of r that stays as it is when r is used for another.
func (r *route) detached() *route {
	c := &route{groups: append(r.groups[:0:0], r.groups...), size: r.size, durable: r.durable}
	for _, t := range r.targets {
		c.targets = append(c.targets, target{t.terms, append([]*message.Receiver(nil), t.receivers...)})
	}
	return c
}

// choose picks the member of a shared subscription that gets the next message:
// in turn among those online and able to take it, else in turn among all, and
// never the receiver except. It returns false if nobody is left.
func choose(g *topic.Group[message.Subscription], except uint64) (chosen message.Subscription, ok bool) {
	n := g.Len()
	if n == 0 {
		return chosen, false
	}
	first := int(g.Next() % uint32(n))
	for i := range n {
		id, sub := g.At((first + i) % n)
		if id == except {
			continue
		}
		if sub.Online.Load() && !sub.Full.Load() {
			return sub, true
		}
		if !ok {
			chosen, ok = sub, true
		}
	}
	return chosen, ok
}
