package link

import (
	"errors"
	"fmt"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/protocol/packet"
)

var errNoPacket = errors.New("the session of the bridge said what is no packet")

// forward takes what the session says to "its Client".
func (l *Link) forward(m *message.Packets) {
	defer l.env.Release(m)
	if l.phase == over || l.session == nil {
		return
	}
	for b := m.B; len(b) > 0; {
		h, ok, err := packet.ReadHeader(b, 0)
		if err != nil || !ok || h.FrameSize() > len(b) {
			l.end(errors.Join(errNoPacket, err))
			return
		}
		if err := l.told(h.Type, b[:h.FrameSize()]); err != nil {
			l.end(err)
		}
		if l.phase == over {
			return
		}
		b = b[h.FrameSize():]
	}
	l.handOver() // what the link has answered itself
	l.flush()
	l.left()
	l.arm()
}

// told takes one packet of the session.
func (l *Link) told(t packet.Type, frame []byte) error {
	switch t {
	case packet.TypePublish:
		return l.send(frame)
	case packet.TypePuback, packet.TypePubrec, packet.TypePubcomp:
		return l.answer(t, frame)
	case packet.TypePubrel:
		id := uint16(frame[2])<<8 | uint16(frame[3])
		if l.open.takeOwn(id) {
			l.in.frames = append(l.in.frames, byte(packet.TypePubcomp)<<4, 2, byte(id>>8), byte(id))
			return nil
		}
		l.open.send(id, l.now(), false)
		l.out.b = append(l.out.b, byte(packet.TypePubrel)<<4|2, 2, byte(id>>8), byte(id))
	case packet.TypeDisconnect:
		if len(frame) > 2 && packet.ReasonCode(frame[2]) == packet.ServerShuttingDown {
			l.let(nil)
		} else {
			code := packet.Success
			if len(frame) > 2 {
				code = packet.ReasonCode(frame[2])
			}
			l.let(fmt.Errorf("%w: %v (0x%02X)", errLet, code, byte(code)))
		}
	}
	return nil // CONNACK: the upstream has its own
}

// send hands on a message under its topic at the upstream.
func (l *Link) send(frame []byte) error {
	var p packet.Publish
	if err := p.Decode(frame, packet.V5); err != nil {
		return err
	}
	id, qos := p.PacketID, p.QoS
	to := &l.out.b
	paced := l.pace.on()
	if paced {
		to = &l.pace.b
	}
	start := len(*to)
	p.QoS = min(qos, l.upper.maximumQoS)
	p.Dup = p.Dup && p.QoS > packet.QoS0 // [MQTT-3.3.1-2]
	b, fate := l.rules.outbound(*to, &p, l.version)
	if fate == sent && len(b)-start > l.upper.maximumSize {
		fate = tooLarge
	}
	switch fate {
	case sent:
		*to = b
		if p.QoS > packet.QoS0 {
			l.open.send(id, l.now(), p.QoS < qos)
		} else if qos > packet.QoS0 {
			l.swallow(id, qos)
		}
		if paced {
			l.pace.add(len(b)-start, id)
			l.pay()
		}
		return nil
	case tooLarge:
		l.o.Figures.DroppedTooLarge.Add(1)
	case looped:
		l.o.Figures.DroppedLoop.Add(1)
	default:
		l.o.Figures.DroppedRefused.Add(1)
	}
	*to = b[:start]
	l.swallow(id, qos)
	return nil
}

// swallow answers the session for a message that the upstream will not answer.
func (l *Link) swallow(id uint16, qos packet.QoS) {
	switch qos {
	case packet.QoS1:
		l.in.frames = append(l.in.frames, byte(packet.TypePuback)<<4, 2, byte(id>>8), byte(id))
	case packet.QoS2:
		l.open.own(id)
		l.in.frames = append(l.in.frames, byte(packet.TypePubrec)<<4, 2, byte(id>>8), byte(id))
	}
}

// answer hands on what the session says to messages of the upstream.
func (l *Link) answer(t packet.Type, frame []byte) error {
	id, code := uint16(frame[2])<<8|uint16(frame[3]), packet.Success
	if frame[1] > 2 {
		code = packet.ReasonCode(frame[4])
	}
	if code == packet.QuotaExceeded { // to the upstream that would be the end of the message
		return fmt.Errorf("this broker does not take a message for now: %v (0x%02X)", code, byte(code))
	}
	if code.IsError() && t != packet.TypePubcomp { // that is for a message that is over
		l.o.Figures.DroppedRefused.Add(1)
	}
	if t != packet.TypePubrec || code.IsError() {
		l.open.done(id)
	}
	if l.version < packet.V5 {
		frame = append([]byte(nil), frame[0], 2, frame[2], frame[3])
	}
	l.out.b = append(l.out.b, frame...)
	return nil
}
