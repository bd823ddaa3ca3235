package session

import (
	"bytes"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/topic"
)

// answer is a SUBACK or UNSUBACK that waits for the host.
type answer struct {
	next    *answer // owed after it
	id      uint16
	unsub   bool
	stale   bool                // of an earlier connection: nobody waits for it any more
	reason  string              // of the first that the host has refused, for the Client; empty: there is none
	codes   []packet.ReasonCode // one per Topic Filter of the packet [MQTT-3.8.4-6] [MQTT-3.9.3-1]
	changes []change            // of a SUBSCRIBE, those that the host was asked for
}

// change is what a SUBSCRIBE did to the table, so that it can be taken back.
type change struct {
	filter   int // which of the packet's
	made     Subscription
	previous Subscription
	existed  bool
}

// receiveSubscribe takes SUBSCRIBE (section 3.8).
func (s *Session) receiveSubscribe(frame []byte, out *Output) error {
	var p packet.Subscribe
	if err := p.Decode(frame, s.version); err != nil {
		return err
	}
	for _, f := range p.Filters {
		if f.NoLocal && bytes.HasPrefix(f.Filter, []byte("$share/")) {
			return violation(packet.ProtocolError, "No Local on a Shared Subscription", "MQTT-3.8.3-4")
		}
	}
	owed := answer{id: p.PacketID, codes: make([]packet.ReasonCode, len(p.Filters))}
	request := SubscribeRequest{PacketID: p.PacketID, Behind: len(out.Publish)}
	for i, f := range p.Filters {
		made := Subscription{Filter: string(f.Filter), Options: f.SubscriptionOptions, ID: p.SubscriptionID}
		share, _, err := topic.ParseFilter(made.Filter)
		if err != nil || s.tooLong(made.Filter) {
			owed.codes[i] = packet.TopicFilterInvalid
			continue
		}
		made.Shared = share != ""
		if !s.maySubscribe(made.Filter, made.Options.QoS, out) {
			owed.codes[i] = packet.NotAuthorized
			continue
		}
		if s.bridge { // it has no word for this, and would send round what it gets
			made.Options.NoLocal = !made.Shared // [MQTT-3.8.3-4]
			made.Options.RetainAsPublished = true
		}
		made.Options.QoS = min(made.Options.QoS, s.limits.MaxQoS) // [MQTT-3.2.2-9]
		if code, reason := s.grant(&made, out); code.IsError() {
			owed.codes[i] = code
			if owed.reason == "" {
				owed.reason = reason
			}
			continue
		}
		owed.codes[i] = packet.ReasonCode(made.Options.QoS)
		s.changes++
		made.change = s.changes
		subs, previous, existed := s.subs.put(made) // [MQTT-3.8.4-3]
		s.subs = subs
		s.ledger.changed(made.Filter)
		owed.changes = append(owed.changes, change{i, made, previous, existed})
		made.Replay = wantsRetained(&made, existed)
		request.Subscriptions = append(request.Subscriptions, made)
		request.Codes = append(request.Codes, owed.codes[i])
	}
	if len(request.Subscriptions) == 0 {
		s.writeAnswer(&owed, out)
		return nil
	}
	s.owe(&owed)
	out.Subscribe = append(out.Subscribe, request)
	return nil
}

// wantsRetained says whether Retained Messages are to be sent [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11];
// never for Shared Subscriptions (section 4.8.2).
func wantsRetained(s *Subscription, existed bool) bool {
	if s.Shared {
		return false
	}
	return s.Options.RetainHandling == 0 || s.Options.RetainHandling == 1 && !existed
}

func (s *Session) tooLong(filter string) bool {
	_, rest, _ := topic.ParseFilter(filter)
	return s.limits.tooLong([]byte(rest)) || s.limits.TopicBytes > 0 && len(filter) > s.limits.TopicBytes
}

