package link

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// probeSuffix tells the Client Identifier of a probe from that of the bridge.
const probeSuffix = "-probe"

// connect adds CONNECT.
func (l *Link) connect(dst []byte) []byte {
	c, u := &l.o.Config, l.o.Upstream
	p := packet.Connect{
		Version: l.version, ClientID: []byte(u.ClientID()), KeepAlive: uint16(c.KeepAlive.Std().Seconds()), RequestProblemInformation: true,
	}
	if u.Username() != "" {
		p.Username = []byte(u.Username())
	}
	p.Password = u.Password()
	if l.o.Probe {
		p.CleanStart = true
		p.ClientID = append(p.ClientID, probeSuffix...)
		return p.Append(dst)
	}
	if topic := c.StateTopic; topic != "" {
		p.Will = &packet.Will{Topic: []byte(topic), Payload: []byte("0"), Retain: true}
	}
	if l.version < packet.V5 {
		p.Bridge = c.LoopGuard && !l.plain
		return p.Append(dst)
	}
	p.HasSessionExpiry, p.SessionExpiry = true, uint32(c.SessionExpiry.Std().Seconds())
	p.ReceiveMaximum = l.env.Limits.ReceiveMaximum
	p.MaximumPacketSize = l.env.Limits.MaxPacketSize
	if c.LoopGuard {
		p.UserProperties = p.UserProperties.With(session.BridgeProperty, l.env.Instance)
	}
	return p.Append(dst)
}

// connack takes the upstream's answer to CONNECT.
func (l *Link) connack(frame []byte) error {
	if l.phase != connecting {
		return errors.New("the upstream sent a second CONNACK")
	}
	var p packet.Connack
	if err := p.Decode(frame, l.version); err != nil {
		return err
	}
	if p.Code == packet.UnsupportedProtocolVersion && l.version < packet.V5 && l.o.Config.LoopGuard && !l.plain && !l.o.Probe {
		l.plain = true // it does not know the bit that says so
		_ = l.stream.Close()
		l.stream, l.phase, l.in, l.out = nil, dialing, input{}, output{}
		l.dial()
		return nil
	}
	if p.Code != packet.Success {
		text := fmt.Sprintf("CONNECT was refused: %v (0x%02X)", p.Code, byte(p.Code))
		if len(p.ReasonString) > 0 {
			text += ": " + string(p.ReasonString)
		}
		l.endWith(&Ended{Cause: errors.New(text), Code: p.Code, Reference: string(p.ServerReference)})
		return nil
	}
	l.present = p.SessionPresent
	l.upper = terms{receiveMaximum: 65535, maximumQoS: packet.QoS2, maximumSize: 1<<31 - 1, noRetain: p.RetainUnavailable,
		keepAlive: l.o.Config.KeepAlive.Std().Milliseconds()}
	l.rules.noRetain = p.RetainUnavailable
	if p.ReceiveMaximum != 0 {
		l.upper.receiveMaximum = int(p.ReceiveMaximum)
	}
	if p.HasMaximumQoS {
		l.upper.maximumQoS = p.MaximumQoS
	}
	if p.MaximumPacketSize != 0 {
		l.upper.maximumSize = int(min(p.MaximumPacketSize, 1<<31-1))
	}
	if p.HasServerKeepAlive {
		l.upper.keepAlive = int64(p.ServerKeepAlive) * 1000
	}
	if l.o.Probe || len(l.rules.filters) == 0 && !(l.present && len(l.o.Former) > 0) {
		l.becomeReady()
		return nil
	}
	l.phase = subscribing
	if l.present && len(l.o.Former) > 0 {
		l.out.b = l.unsubscribe(l.out.b, l.o.Former)
		l.open.unsubscribing = true
	}
	if len(l.rules.filters) > 0 {
		l.out.b = l.subscribe(l.out.b)
	} else {
		l.becomeReady()
	}
	return nil
}

// Packet Identifiers of SUBSCRIBE and UNSUBSCRIBE. Those of messages are the session's, and another space for the upstream: both may
// be in use at the same time for different packets only if the identifiers differ [MQTT-2.2.1-3], so these are from the end.
const (
	subscribeID   = 65535
	unsubscribeID = 65534
)

// subscribe adds SUBSCRIBE for all rules.
func (l *Link) subscribe(dst []byte) []byte {
	p := packet.Subscribe{PacketID: subscribeID}
	for i, filter := range l.rules.filters {
		r := &l.o.Config.Receive[i]
		options := packet.SubscriptionOptions{QoS: subscribeQoS(r.QoS)}
		if l.version == packet.V5 {
			options.NoLocal, options.RetainAsPublished = l.o.Config.LoopGuard, true
			options.RetainHandling = map[configs.BridgeRetained]uint8{configs.RetainedAlways: 0, configs.RetainedNew: 1, configs.RetainedNever: 2}[r.Retained]
		}
		p.Filters = append(p.Filters, packet.TopicFilter{Filter: []byte(filter), SubscriptionOptions: options})
	}
	return p.Append(dst, l.version)
}

func subscribeQoS(q configs.BridgeQoS) packet.QoS {
	switch q {
	case configs.QoS0, configs.QoSMost0:
		return packet.QoS0
	case configs.QoS1, configs.QoSMost1:
		return packet.QoS1
	default:
		return packet.QoS2
	}
}

func (l *Link) unsubscribe(dst []byte, filters []string) []byte {
	p := packet.Unsubscribe{PacketID: unsubscribeID}
	for _, f := range filters {
		p.Filters = append(p.Filters, []byte(f))
	}
	return p.Append(dst, l.version)
}

// suback takes the upstream's answer to SUBSCRIBE.
func (l *Link) suback(frame []byte) error {
	var p packet.Suback
	if err := p.Decode(frame, l.version); err != nil {
		return err
	}
	if l.phase != subscribing || len(p.Codes) != len(l.rules.filters) {
		return errors.New("the upstream sent a SUBACK that nobody asked for")
	}
	for i, code := range p.Codes {
		if code.IsError() {
			l.endWith(&Ended{Cause: fmt.Errorf("the subscription to %q was refused: %v (0x%02X)%s", l.rules.filters[i], code, byte(code), reasonText(p.ReasonString)), Code: code})
			return nil
		}
	}
	l.becomeReady()
	return nil
}

func reasonText(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return ": " + string(bytes.ToValidUTF8(b, []byte("?")))
}

func (l *Link) becomeReady() {
	l.phase = ready
	l.root.Send(l.o.Bridge, &Ready{Link: l.mailbox.PID(), Present: l.present})
}

// disconnected takes DISCONNECT of the upstream.
func (l *Link) disconnected(frame []byte) error {
	var p packet.Disconnect
	if err := p.Decode(frame, l.version); err != nil {
		return err
	}
	l.endWith(&Ended{
		Cause: fmt.Errorf("the upstream ended the connection: %v (0x%02X)%s", p.Code, byte(p.Code), reasonText(p.ReasonString)),
		Code:  p.Code, Reference: string(p.ServerReference),
	})
	return nil
}
