package nullbroker

import (
	"github.com/troupemq/troupe/protocol/packet"
)

// answer takes one frame that is not forwarded. An error ends the connection.
func (lp *loop) answer(c *conn, frame []byte) error {
	kind := packet.Type(frame[0] >> 4)
	if (c.version == 0) != (kind == packet.TypeConnect) {
		return errMalformed // CONNECT comes first, and once
	}
	switch kind {
	case packet.TypeConnect:
		return lp.welcome(c, frame)
	case packet.TypeSubscribe:
		var subscribe packet.Subscribe
		if err := subscribe.Decode(frame, c.version); err != nil {
			return err
		}
		suback := packet.Suback{PacketID: subscribe.PacketID}
		for _, f := range subscribe.Filters {
			suback.Codes = append(suback.Codes, packet.ReasonCode(f.QoS))
		}
		lp.write(c, suback.Append(nil, c.version))
	case packet.TypeUnsubscribe:
		var unsubscribe packet.Unsubscribe
		if err := unsubscribe.Decode(frame, c.version); err != nil {
			return err
		}
		unsuback := packet.Unsuback{PacketID: unsubscribe.PacketID, Codes: make([]packet.ReasonCode, len(unsubscribe.Filters))}
		lp.write(c, unsuback.Append(nil, c.version))
	case packet.TypePingreq:
		lp.write(c, []byte{byte(packet.TypePingresp) << 4, 0})
	case packet.TypeDisconnect:
		lp.drop(c)
	default:
		return errMalformed // nothing that a Client sends
	}
	return nil
}

// welcome answers CONNECT and finds the connection its place.
func (lp *loop) welcome(c *conn, frame []byte) error {
	var connect packet.Connect
	if err := connect.Decode(frame); err != nil {
		return err
	}
	c.version = connect.Version
	if name, number, subscribes, ok := parseID(string(connect.ClientID)); ok {
		g := lp.groups[name]
		if g == nil {
			g = &group{name: name}
			lp.groups[name] = g
		}
		if before := g.join(c, number, subscribes); before != nil {
			lp.drop(before)
		}
		lp.changed = append(lp.changed, g)
	}
	lp.write(c, (&packet.Connack{}).Append(nil, c.version))
	return nil
}
