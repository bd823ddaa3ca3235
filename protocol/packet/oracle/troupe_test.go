package oracle

import "github.com/troupemq/troupe/protocol/packet"

// codec is one packet of ours.
type codec interface {
	Decode(frame []byte, v packet.Version) error
	Append(dst []byte, v packet.Version) []byte
}

// connect gives packet.Connect the shape of the others.
type connect struct{ packet.Connect }

func (c *connect) Decode(frame []byte, _ packet.Version) error { return c.Connect.Decode(frame) }
func (c *connect) Append(dst []byte, _ packet.Version) []byte  { return c.Connect.Append(dst) }

func newCodec(t packet.Type) codec {
	switch t {
	case packet.TypeConnect:
		return new(connect)
	case packet.TypeConnack:
		return new(packet.Connack)
	case packet.TypePublish:
		return new(packet.Publish)
	case packet.TypePuback:
		return new(packet.Puback)
	case packet.TypePubrec:
		return new(packet.Pubrec)
	case packet.TypePubrel:
		return new(packet.Pubrel)
	case packet.TypePubcomp:
		return new(packet.Pubcomp)
	case packet.TypeSubscribe:
		return new(packet.Subscribe)
	case packet.TypeSuback:
		return new(packet.Suback)
	case packet.TypeUnsubscribe:
		return new(packet.Unsubscribe)
	case packet.TypeUnsuback:
		return new(packet.Unsuback)
	case packet.TypePingreq:
		return new(packet.Pingreq)
	case packet.TypePingresp:
		return new(packet.Pingresp)
	case packet.TypeDisconnect:
		return new(packet.Disconnect)
	}
	return new(packet.Auth)
}

func viewOf(p codec, v packet.Version) view {
	w := view{Properties: properties{}}
	switch p := p.(type) {
	case *connect:
		return viewOfConnect(&p.Connect)
	case *packet.Connack:
		return viewOfConnack(p, v)
	case *packet.Publish:
		w = view{Type: packet.TypePublish, Dup: p.Dup, Retain: p.Retain, QoS: byte(p.QoS), PacketID: p.PacketID,
			Topic: string(p.Topic), Payload: string(p.Payload), Properties: messageProperties(p)}
		w.Properties.subscriptionIDs(p.SubscriptionIDs)
		w.Properties.number(0x23, uint32(p.TopicAlias), 0)
	case *packet.Puback:
		return viewOfAck(packet.TypePuback, (*packet.Ack)(p))
	case *packet.Pubrec:
		return viewOfAck(packet.TypePubrec, (*packet.Ack)(p))
	case *packet.Pubrel:
		return viewOfAck(packet.TypePubrel, (*packet.Ack)(p))
	case *packet.Pubcomp:
		return viewOfAck(packet.TypePubcomp, (*packet.Ack)(p))
	case *packet.Subscribe:
		w.Type, w.PacketID = packet.TypeSubscribe, p.PacketID
		w.Properties.number(0x0B, p.SubscriptionID, 0)
		w.Properties.pairs(pairsOf(p.UserProperties))
		for _, f := range p.Filters {
			w.Filters = append(w.Filters, filter{string(f.Filter), byte(f.QoS), f.NoLocal, f.RetainAsPublished, f.RetainHandling})
		}
	case *packet.Suback:
		w.Type, w.PacketID, w.Codes = packet.TypeSuback, p.PacketID, codes(p.Codes)
		w.Properties.text(0x1F, string(p.ReasonString))
		w.Properties.pairs(pairsOf(p.UserProperties))
	case *packet.Unsubscribe:
		w.Type, w.PacketID = packet.TypeUnsubscribe, p.PacketID
		w.Properties.pairs(pairsOf(p.UserProperties))
		for _, f := range p.Filters {
			w.Filters = append(w.Filters, filter{Filter: string(f)})
		}
	case *packet.Unsuback:
		w.Type, w.PacketID, w.Codes = packet.TypeUnsuback, p.PacketID, codes(p.Codes)
		w.Properties.text(0x1F, string(p.ReasonString))
		w.Properties.pairs(pairsOf(p.UserProperties))
	case *packet.Pingreq:
		w.Type = packet.TypePingreq
	case *packet.Pingresp:
		w.Type = packet.TypePingresp
	case *packet.Disconnect:
		w.Type, w.Code = packet.TypeDisconnect, byte(p.Code)
		w.Properties.number(0x11, optional(p.HasSessionExpiry, p.SessionExpiry), absent)
		w.Properties.text(0x1C, string(p.ServerReference))
		w.Properties.text(0x1F, string(p.ReasonString))
		w.Properties.pairs(pairsOf(p.UserProperties))
	case *packet.Auth:
		w.Type, w.Code = packet.TypeAuth, byte(p.Code)
		w.Properties.text(0x15, string(p.AuthMethod))
		w.Properties.text(0x16, string(p.AuthData))
		w.Properties.text(0x1F, string(p.ReasonString))
		w.Properties.pairs(pairsOf(p.UserProperties))
	}
	return w
}

