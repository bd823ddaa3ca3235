package session

import (
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/topic"
)

// Permissions are what a Client may do. They are asked in the Session's turn: an answer must come quickly
// and wait for nothing. They may answer otherwise later, and are asked anew each time.
type Permissions interface {
	// MayPublish tells whether the Client may publish to a topic. The bytes are valid until it returns.
	MayPublish(topic []byte, qos packet.QoS, retain bool) bool
	// MaySubscribe tells whether the Client may hold a Subscription with a Topic Filter, `$share/name/` included.
	MaySubscribe(filter string, qos packet.QoS) bool
}

// Admission is what a Client was let in by, which may come to an end while it is connected. It is asked in the Session's
// turn, as Permissions are.
type Admission interface {
	// Holds tells whether the Client would be let in now.
	Holds() bool
}

// Policy is what the host has to say about what a Client does, for one Network Connection. It is shared by none.
type Policy struct {
	// Permissions of the Client; nil: it may do everything.
	Permissions Permissions
	// Admission of the Client; nil: it holds as long as the connection.
	Admission Admission
	// Change is shown each message of the Client before it is routed, with its Topic Name and without Packet
	// Identifier, DUP and alias. It may change all but the QoS, and says whether it did; what it sets must not change
	// any more. With an error the message is not routed, and the Client is told, with the reason as text if there is one. nil:
	// nothing is changed.
	Change func(p *packet.Publish) (changed bool, code packet.ReasonCode, reason string)
	// Grant is asked about each Topic Filter of a SUBSCRIBE that the Client has the right to, and answers with the QoS that is granted, at most the
	// one that was asked for, or an error, of which the Client may be told the reason. nil: all are granted.
	Grant func(s *Subscription) (code packet.ReasonCode, reason string)
}

// Govern says what the host has to say about a Session that has come out of a store: about its Will.
func (s *Session) Govern(p *Policy) { s.setPolicy(p) }

// setPolicy replaces the Policy, with nil takes it away.
func (s *Session) setPolicy(p *Policy) {
	if p == nil && s.rare == nil {
		return
	}
	s.seldom().policy = p
	s.tidy()
}

// permissions are those of the Client; nil: it may do everything.
func (s *Session) permissions() Permissions {
	if s.rare == nil || s.rare.policy == nil {
		return nil
	}
	return s.rare.policy.Permissions
}

// change is what each message of the Client is shown to; nil: nothing.
func (s *Session) change() func(*packet.Publish) (bool, packet.ReasonCode, string) {
	if s.rare == nil || s.rare.policy == nil {
		return nil
	}
	return s.rare.policy.Change
}

// mayPublish tells whether the Client may publish a message.
func (s *Session) mayPublish(p *packet.Publish, out *Output) bool {
	may := s.permissions()
	if may == nil || may.MayPublish(p.Topic, p.QoS, p.Retain) {
		return true
	}
	out.deny(string(p.Topic), false)
	return false
}

// maySubscribe tells whether the Client may hold a Subscription.
func (s *Session) maySubscribe(filter string, qos packet.QoS, out *Output) bool {
	may := s.permissions()
	if may == nil || may.MaySubscribe(filter, qos) {
		return true
	}
	out.deny(filter, true)
	return false
}

// grant asks about a Subscription that is about to be made, and lowers its QoS if that is the answer.
func (s *Session) grant(made *Subscription, out *Output) (code packet.ReasonCode, reason string) {
	if s.rare == nil || s.rare.policy == nil || s.rare.policy.Grant == nil {
		return packet.Success, ""
	}
	code, reason = s.rare.policy.Grant(made)
	if code.IsError() {
		out.Counts.Denied++
		return code, reason
	}
	made.Options.QoS = min(made.Options.QoS, packet.QoS(code))
	return packet.Success, ""
}

// Denial is something that a Client may not do.
type Denial struct {
	Topic     string // Topic Name, or Topic Filter
	Subscribe bool
}

// deny counts a denial and shows the first.
func (o *Output) deny(topic string, subscribe bool) {
	o.Counts.Denied++
	if o.Denied == nil {
		o.Denied = &Denial{topic, subscribe}
	}
}

// changed lets the host change a message, or refuse it. It gives the message that is to be routed.
func (s *Session) changed(change func(*packet.Publish) (bool, packet.ReasonCode, string), came packet.Publish) (m packet.Publish, changed bool, code packet.ReasonCode, reason string) {
	m = came
	changed, code, reason = change(&m)
	if code.IsError() || !changed {
		return came, false, code, reason
	}
	m.QoS, m.PacketID, m.Dup, m.TopicAlias, m.SubscriptionIDs = came.QoS, came.PacketID, came.Dup, came.TopicAlias, nil
	if topic.ValidateName(m.Topic) != nil || s.limits.tooLong(m.Topic) || reserved(m.Topic) || m.Validate(packet.V5) != nil {
		return came, false, packet.ImplementationSpecificError, "" // the host is wrong, not the Client
	}
	return m, true, code, ""
}

// MayLeave tells whether p allows the Will of a CONNECT; nil: there is none.
func MayLeave(p Permissions, w *packet.Will) bool {
	return p == nil || w == nil || p.MayPublish(w.Topic, w.QoS, w.Retain)
}

// admitted tells whether the Client that is attached is let in still.
func (s *Session) admitted() bool {
	return s.rare == nil || s.rare.policy == nil || s.rare.policy.Admission == nil || s.rare.policy.Admission.Holds()
}

// Judge asks again about what was allowed before: a Client that is not let in any more is disconnected, with Administrative
// action (0x98), since no request of it is what is refused (table 3-13); Subscriptions that it has no right to any more end.
func (s *Session) Judge(out *Output) {
	if s.state == attached && !s.admitted() {
		out.Counts.Revoked++
		s.Expel(packet.AdministrativeAction, "not let in any more", out)
		return
	}
	if s.permissions() == nil || s.state == ended {
		return
	}
	var gone []string
	for sub := range s.subs.all() {
		if !s.maySubscribe(sub.Filter, sub.Options.QoS, out) {
			gone = append(gone, sub.Filter)
		}
	}
	for _, filter := range gone {
		s.unsubscribe(filter)
	}
	if len(gone) > 0 {
		out.Unsubscribe = append(out.Unsubscribe, UnsubscribeRequest{Filters: gone, After: len(out.Subscribe), Behind: len(out.Publish)})
	}
}
