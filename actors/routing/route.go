package routing

import (
	"slices"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
	"github.com/troupemq/troupe/protocol/topic"
)

// route is the outcome of matching one Topic Name against the two snapshots
// that may hold it. It stays true as long as both are the current ones, and
// when they are not, as long as they match the same.
type route struct {
	literal, wildcard *message.Index
	sets              []*topic.Set[message.Subscription]

	targets []target
	groups  []group
	size    int // receivers of all targets
}

// target is a set of receivers that get the message on the same terms, and so
// share one Deliver.
type target struct {
	terms     *session.Terms
	receivers []*message.Receiver
}

// group is a shared subscription that matched.
type group struct {
	*topic.Group[message.Subscription]
	terms map[uint64]*session.Terms // by receiver, made when first chosen
}

func (r *route) empty() bool { return len(r.targets) == 0 && len(r.groups) == 0 }

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

// builder makes routes; its parts are reused from one to the next.
type builder struct {
	matches topic.Matches[message.Subscription]
	merged  map[uint64]int // receiver to its place in union
	union   []terms
	byTerms map[termsKey]int // target without or with a single Subscription Identifier
}

// terms gathers what all matching subscriptions of one receiver ask for:
// overlapping subscriptions give one copy, at the highest QoS, with every
// Subscription Identifier [MQTT-3.3.4-2], [MQTT-3.3.4-3], [MQTT-3.3.4-4].
type terms struct {
	receiver          *message.Receiver
	qos               packet.QoS
	retainAsPublished bool
	ids               []uint32
}

type termsKey struct {
	qos               packet.QoS
	retainAsPublished bool
	id                uint32
}

// build matches name for a publisher; publisher is its receiver number, for
// No Local, or 0.
func (b *builder) build(t *Tables, literal, wildcard *message.Index, name []byte, publisher uint64) *route {
	b.matches.Reset()
	literal.Match(name, &b.matches)
	wildcard.Match(name, &b.matches)

	r := &route{literal: literal, wildcard: wildcard, sets: slices.Clone(b.matches.Sets)}
	for _, g := range b.matches.Groups {
		r.groups = append(r.groups, group{Group: g})
	}
	switch len(b.matches.Sets) {
	case 0:
	case 1:
		b.single(t, r, b.matches.Sets[0], publisher)
	default:
		b.overlapping(t, r, publisher)
	}
	for i := range r.targets {
		r.size += len(r.targets[i].receivers)
	}
	return r
}

// renew takes r over to newer snapshots if nothing that it came from has
// changed there: subscriptions to other filters must not cost a fan-out its
// list of receivers.
func (b *builder) renew(r *route, literal, wildcard *message.Index, name []byte) bool {
	b.matches.Reset()
	literal.Match(name, &b.matches)
	wildcard.Match(name, &b.matches)
	if len(b.matches.Sets) != len(r.sets) || len(b.matches.Groups) != len(r.groups) {
		return false
	}
	for i, set := range b.matches.Sets {
		if !set.Same(r.sets[i], func(a, b message.Subscription) bool { return a == b }) {
			return false
		}
	}
	for i, g := range b.matches.Groups {
		if g != r.groups[i].Group {
			return false
		}
	}
	r.literal, r.wildcard = literal, wildcard
	copy(r.sets, b.matches.Sets) // the old ones pin the old snapshots
	return true
}

func (b *builder) single(t *Tables, r *route, set *topic.Set[message.Subscription], publisher uint64) {
	clear(b.byTerms)
	for _, sub := range set.All() {
		if sub.Options.NoLocal && sub.Receiver.ID == publisher { // [MQTT-3.8.3-3]
			continue
		}
		b.add(t, r, sub.Receiver, termsKey{sub.Options.QoS, sub.Options.RetainAsPublished, sub.ID}, set.Len())
	}
}

func (b *builder) overlapping(t *Tables, r *route, publisher uint64) {
	if b.merged == nil {
		b.merged = make(map[uint64]int)
	}
	clear(b.merged)
	clear(b.byTerms)
	b.union = b.union[:0]
	for _, set := range b.matches.Sets {
		for id, sub := range set.All() {
			if sub.Options.NoLocal && sub.Receiver.ID == publisher {
				continue
			}
			at, seen := b.merged[id]
			if !seen {
				at = len(b.union)
				b.merged[id] = at
				b.union = append(b.union, terms{receiver: sub.Receiver})
			}
			u := &b.union[at]
			u.qos = max(u.qos, sub.Options.QoS)
			u.retainAsPublished = u.retainAsPublished || sub.Options.RetainAsPublished
			if sub.ID != 0 && !slices.Contains(u.ids, sub.ID) {
				u.ids = append(u.ids, sub.ID)
			}
		}
	}
	for i := range b.union {
		u := &b.union[i]
		switch len(u.ids) {
		case 0:
			b.add(t, r, u.receiver, termsKey{u.qos, u.retainAsPublished, 0}, len(b.union))
		case 1:
			b.add(t, r, u.receiver, termsKey{u.qos, u.retainAsPublished, u.ids[0]}, len(b.union))
		default:
			r.targets = append(r.targets, target{
				terms:     &session.Terms{QoS: u.qos, RetainAsPublished: u.retainAsPublished, IDs: u.ids},
				receivers: []*message.Receiver{u.receiver},
			})
		}
		*u = terms{}
	}
}

// add puts a receiver into the target with its terms. size is a hint of how
// many receivers the route has.
func (b *builder) add(t *Tables, r *route, receiver *message.Receiver, key termsKey, size int) {
	at, ok := b.byTerms[key]
	if !ok {
		if b.byTerms == nil {
			b.byTerms = make(map[termsKey]int)
		}
		at = len(r.targets)
		b.byTerms[key] = at
		shared := t.Terms(key.qos, key.retainAsPublished)
		if key.id != 0 {
			shared = &session.Terms{QoS: key.qos, RetainAsPublished: key.retainAsPublished, IDs: []uint32{key.id}}
			size = 1
		}
		r.targets = append(r.targets, target{terms: shared, receivers: make([]*message.Receiver, 0, size)})
	}
	r.targets[at].receivers = append(r.targets[at].receivers, receiver)
}

// choose picks the member of a shared subscription that gets the next message:
// in turn among those online and able to take it, else in turn among all.
// It returns nil if the group has no member left.
func (g *group) choose() (*message.Receiver, *session.Terms) {
	n := g.Len()
	if n == 0 {
		return nil, nil
	}
	first := int(g.Next() % uint32(n))
	chosen := first
	for i := range n {
		at := (first + i) % n
		_, sub := g.At(at)
		if sub.Online.Load() && !sub.Full.Load() {
			chosen = at
			break
		}
	}
	id, sub := g.At(chosen)
	terms, ok := g.terms[id]
	if !ok {
		terms = &session.Terms{QoS: sub.Options.QoS, RetainAsPublished: sub.Options.RetainAsPublished, Shared: g.Filter}
		if sub.ID != 0 {
			terms.IDs = []uint32{sub.ID}
		}
		if g.terms == nil {
			g.terms = make(map[uint64]*session.Terms)
		}
		g.terms[id] = terms
	}
	return sub.Receiver, terms
}
