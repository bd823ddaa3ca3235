package session

import "github.com/troupemq/troupe/protocol/packet"

// aliases are the Topic Aliases of one Network Connection (section 3.3.2.3.4) [MQTT-3.3.2-7].
type aliases struct {
	in  []string          // Topic Names that the Client gave numbers, index is the alias
	out map[string]uint16 // those that we gave
}

func (s *Session) aliasTable() *aliases {
	r := s.seldom()
	if r.aliases == nil {
		r.aliases = &aliases{}
	}
	return r.aliases
}

// resolveAlias completes the Topic Name of a received PUBLISH with a Topic Alias.
func (s *Session) resolveAlias(p *packet.Publish) *packet.Error {
	if p.TopicAlias > s.limits.TopicAliasMaximum { // [MQTT-3.3.2-9]; 0 is the codec's to refuse
		return violation(packet.TopicAliasInvalid, "Topic Alias above the Topic Alias Maximum", "MQTT-3.3.2-9")
	}
	a, n := s.aliasTable(), int(p.TopicAlias)
	if len(p.Topic) > 0 {
		for len(a.in) <= n {
			a.in = append(a.in, "")
		}
		if a.in[n] != string(p.Topic) {
			a.in[n] = string(p.Topic)
		}
		return nil
	}
	if n >= len(a.in) || a.in[n] == "" {
		return violation(packet.ProtocolError, "Topic Alias that was not set on this connection", "")
	}
	p.Topic = []byte(a.in[n])
	return nil
}

// aliasFor gives the alias of a topic towards the Client, 0 if there is none. fresh: the Client does
// not know it yet, so the Topic Name goes with it. The first topics of a connection get aliases.
func (s *Session) aliasFor(topic []byte) (alias uint16, fresh bool) {
	if s.aliasMax == 0 {
		return 0, false
	}
	a := s.aliasTable()
	if alias, ok := a.out[string(topic)]; ok {
		return alias, false
	}
	if len(a.out) >= int(s.aliasMax) {
		return 0, false
	}
	if a.out == nil {
		a.out = make(map[string]uint16)
	}
	alias = uint16(len(a.out)) + 1 // never 0, never above the Client's maximum [MQTT-3.3.2-8] [MQTT-3.3.2-11]
	a.out[string(topic)] = alias
	return alias, true
}

// forget takes back the alias given last.
func (a *aliases) forget(alias uint16) {
	for topic, n := range a.out {
		if n == alias {
			delete(a.out, topic)
		}
	}
}
