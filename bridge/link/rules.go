package link

import (
	"bytes"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
	"github.com/troupemq/troupe/protocol/topic"
)

// rules say what becomes of messages on their way over a link.
type rules struct {
	forward  []rule
	receive  []rule
	filters  []string // Topic Filters to subscribe to at the upstream
	instance string   // is put into ViaProperty; empty: nothing is
	noRetain bool     // the upstream keeps no Retained Messages, and takes none
	hops     int      // over how many bridges a message may come; 0: any number

	names   [2]cache // the last Topic Name of each direction
	scratch packet.UserProperties
	via     packet.UserProperties // of a message that has no User Properties, by the rules that add none
}

// rule is one way of messages.
type rule struct {
	mapping *topic.Mapping
	retain  configs.BridgeRetain
	add     []configs.UserProperty
}

// cache is what was found for a Topic Name.
type cache struct {
	name, mapped []byte
	rule         *rule // nil: none matches
}

// compile makes the rules of a bridge.
func compile(c *configs.Bridge, instance string) (*rules, error) {
	r := &rules{hops: c.Hops}
	if c.LoopGuard && c.Protocol >= 5 {
		r.instance = instance
		r.via = r.via.With(session.ViaProperty, instance)
	}
	for i := range c.Forward {
		f := &c.Forward[i]
		if err := add(&r.forward, f.Mapping, f.Retain, f.UserProperties); err != nil {
			return nil, err
		}
	}
	for i := range c.Receive {
		f := &c.Receive[i]
		if err := add(&r.receive, f.Mapping, f.Retain, f.UserProperties); err != nil {
			return nil, err
		}
		r.filters = append(r.filters, f.Remote)
	}
	return r, nil
}

// add makes one more rule.
func add(to *[]rule, mapping func() (*topic.Mapping, error), retain configs.BridgeRetain, properties string) error {
	m, err := mapping()
	if err != nil {
		return err
	}
	more, err := configs.ParseUserProperties(properties)
	if err != nil {
		return err
	}
	*to = append(*to, rule{m, retain, more})
	return nil
}

// find gives the rule for a Topic Name and the name that it makes of it: a view until the next call for this direction.
func (c *cache) find(all []rule, name []byte) (*rule, []byte) {
	if c.name != nil && bytes.Equal(c.name, name) {
		return c.rule, c.mapped
	}
	c.name = append(c.name[:0], name...)
	c.rule = nil
	for i := range all {
		if mapped, ok := all[i].mapping.Append(c.mapped[:0], name); ok {
			c.rule, c.mapped = &all[i], mapped
			return c.rule, c.mapped
		}
	}
	return nil, nil
}

// apply changes what a rule says of a message but its topic.
func (r *rule) apply(p *packet.Publish) {
	switch r.retain {
	case configs.RetainSet:
		p.Retain = true
	case configs.RetainClear:
		p.Retain = false
	}
}

// inbound adds a message of the upstream as the session gets it. It returns false, and dst as it is, if no rule is for it.
func (r *rules) inbound(dst []byte, p *packet.Publish) ([]byte, bool) {
	found, name := r.names[0].find(r.receive, p.Topic)
	if found == nil {
		return dst, false
	}
	found.apply(p)
	p.Topic, p.SubscriptionIDs = name, nil
	if len(found.add) > 0 {
		r.scratch = append(r.scratch[:0], p.UserProperties...)
		for _, u := range found.add {
			r.scratch = r.scratch.With(u.Name, u.Value)
		}
		p.UserProperties = r.scratch
	}
	return p.Append(dst, packet.V5), true
}

// fate is what becomes of a message for the upstream.
type fate uint8

const (
	sent fate = iota
	tooLarge
	looped    // it has come over too many bridges
	unmatched // no rule is for it
)

// outbound adds a message of the session as the upstream gets it.
func (r *rules) outbound(dst []byte, p *packet.Publish, v packet.Version) ([]byte, fate) {
	found, name := r.names[1].find(r.forward, p.Topic)
	if found == nil {
		return dst, unmatched
	}
	if v == packet.V5 {
		if !r.mark(p, found) {
			return dst, looped
		}
	}
	found.apply(p)
	p.Retain = p.Retain && !r.noRetain
	p.Topic, p.SubscriptionIDs = name, nil
	return p.Append(dst, v), sent
}

// mark says in the User Properties that the message came by here. It returns false if it has come far enough.
func (r *rules) mark(p *packet.Publish, found *rule) bool {
	if len(p.UserProperties) == 0 && len(found.add) == 0 {
		p.UserProperties = r.via
		return true
	}
	u := r.scratch[:0]
	var via []byte
	for name, value := range p.UserProperties.All() {
		if string(name) == session.ViaProperty && r.instance != "" {
			via = value
			continue
		}
		u = u.With(string(name), string(value))
	}
	if via != nil && r.hops > 0 && bytes.Count(via, []byte(","))+1 >= r.hops {
		return false
	}
	for _, a := range found.add {
		u = u.With(a.Name, a.Value)
	}
	switch {
	case r.instance == "":
	case via == nil:
		u = append(u, r.via...)
	default:
		u = u.With(session.ViaProperty, string(via)+","+r.instance)
	}
	r.scratch, p.UserProperties = u, u
	return true
}
