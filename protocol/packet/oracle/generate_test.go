package oracle

import (
	"math/rand/v2"

	"github.com/troupemq/troupe/protocol/packet"
)

// generator makes valid packets. Equal seeds make equal packets.
type generator struct{ *rand.Rand }

func newGenerator(seed uint64) generator { return generator{rand.New(rand.NewPCG(seed, 1))} }

func (g generator) bool() bool { return g.IntN(2) == 0 }

// text is a string, empty one time in six, and now and then long enough for a
// length of two bytes.
func (g generator) text() []byte {
	const letters = "abcdefgh/ 0123äß℃𝛼"
	runes := []rune(letters)
	n := g.IntN(6)
	if g.IntN(20) == 0 {
		n = 150
	}
	b := []byte{}
	for range n {
		b = append(b, string(runes[g.IntN(len(runes))])...)
	}
	return b
}

// maybe is a text or absent.
func (g generator) maybe() []byte {
	if g.bool() {
		return nil
	}
	return g.text()
}

// name is a text that is not empty.
func (g generator) name() []byte { return append([]byte("n"), g.text()...) }

// filter is a Topic Filter, shared one time in four.
func (g generator) filter() []byte {
	if g.IntN(4) == 0 {
		return append([]byte("$share/g/"), g.name()...)
	}
	return g.name()
}

func (g generator) id() uint16 { return uint16(1 + g.IntN(65535)) }

func (g generator) user() (u packet.UserProperties) {
	for range g.IntN(3) {
		u = u.With(string(g.text()), string(g.text()))
	}
	return u
}

func (g generator) pick(codes ...packet.ReasonCode) packet.ReasonCode {
	return codes[g.IntN(len(codes))]
}

// packet makes a packet of type t that is valid in version v.
func (g generator) packet(t packet.Type, v packet.Version) codec {
	five := v == packet.V5
	switch t {
	case packet.TypeConnect:
		return g.connect(v)
	case packet.TypeConnack:
		return g.connack(v)
	case packet.TypePublish:
		return g.publish(five)
	case packet.TypePuback:
		p := packet.Puback(g.ack(five, packet.NoMatchingSubscribers, packet.QuotaExceeded))
		return &p
	case packet.TypePubrec:
		p := packet.Pubrec(g.ack(five, packet.NoMatchingSubscribers, packet.NotAuthorized))
		return &p
	case packet.TypePubrel:
		p := packet.Pubrel(g.ack(five, packet.PacketIdentifierNotFound))
		return &p
	case packet.TypePubcomp:
		p := packet.Pubcomp(g.ack(five, packet.PacketIdentifierNotFound))
		return &p
	case packet.TypeSubscribe:
		return g.subscribe(five)
	case packet.TypeSuback:
		p := &packet.Suback{PacketID: g.id()}
		for range 1 + g.IntN(3) {
			p.Codes = append(p.Codes, g.pick(packet.Success, packet.GrantedQoS1, packet.GrantedQoS2, packet.UnspecifiedError))
		}
		if five {
			p.ReasonString, p.UserProperties = g.maybe(), g.user()
		}
		return p
	case packet.TypeUnsubscribe:
		p := &packet.Unsubscribe{PacketID: g.id()}
		for range 1 + g.IntN(3) {
			p.Filters = append(p.Filters, g.filter())
		}
		if five {
			p.UserProperties = g.user()
		}
		return p
	case packet.TypeUnsuback:
		p := &packet.Unsuback{PacketID: g.id()}
		if five {
			p.Codes = []packet.ReasonCode{packet.Success, g.pick(packet.NoSubscriptionExisted, packet.NotAuthorized)}
			p.ReasonString, p.UserProperties = g.maybe(), g.user()
		}
		return p
	case packet.TypePingreq:
		return &packet.Pingreq{}
	case packet.TypePingresp:
		return &packet.Pingresp{}
	case packet.TypeDisconnect:
		p := &packet.Disconnect{}
		if five {
			p.Code = g.pick(packet.Success, packet.DisconnectWithWill, packet.ServerMoved)
			p.HasSessionExpiry = g.bool()
			p.ReasonString, p.ServerReference, p.UserProperties = g.maybe(), g.maybe(), g.user()
			if p.HasSessionExpiry {
				p.SessionExpiry = g.Uint32()
			}
		}
		return p
	}
	p := &packet.Auth{Code: g.pick(packet.Success, packet.ContinueAuthentication, packet.Reauthenticate)}
	p.AuthMethod, p.AuthData, p.ReasonString, p.UserProperties = g.name(), g.maybe(), g.maybe(), g.user()
	return p
}

func (g generator) ack(five bool, failures ...packet.ReasonCode) packet.Ack {
	a := packet.Ack{PacketID: g.id()}
	if five {
		a.Code = g.pick(append(failures, packet.Success)...)
		a.ReasonString, a.UserProperties = g.maybe(), g.user()
	}
	return a
}

func (g generator) publish(five bool) *packet.Publish {
	p := &packet.Publish{QoS: packet.QoS(g.IntN(3)), Retain: g.bool(), Topic: g.name(), Payload: g.text()}
	if p.QoS > packet.QoS0 {
		p.Dup, p.PacketID = g.bool(), g.id()
	}
	if !five || g.IntN(4) == 0 {
		return p
	}
	p.HasPayloadFormat, p.HasMessageExpiry = g.bool(), g.bool()
	if p.HasPayloadFormat {
		p.PayloadFormat = uint8(g.IntN(2))
	}
	if p.HasMessageExpiry {
		p.MessageExpiry = g.Uint32()
	}
	p.ContentType, p.ResponseTopic, p.CorrelationData, p.UserProperties = g.maybe(), g.maybe(), g.maybe(), g.user()
	for range g.IntN(3) {
		p.SubscriptionIDs = append(p.SubscriptionIDs, 1+g.Uint32N(1<<g.IntN(28)))
	}
	if g.bool() {
		p.TopicAlias = g.id()
		if g.bool() {
			p.Topic = []byte{}
		}
	}
	return p
}

