package routing

import (
	"slices"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
	"github.com/troupemq/troupe/protocol/topic"
)

// builder makes routes. A publisher that ever names other topics makes one for
// each message, so nothing here allocates once it has grown.
type builder struct {
	matches *topic.Matches[message.Subscription] // of the topic whose route is being made
	own     topic.Matches[message.Subscription]
	spare   [3]route // for routes that are not kept, in turn
	used    int      // the last one

	lastKey  termsKey // of the target that was added to last
	lastAt   int
	byTerms  map[termsKey]int // places of the targets, once there are several
	merged   map[uint64]int   // receiver to its place in overlaps
	overlaps []overlap
}

// termsKey is what terms say, as far as receivers share them.
type termsKey struct {
	qos               packet.QoS
	retainAsPublished bool
	raise             packet.QoS
	id                uint32
}

// overlap gathers what all matching subscriptions of one receiver ask for:
// they give one copy, at the highest QoS, with every Subscription Identifier
// [MQTT-3.3.4-2], [MQTT-3.3.4-3], [MQTT-3.3.4-4].
type overlap struct {
	receiver          *message.Receiver
	terms             *session.Terms // if there is only one
	qos               packet.QoS
	retainAsPublished bool
	raise             packet.QoS
	ids               []uint32
}

// match looks a Topic Name up, unless it was looked up ahead.
func (b *builder) match(literal, wildcard *snapshot, name []byte, ahead *found) {
	if ahead != nil && ahead.literal == literal && ahead.wildcard == wildcard {
		b.matches = &ahead.matches
		return
	}
	b.own.Reset()
	literal.Match(name, &b.own)
	wildcard.Match(name, &b.own)
	b.matches = &b.own
}

// renew takes r over to newer snapshots if what they match is what r came
// from: subscriptions to other filters must not cost a fan-out its list of
// receivers.
func (b *builder) renew(r *route, literal, wildcard *snapshot) bool {
	if len(b.matches.Sets) != len(r.sets) || !slices.Equal(b.matches.Groups, r.groups) {
		return false
	}
	for i, set := range b.matches.Sets {
		if !set.Same(r.sets[i], func(a, b message.Subscription) bool { return a == b }) {
			return false
		}
	}
	r.literal, r.wildcard = literal.version, wildcard.version
	copy(r.sets, b.matches.Sets) // the old ones pin the old snapshots
	return true
}

// build makes r out of what was matched, for a publisher with a number as a
// receiver, for No Local, or 0.
func (b *builder) build(t *Tables, r *route, literal, wildcard *snapshot, publisher uint64) {
	r.literal, r.wildcard = literal.version, wildcard.version
	r.targets, r.size = r.targets[:0], 0
	r.groups = append(r.groups[:0], b.matches.Groups...)
	b.lastAt = -1
	clear(b.byTerms)
	if len(b.matches.Sets) == 1 {
		set := b.matches.Sets[0]
		for _, sub := range set.All() {
			if sub.Options.NoLocal && by(sub.Receiver, publisher) { // [MQTT-3.8.3-3]
				continue
			}
			b.add(r, sub.Receiver, sub.Terms, termsKey{sub.Options.QoS, sub.Options.RetainAsPublished, sub.Terms.Raise, sub.ID})
		}
	} else {
		b.merge(publisher)
		for i := range b.overlaps {
			b.addOverlap(t, r, &b.overlaps[i])
		}
	}
	r.durable = len(r.groups) > 0
	for i := range r.targets {
		t := &r.targets[i]
		r.size += len(t.receivers)
		if t.terms.QoS > packet.QoS0 && !r.durable {
			r.durable = slices.ContainsFunc(t.receivers, func(r *message.Receiver) bool { return r.Durable })
		}
	}
}

// by tells whether a publisher is the receiver itself.
func by(r *message.Receiver, publisher uint64) bool {
	return r.ID == publisher || publisher == ByProgram && r.Program
}

// merge gathers the overlaps of the sets that matched.
func (b *builder) merge(publisher uint64) {
	clear(b.merged)
	clear(b.overlaps)
	b.overlaps = b.overlaps[:0]
	for _, set := range b.matches.Sets {
		for id, sub := range set.All() {
			if sub.Options.NoLocal && by(sub.Receiver, publisher) {
				continue
			}
			at, seen := b.merged[id]
			if !seen {
				if b.merged == nil {
					b.merged = make(map[uint64]int)
				}
				b.merged[id] = len(b.overlaps)
				b.overlaps = append(b.overlaps, overlap{
					receiver: sub.Receiver, terms: sub.Terms,
					qos: sub.Options.QoS, retainAsPublished: sub.Options.RetainAsPublished, raise: sub.Terms.Raise, ids: sub.Terms.IDs,
				})
				continue
			}
			o := &b.overlaps[at]
			o.terms = nil
			o.qos = max(o.qos, sub.Options.QoS)
			o.retainAsPublished = o.retainAsPublished || sub.Options.RetainAsPublished
			o.raise = max(o.raise, sub.Terms.Raise)
			if sub.ID != 0 && !slices.Contains(o.ids, sub.ID) {
				o.ids = append(o.ids[:len(o.ids):len(o.ids)], sub.ID)
			}
		}
	}
}

func (b *builder) addOverlap(t *Tables, r *route, o *overlap) {
	key := termsKey{o.qos, o.retainAsPublished, o.raise, 0}
	switch {
	case o.raise > packet.QoS0 && o.terms != nil:
		b.add(r, o.receiver, o.terms, key)
	case len(o.ids) == 0 && o.raise == packet.QoS0:
		b.add(r, o.receiver, t.terms(o.qos, o.retainAsPublished), key)
	case len(o.ids) == 1 && o.terms != nil:
		key.id = o.ids[0]
		b.add(r, o.receiver, o.terms, key)
	default:
		target := r.target(&session.Terms{QoS: o.qos, RetainAsPublished: o.retainAsPublished, Raise: o.raise, IDs: o.ids})
		target.receivers = append(target.receivers, o.receiver)
	}
}

// add puts a receiver into the target with its terms.
func (b *builder) add(r *route, receiver *message.Receiver, terms *session.Terms, key termsKey) {
	at := b.lastAt
	if at < 0 || key != b.lastKey {
		var ok bool
		if at, ok = b.byTerms[key]; !ok || at < 0 {
			r.target(terms)
			at = len(r.targets) - 1
			if b.lastAt >= 0 { // the first needs no map, and mostly it stays alone
				if b.byTerms == nil {
					b.byTerms = make(map[termsKey]int)
				}
				b.byTerms[b.lastKey] = b.lastAt
				b.byTerms[key] = at
			}
		}
		b.lastKey, b.lastAt = key, at
	}
	r.targets[at].receivers = append(r.targets[at].receivers, receiver)
}
