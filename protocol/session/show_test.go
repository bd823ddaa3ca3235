package session_test

import (
	"fmt"
	"strings"

	"github.com/troupemq/troupe/protocol/packet"
)

// line builds what a packet looks like in a script.
type line struct{ b strings.Builder }

func (l *line) add(format string, a ...any) {
	if l.b.Len() > 0 {
		l.b.WriteByte(' ')
	}
	fmt.Fprintf(&l.b, format, a...)
}

func (l *line) flag(name string, on bool) {
	if on {
		l.add("%s", name)
	}
}

func (l *line) text(name string, value []byte) {
	if value != nil {
		l.add("%s=%s", name, value)
	}
}

func (l *line) number(name string, n uint32) {
	if n != 0 {
		l.add("%s=%d", name, n)
	}
}

func (l *line) code(c packet.ReasonCode) { l.add("0x%02x", uint8(c)) }

func (l *line) codes(codes []packet.ReasonCode) {
	for _, c := range codes {
		l.code(c)
	}
}

func (l *line) user(u packet.UserProperties) {
	for name, value := range u.All() {
		l.add("user=%s:%s", name, value)
	}
}

// show gives a frame as a script shows it. A frame that does not decode is a failure of the Session.
func show(frame []byte, v packet.Version) string {
	var l line
	if err := describe(&l, frame, v); err != nil {
		return fmt.Sprintf("INVALID FRAME %x: %v", frame, err)
	}
	return l.b.String()
}

func describe(l *line, frame []byte, v packet.Version) error {
	t := packet.Type(frame[0] >> 4)
	l.add("%s", t)
	switch t {
	case packet.TypeConnack:
		return describeConnack(l, frame, v)
	case packet.TypePublish:
		return describePublish(l, frame, v)
	case packet.TypePuback:
		var p packet.Puback
		err := p.Decode(frame, v)
		l.add("%d", p.PacketID)
		l.code(p.Code)
		return err
	case packet.TypePubrec:
		var p packet.Pubrec
		err := p.Decode(frame, v)
		l.add("%d", p.PacketID)
		l.code(p.Code)
		return err
	case packet.TypePubrel:
		var p packet.Pubrel
		err := p.Decode(frame, v)
		l.add("%d", p.PacketID)
		l.code(p.Code)
		return err
	case packet.TypePubcomp:
		var p packet.Pubcomp
		err := p.Decode(frame, v)
		l.add("%d", p.PacketID)
		l.code(p.Code)
		return err
	case packet.TypeSuback:
		var p packet.Suback
		err := p.Decode(frame, v)
		l.add("%d", p.PacketID)
		l.codes(p.Codes)
		return err
	case packet.TypeUnsuback:
		var p packet.Unsuback
		err := p.Decode(frame, v)
		l.add("%d", p.PacketID)
		l.codes(p.Codes)
		return err
	case packet.TypePingresp:
		return new(packet.Pingresp).Decode(frame, v)
	case packet.TypeDisconnect:
		var p packet.Disconnect
		err := p.Decode(frame, v)
		l.code(p.Code)
		if p.ReasonString != nil {
			l.add("%q", p.ReasonString)
		}
		l.flag("SESSION EXPIRY", p.HasSessionExpiry)
		return err
	case packet.TypeAuth:
		var p packet.Auth
		err := p.Decode(frame, v)
		l.code(p.Code)
		l.text("method", p.AuthMethod)
		l.text("data", p.AuthData)
		if p.ReasonString != nil {
			l.add("%q", p.ReasonString)
		}
		return err
	}
	return fmt.Errorf("%v from a Server", t)
}

func describeConnack(l *line, frame []byte, v packet.Version) error {
	var p packet.Connack
	err := p.Decode(frame, v)
	l.code(p.Code)
	l.flag("present", p.SessionPresent)
	if p.HasSessionExpiry {
		l.add("expiry=%d", p.SessionExpiry)
	}
	l.number("receive-maximum", uint32(p.ReceiveMaximum))
	if p.HasMaximumQoS {
		l.add("maximum-qos=%d", p.MaximumQoS)
	}
	l.flag("retain-unavailable", p.RetainUnavailable)
	l.number("maximum-packet-size", p.MaximumPacketSize)
	l.text("assigned", p.AssignedClientID)
	l.number("aliases", uint32(p.TopicAliasMaximum))
	if p.HasServerKeepAlive {
		l.add("keep-alive=%d", p.ServerKeepAlive)
	}
	l.text("response", p.ResponseInformation)
	l.text("method", p.AuthMethod)
	l.text("data", p.AuthData)
	if p.ReasonString != nil {
		l.add("%q", p.ReasonString)
	}
	return err
}

func describePublish(l *line, frame []byte, v packet.Version) error {
	var p packet.Publish
	err := p.Decode(frame, v)
	if len(p.Topic) > 0 {
		l.add("%s", p.Topic)
	}
	l.add("qos=%d", p.QoS)
	l.number("id", uint32(p.PacketID))
	l.flag("dup", p.Dup)
	l.flag("retain", p.Retain)
	if p.HasMessageExpiry {
		l.add("expiry=%d", p.MessageExpiry)
	}
	l.number("alias", uint32(p.TopicAlias))
	if p.HasPayloadFormat {
		l.add("format=%d", p.PayloadFormat)
	}
	l.text("content", p.ContentType)
	l.text("response", p.ResponseTopic)
	l.text("correlation", p.CorrelationData)
	for _, id := range p.SubscriptionIDs {
		l.add("sid=%d", id)
	}
	l.user(p.UserProperties)
	l.add("%q", p.Payload)
	return err
}