func (g generator) subscribe(five bool) *packet.Subscribe {
	p := &packet.Subscribe{PacketID: g.id()}
	for range 1 + g.IntN(3) {
		f := packet.TopicFilter{Filter: g.filter()}
		f.QoS = packet.QoS(g.IntN(3))
		if five {
			f.NoLocal, f.RetainAsPublished, f.RetainHandling = g.bool() && f.Filter[0] != '$', g.bool(), uint8(g.IntN(3))
		}
		p.Filters = append(p.Filters, f)
	}
	if five {
		p.UserProperties = g.user()
		if g.bool() {
			p.SubscriptionID = 1 + g.Uint32N(1<<g.IntN(28))
		}
	}
	return p
}

func (g generator) connect(v packet.Version) *connect {
	p := packet.Connect{Version: v, CleanStart: g.bool(), KeepAlive: uint16(g.Uint32()), ClientID: g.name(), Username: g.maybe(),
		RequestProblemInformation: true}
	if p.Username != nil || v == packet.V5 {
		p.Password = g.maybe()
	}
	if g.bool() {
		p.Will = &packet.Will{QoS: packet.QoS(g.IntN(3)), Retain: g.bool(), Topic: g.name(), Payload: g.text()}
	}
	if v < packet.V5 {
		return &connect{p}
	}
	p.HasSessionExpiry = g.bool()
	if p.HasSessionExpiry {
		p.SessionExpiry = g.Uint32()
	}
	p.RequestProblemInformation, p.RequestResponseInformation = g.bool(), g.bool()
	p.ReceiveMaximum, p.TopicAliasMaximum, p.MaximumPacketSize = uint16(g.IntN(3)), uint16(g.IntN(3)), g.Uint32N(3)
	if g.bool() {
		p.AuthMethod, p.AuthData = g.name(), g.maybe()
	}
	p.UserProperties = g.user()
	if p.Will != nil {
		m := g.publish(true)
		w := p.Will
		w.HasPayloadFormat, w.PayloadFormat, w.HasMessageExpiry, w.MessageExpiry = m.HasPayloadFormat, m.PayloadFormat, m.HasMessageExpiry, m.MessageExpiry
		w.ContentType, w.ResponseTopic, w.CorrelationData, w.UserProperties = m.ContentType, m.ResponseTopic, m.CorrelationData, m.UserProperties
		w.DelayInterval = g.Uint32N(3)
	}
	return &connect{p}
}

func (g generator) connack(v packet.Version) *packet.Connack {
	p := &packet.Connack{}
	if g.bool() {
		p.SessionPresent = v != packet.V31
	} else {
		p.Code = g.pick(packet.Success, packet.UnsupportedProtocolVersion, packet.NotAuthorized, packet.BadUserNameOrPassword)
	}
	if v < packet.V5 {
		return p
	}
	p.HasSessionExpiry, p.HasMaximumQoS, p.HasServerKeepAlive = g.bool(), g.bool(), g.bool()
	if p.HasSessionExpiry {
		p.SessionExpiry = g.Uint32()
	}
	if p.HasMaximumQoS {
		p.MaximumQoS = packet.QoS(g.IntN(2))
	}
	if p.HasServerKeepAlive {
		p.ServerKeepAlive = uint16(g.IntN(100))
	}
	p.RetainUnavailable, p.WildcardUnavailable, p.SubscriptionIDsUnavailable, p.SharedUnavailable = g.bool(), g.bool(), g.bool(), g.bool()
	p.ReceiveMaximum, p.TopicAliasMaximum, p.MaximumPacketSize = uint16(g.IntN(3)), uint16(g.IntN(3)), g.Uint32N(3)
	p.AssignedClientID, p.ReasonString, p.ResponseInformation, p.ServerReference = g.maybe(), g.maybe(), g.maybe(), g.maybe()
	p.UserProperties = g.user()
	if g.bool() {
		p.AuthMethod, p.AuthData = g.name(), g.maybe()
	}
	return p
}

// mutate changes up to three bytes behind the fixed header, cuts or adds some,
// and puts a header with the right length in front again.
func (g generator) mutate(frame []byte, v packet.Version) []byte {
	h, _, _ := packet.ReadHeader(frame, 0)
	first, body := frame[0], append([]byte(nil), frame[h.Size:]...)
	for range 1 + g.IntN(3) {
		at := g.IntN(len(body) + 1)
		switch {
		case g.IntN(20) == 0 && v != packet.V31:
			first = first&0xf0 | byte(g.IntN(16))
		case at == len(body) || g.IntN(6) == 0:
			body = append(body[:at:at], append([]byte{byte(g.Uint32())}, body[at:]...)...)
		case g.IntN(6) == 0:
			body = append(body[:at:at], body[at+1:]...)
		case g.IntN(6) == 0:
			body = body[:at]
		case g.bool():
			body[at] = byte(g.Uint32())
		default:
			body[at] += byte(g.IntN(5)) - 2
		}
	}
	n := len(body)
	mutated := []byte{first}
	for ; n >= 0x80; n >>= 7 {
		mutated = append(mutated, byte(n)|0x80)
	}
	return append(append(mutated, byte(n)), body...)
}
