package oracle

import (
	"bytes"

	paho "github.com/eclipse/paho.golang/packets"

	"github.com/troupemq/troupe/protocol/packet"
)

// The oracle trusts its peer: it judges neither flags nor UTF-8 nor codes nor
// ranges. So it is asked only about what we accept, and not about what we
// refuse.

func pahoDecode(frame []byte) (*paho.ControlPacket, error) {
	return paho.ReadPacket(bytes.NewReader(frame))
}

func pahoEncode(p *paho.ControlPacket) ([]byte, error) {
	var b bytes.Buffer
	_, err := p.WriteTo(&b)
	return b.Bytes(), err
}

func pahoView(p *paho.ControlPacket) view {
	w := view{Type: packet.Type(p.Type), Properties: properties{}}
	switch c := p.Content.(type) {
	case *paho.Connect:
		w.Connect = &connectView{Version: c.ProtocolVersion, Clean: c.CleanStart, KeepAlive: c.KeepAlive, ClientID: c.ClientID,
			Username: c.Username, HasUsername: c.UsernameFlag, Password: string(c.Password), HasPassword: c.PasswordFlag}
		if c.WillFlag {
			w.Connect.Will = &willView{c.WillQOS, c.WillRetain, c.WillTopic, string(c.WillMessage), pahoProperties(c.WillProperties)}
		}
		w.Properties = pahoProperties(c.Properties)
	case *paho.Connack:
		w.SessionPresent, w.Code, w.Properties = c.SessionPresent, c.ReasonCode, pahoProperties(c.Properties)
	case *paho.Publish:
		w.Dup, w.Retain, w.QoS, w.PacketID = c.Duplicate, c.Retain, c.QoS, c.PacketID
		w.Topic, w.Payload, w.Properties = c.Topic, string(c.Payload), pahoProperties(c.Properties)
		if id := c.Properties.SubscriptionIdentifier; id != nil {
			w.Properties[0x0B] = []uint32{uint32(*id)}
		}
	case *paho.Puback:
		w.PacketID, w.Code, w.Properties = c.PacketID, c.ReasonCode, pahoProperties(c.Properties)
	case *paho.Pubrec:
		w.PacketID, w.Code, w.Properties = c.PacketID, c.ReasonCode, pahoProperties(c.Properties)
	case *paho.Pubrel:
		w.PacketID, w.Code, w.Properties = c.PacketID, c.ReasonCode, pahoProperties(c.Properties)
	case *paho.Pubcomp:
		w.PacketID, w.Code, w.Properties = c.PacketID, c.ReasonCode, pahoProperties(c.Properties)
	case *paho.Subscribe:
		w.PacketID, w.Properties = c.PacketID, pahoProperties(c.Properties)
		for _, s := range c.Subscriptions {
			w.Filters = append(w.Filters, filter{s.Topic, s.QoS, s.NoLocal, s.RetainAsPublished, s.RetainHandling})
		}
	case *paho.Suback:
		w.PacketID, w.Codes, w.Properties = c.PacketID, string(c.Reasons), pahoProperties(c.Properties)
	case *paho.Unsubscribe:
		w.PacketID, w.Properties = c.PacketID, pahoProperties(c.Properties)
		for _, topic := range c.Topics {
			w.Filters = append(w.Filters, filter{Filter: topic})
		}
	case *paho.Unsuback:
		w.PacketID, w.Codes, w.Properties = c.PacketID, string(c.Reasons), pahoProperties(c.Properties)
	case *paho.Disconnect:
		w.Code, w.Properties = c.ReasonCode, pahoProperties(c.Properties)
	case *paho.Auth:
		w.Code, w.Properties = c.ReasonCode, pahoProperties(c.Properties)
	}
	return w
}

func pahoProperties(p *paho.Properties) properties {
	m := properties{}
	if p == nil {
		return m
	}
	m.number(0x01, value(p.PayloadFormat, 0), 0)
	m.number(0x02, value(p.MessageExpiry, 0), 0)
	m.text(0x03, p.ContentType)
	m.text(0x08, p.ResponseTopic)
	m.text(0x09, string(p.CorrelationData))
	m.number(0x0B, value(p.SubscriptionIdentifier, 0), 0)
	m.number(0x11, value(p.SessionExpiryInterval, absent), absent)
	m.text(0x12, p.AssignedClientID)
	m.number(0x13, value(p.ServerKeepAlive, absent), absent)
	m.text(0x15, p.AuthMethod)
	m.text(0x16, string(p.AuthData))
	m.number(0x17, value(p.RequestProblemInfo, 1), 1)
	m.number(0x18, value(p.WillDelayInterval, 0), 0)
	m.number(0x19, value(p.RequestResponseInfo, 0), 0)
	m.text(0x1A, p.ResponseInfo)
	m.text(0x1C, p.ServerReference)
	m.text(0x1F, p.ReasonString)
	m.number(0x21, value(p.ReceiveMaximum, 0), 0)
	m.number(0x22, value(p.TopicAliasMaximum, 0), 0)
	m.number(0x23, value(p.TopicAlias, 0), 0)
	m.number(0x24, value(p.MaximumQOS, absent), absent)
	m.number(0x25, value(p.RetainAvailable, 1), 1)
	m.number(0x27, value(p.MaximumPacketSize, 0), 0)
	m.number(0x28, value(p.WildcardSubAvailable, 1), 1)
	m.number(0x29, value(p.SubIDAvailable, 1), 1)
	m.number(0x2A, value(p.SharedSubAvailable, 1), 1)
	var pairs []pair
	for _, u := range p.User {
		pairs = append(pairs, pair{u.Key, u.Value})
	}
	m.pairs(pairs)
	return m
}

func value[N byte | uint16 | uint32 | int](n *N, byDefault uint32) uint32 {
	if n == nil {
		return byDefault
	}
	return uint32(*n)
}

// pahoTooStrict tells that the oracle refuses a valid packet: a DISCONNECT
// without content, which is a normal disconnection (section 3.14.2.1).
func pahoTooStrict(frame []byte) bool { return bytes.Equal(frame, []byte{0xE0, 0}) }

// pahoMisses takes out of a view what the oracle does not read: of several
// Subscription Identifiers it keeps the last.
func pahoMisses(w view) view {
	if ids, ok := w.Properties[0x0B].([]uint32); ok {
		w.Properties[0x0B] = ids[len(ids)-1:]
	}
	return w
}

// pahoLoses takes out of a view what the oracle does not write: of a Will's
// properties only the Will Delay Interval and the pairs.
func pahoLoses(w view) view {
	if w.Connect != nil && w.Connect.Will != nil {
		for id := range w.Connect.Will.Properties {
			if id != 0x18 && id != 0x26 {
				delete(w.Connect.Will.Properties, id)
			}
		}
	}
	return w
}