func codes(list []packet.ReasonCode) string {
	b := make([]byte, len(list))
	for i, c := range list {
		b[i] = byte(c)
	}
	return string(b)
}

func viewOfAck(t packet.Type, p *packet.Ack) view {
	w := view{Type: t, PacketID: p.PacketID, Code: byte(p.Code), Properties: properties{}}
	w.Properties.text(0x1F, string(p.ReasonString))
	w.Properties.pairs(pairsOf(p.UserProperties))
	return w
}

func messageProperties(p *packet.Publish) properties {
	m := properties{}
	m.number(0x01, uint32(p.PayloadFormat), 0)
	m.number(0x02, p.MessageExpiry, 0)
	m.text(0x03, string(p.ContentType))
	m.text(0x08, string(p.ResponseTopic))
	m.text(0x09, string(p.CorrelationData))
	m.pairs(pairsOf(p.UserProperties))
	return m
}

func viewOfConnect(p *packet.Connect) view {
	c := &connectView{Version: byte(p.Version), Clean: p.CleanStart, KeepAlive: p.KeepAlive, ClientID: string(p.ClientID),
		Username: string(p.Username), HasUsername: p.Username != nil, Password: string(p.Password), HasPassword: p.Password != nil}
	if p.Will != nil {
		c.Will = &willView{byte(p.Will.QoS), p.Will.Retain, string(p.Will.Topic), string(p.Will.Payload), messageProperties(p.Will.Publish())}
		c.Will.Properties.number(0x18, p.Will.DelayInterval, 0)
	}
	m := properties{}
	m.number(0x11, optional(p.HasSessionExpiry, p.SessionExpiry), absent)
	m.text(0x15, string(p.AuthMethod))
	m.text(0x16, string(p.AuthData))
	m.number(0x17, number(p.RequestProblemInformation), 1)
	m.number(0x19, number(p.RequestResponseInformation), 0)
	m.number(0x21, uint32(p.ReceiveMaximum), 0)
	m.number(0x22, uint32(p.TopicAliasMaximum), 0)
	m.number(0x27, p.MaximumPacketSize, 0)
	m.pairs(pairsOf(p.UserProperties))
	return view{Type: packet.TypeConnect, Connect: c, Properties: m}
}

func viewOfConnack(p *packet.Connack, v packet.Version) view {
	m := properties{}
	m.number(0x11, optional(p.HasSessionExpiry, p.SessionExpiry), absent)
	m.text(0x12, string(p.AssignedClientID))
	m.number(0x13, optional(p.HasServerKeepAlive, uint32(p.ServerKeepAlive)), absent)
	m.text(0x15, string(p.AuthMethod))
	m.text(0x16, string(p.AuthData))
	m.text(0x1A, string(p.ResponseInformation))
	m.text(0x1C, string(p.ServerReference))
	m.text(0x1F, string(p.ReasonString))
	m.number(0x21, uint32(p.ReceiveMaximum), 0)
	m.number(0x22, uint32(p.TopicAliasMaximum), 0)
	m.number(0x24, optional(p.HasMaximumQoS, uint32(p.MaximumQoS)), absent)
	m.number(0x25, number(!p.RetainUnavailable), 1)
	m.pairs(pairsOf(p.UserProperties))
	m.number(0x27, p.MaximumPacketSize, 0)
	m.number(0x28, number(!p.WildcardUnavailable), 1)
	m.number(0x29, number(!p.SubscriptionIDsUnavailable), 1)
	m.number(0x2A, number(!p.SharedUnavailable), 1)
	code := byte(p.Code)
	if v < packet.V5 {
		code, _ = p.Code.ReturnCode()
	}
	return view{Type: packet.TypeConnack, SessionPresent: p.SessionPresent, Code: code, Properties: m}
}

func number(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}