// Subscribed tells that the host has done the SubscribeRequest with this Packet Identifier, and sends
// SUBACK. codes has one for each Subscription of the request: a granted QoS or an error. nil means
// that all were granted as asked.
func (s *Session) Subscribed(id uint16, codes []packet.ReasonCode, out *Output) {
	owed, ok := s.takeAnswer(id, false)
	if !ok {
		return
	}
	for i, c := range owed.changes {
		if i >= len(codes) {
			break
		}
		owed.codes[c.filter] = codes[i]
		at, there := s.subs.find(c.made.Filter)
		if !there || s.subs.list[at].change != c.made.change {
			continue // changed again meanwhile
		}
		switch {
		case codes[i] == packet.ReasonCode(c.made.Options.QoS): // as it is
		case !codes[i].IsError():
			s.subs.list[at].Options.QoS = packet.QoS(codes[i])
			s.ledger.changed(c.made.Filter)
		case c.existed:
			s.subs.list[at] = c.previous
			s.ledger.changed(c.made.Filter)
		default:
			s.unsubscribe(c.made.Filter)
		}
	}
	s.writeAnswer(&owed, out)
}

// receiveUnsubscribe takes UNSUBSCRIBE (section 3.10).
func (s *Session) receiveUnsubscribe(frame []byte, out *Output) error {
	var p packet.Unsubscribe
	if err := p.Decode(frame, s.version); err != nil {
		return err
	}
	owed := answer{id: p.PacketID, unsub: true, codes: make([]packet.ReasonCode, len(p.Filters))}
	request := UnsubscribeRequest{PacketID: p.PacketID, After: len(out.Subscribe), Behind: len(out.Publish)}
	for i, f := range p.Filters {
		filter := string(f)
		switch {
		case s.unsubscribe(filter): // [MQTT-3.10.4-1]
			request.Filters = append(request.Filters, filter)
		case topic.ValidateFilter(filter) != nil:
			owed.codes[i] = packet.TopicFilterInvalid
		default:
			owed.codes[i] = packet.NoSubscriptionExisted
		}
	}
	if len(request.Filters) == 0 {
		s.writeAnswer(&owed, out) // [MQTT-3.10.4-5]
		return nil
	}
	s.owe(&owed)
	out.Unsubscribe = append(out.Unsubscribe, request)
	return nil
}

// Unsubscribed tells that the host has done the UnsubscribeRequest with this Packet Identifier, and
// sends UNSUBACK.
func (s *Session) Unsubscribed(id uint16, out *Output) {
	if owed, ok := s.takeAnswer(id, true); ok {
		s.writeAnswer(&owed, out)
	}
}

// takeAnswer finds the oldest answer owed for id.
func (s *Session) takeAnswer(id uint16, unsub bool) (answer, bool) {
	for at := &s.pending; *at != nil; at = &(*at).next {
		if a := *at; a.id == id && a.unsub == unsub {
			*at = a.next
			return *a, true
		}
	}
	return answer{}, false
}

// owe remembers an answer, behind those that are owed already.
func (s *Session) owe(a *answer) {
	at := &s.pending
	for *at != nil {
		at = &(*at).next
	}
	*at = a
}

// unsubscribe forgets a Subscription, if it existed.
func (s *Session) unsubscribe(filter string) (existed bool) {
	existed = s.subs.delete(filter)
	if existed {
		s.ledger.changed(filter)
	}
	if existed && len(s.subs.list) == 0 {
		s.subs = nil
	}
	return existed
}

func (s *Session) writeAnswer(a *answer, out *Output) {
	if a.stale || s.state != attached {
		return
	}
	fits := false
	s.safely(out, func() {
		start := len(out.Packets)
		if a.unsub {
			p := packet.Unsuback{PacketID: a.id, Codes: a.codes}
			out.Packets = p.Append(out.Packets, s.version)
		} else {
			p := packet.Suback{PacketID: a.id, Codes: a.codes}
			if a.reason != "" && s.version == packet.V5 && s.problems { // [MQTT-3.1.2-29]
				p.ReasonString = []byte(a.reason)
			}
			out.Packets = p.Append(out.Packets, s.version)
			if len(out.Packets)-start > int(s.maxPacket) && p.ReasonString != nil {
				p.ReasonString = nil // [MQTT-3.9.2-1]
				out.Packets = p.Append(out.Packets[:start], s.version)
			}
		}
		fits = s.fits(start, out)
	})
	if !fits {
		s.close(packet.PacketTooLarge, nil, out)
	}
}
