package link

import (
	"fmt"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/topic"
)

// packet takes one packet of the upstream.
func (l *Link) packet(t packet.Type, frame []byte) error {
	if l.phase == connecting && t != packet.TypeConnack {
		return fmt.Errorf("the upstream said %v where CONNACK was due", t)
	}
	switch t {
	case packet.TypePublish:
		return l.published(frame)
	case packet.TypePuback, packet.TypePubrec, packet.TypePubcomp:
		return l.answered(t, frame)
	case packet.TypePubrel:
		return l.released(frame)
	case packet.TypeConnack:
		return l.connack(frame)
	case packet.TypeSuback:
		return l.suback(frame)
	case packet.TypeUnsuback:
		l.open.unsubscribing = false
		return nil
	case packet.TypePingresp:
		l.health.answered()
		return nil
	case packet.TypeDisconnect:
		return l.disconnected(frame)
	default:
		return fmt.Errorf("the upstream sent %v, which a server does not", t)
	}
}

// published hands on a message of the upstream under its topic here.
func (l *Link) published(frame []byte) error {
	var p packet.Publish
	if err := p.Decode(frame, l.version); err != nil {
		return err
	}
	if p.TopicAlias != 0 {
		return fmt.Errorf("the upstream used a Topic Alias, of which it may have none")
	}
	if err := topic.ValidateName(p.Topic); err != nil { // the session would take it for a violation of the link's
		return fmt.Errorf("the upstream sent PUBLISH with the Topic Name %q: %w", p.Topic, err)
	}
	start := len(l.in.frames)
	id, qos := p.PacketID, p.QoS
	frames, ok := l.rules.inbound(l.in.frames, &p)
	if limit := l.env.Limits.MaxPacketSize; !ok || limit != 0 && len(frames)-start > int(limit) {
		l.in.frames = frames[:start]
		l.o.Figures.DroppedRefused.Add(1)
		l.acknowledge(id, qos)
		return nil
	}
	l.in.frames = frames
	l.took(1, 0)
	if qos > packet.QoS0 {
		l.open.receive(id)
	}
	return nil
}

// acknowledge answers a message of the upstream that goes nowhere.
func (l *Link) acknowledge(id uint16, qos packet.QoS) {
	switch qos {
	case packet.QoS1:
		l.out.b = append(l.out.b, byte(packet.TypePuback)<<4, 2, byte(id>>8), byte(id))
	case packet.QoS2:
		l.open.ours(id)
		l.out.b = append(l.out.b, byte(packet.TypePubrec)<<4, 2, byte(id>>8), byte(id))
	}
}

// released hands on PUBREL, unless the message went nowhere.
func (l *Link) released(frame []byte) error {
	id, _, err := l.identifier(packet.TypePubrel, frame)
	if err != nil {
		return err
	}
	if l.open.takeOurs(id) {
		l.out.b = append(l.out.b, byte(packet.TypePubcomp)<<4, 2, byte(id>>8), byte(id))
		return nil
	}
	l.open.receive(id)
	l.in.frames = append(l.in.frames, byte(packet.TypePubrel)<<4|2, 2, byte(id>>8), byte(id))
	return nil
}

// answered hands on what the upstream says to messages of the session.
func (l *Link) answered(t packet.Type, frame []byte) error {
	id, code, err := l.identifier(t, frame)
	if err != nil {
		return err
	}
	if code == packet.QuotaExceeded || code == packet.ServerBusy || code == packet.ImplementationSpecificError || code == packet.UnspecifiedError {
		// It is not the message that is wrong: it is to come again.
		l.endWith(&Ended{Cause: fmt.Errorf("the upstream does not take a message for now: %v (0x%02X)", code, byte(code)), Code: code})
		return nil
	}
	first := byte(t) << 4
	switch l.open.answered(t, id, code) {
	case lowered:
		first = byte(packet.TypePubrec) << 4 // it was sent with QoS 1 in place of 2
	case unknown:
		return nil
	}
	if code == packet.Success || code == packet.NoMatchingSubscribers || t == packet.TypePubcomp {
		l.in.frames = append(l.in.frames, first, 2, byte(id>>8), byte(id))
	} else {
		l.in.frames = append(l.in.frames, first, 3, byte(id>>8), byte(id), byte(code))
	}
	return nil
}

// identifier reads one of the four acknowledgements: they share their layout. A Reason Code that the packet may not have and that is no error is
// taken for success: some brokers answer with the QoS.
func (l *Link) identifier(t packet.Type, frame []byte) (uint16, packet.ReasonCode, error) {
	h, _, err := packet.ReadHeader(frame, 0)
	rest := frame[h.Size:]
	if err != nil || len(rest) < 2 || rest[0] == 0 && rest[1] == 0 {
		return 0, 0, fmt.Errorf("the upstream sent %v without a Packet Identifier", t)
	}
	id, code := uint16(rest[0])<<8|uint16(rest[1]), packet.Success
	if len(rest) > 2 && packet.ReasonCode(rest[2]).IsError() {
		code = packet.ReasonCode(rest[2])
	}
	return id, code, nil
}
