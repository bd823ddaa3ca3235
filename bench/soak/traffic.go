package main

import (
	"fmt"
	"slices"

	"github.com/troupemq/troupe/bench/internal/message"
	"github.com/troupemq/troupe/protocol/packet"
)

func topicName(root string, publisher, topic int) string {
	return fmt.Sprintf("%s/%d/%d", root, publisher, topic)
}

// publish sends one new message.
func (c *client) publish() {
	m := c.ledger.say(message.Stream{Publisher: c.number, Topic: c.chance.IntN(topics), QoS: packet.QoS(c.chance.IntN(3))})
	filling := c.chance.IntN(200)
	if c.chance.IntN(500) == 0 {
		filling = 70_000 // more than a loop's buffer
	}
	o := &outgoing{Message: m, filling: filling}
	if m.QoS == packet.QoS0 {
		c.sendOpen(o, false)
		return
	}
	for used := true; used; {
		if c.lastID++; c.lastID == 0 || c.lastID == 65535 { // that one is for SUBSCRIBE
			c.lastID = 1
		}
		used = slices.ContainsFunc(c.open, func(o *outgoing) bool { return o.id == c.lastID })
	}
	o.id = c.lastID
	c.open = append(c.open, o)
	c.ledger.figures.open.Add(1)
	c.sendOpen(o, false)
}

// sendOpen sends a message, or what is open of it.
func (c *client) sendOpen(o *outgoing, again bool) {
	if o.received {
		c.write((&packet.Pubrel{PacketID: o.id}).Append(nil, c.version))
		return
	}
	name := topicName(c.root, o.Publisher, o.Topic)
	p := packet.Publish{Dup: again, QoS: o.QoS, PacketID: o.id, Topic: []byte(name), Payload: o.Append(nil, o.filling)}
	if alias, ok := c.alias[name]; ok {
		p.Topic, p.TopicAlias = nil, alias
	} else if len(c.alias) < int(c.aliases) && c.chance.IntN(2) == 0 {
		p.TopicAlias = uint16(len(c.alias) + 1)
		c.alias[name] = p.TopicAlias
	}
	c.write(p.Append(nil, c.version))
}

// take acts on one packet of the broker. It returns false when that ends the
// connection.
func (c *client) take(frame []byte) bool {
	var err error
	switch t := packet.Type(frame[0] >> 4); t {
	case packet.TypePublish:
		err = c.takePublish(frame)
	case packet.TypePuback:
		var p packet.Puback
		if err = p.Decode(frame, c.version); err == nil {
			c.acknowledged(p.PacketID, packet.QoS1, p.Code)
		}
	case packet.TypePubrec:
		var p packet.Pubrec
		if err = p.Decode(frame, c.version); err == nil {
			c.recorded(p.PacketID, p.Code)
		}
	case packet.TypePubcomp:
		var p packet.Pubcomp
		if err = p.Decode(frame, c.version); err == nil {
			c.acknowledged(p.PacketID, packet.QoS2, p.Code)
		}
	case packet.TypePubrel:
		var p packet.Pubrel
		if err = p.Decode(frame, c.version); err == nil {
			delete(c.received, p.PacketID)
			c.write((&packet.Pubcomp{PacketID: p.PacketID}).Append(nil, c.version))
		}
	case packet.TypePingresp:
	case packet.TypeDisconnect:
		var p packet.Disconnect
		if err = p.Decode(frame, c.version); err == nil {
			c.ledger.violate("%s was sent away: %v: %s", c.id, p.Code, p.ReasonString)
		}
		return false
	default:
		c.ledger.violate("%s got %v", c.id, t)
	}
	if err != nil {
		c.ledger.violate("%s got what is no packet: %v", c.id, err)
	}
	return true
}

func (c *client) takePublish(frame []byte) error {
	var p packet.Publish
	if err := p.Decode(frame, c.version); err != nil {
		return err
	}
	name := string(p.Topic)
	if p.TopicAlias != 0 {
		if name != "" {
			c.names[p.TopicAlias] = name
		}
		name = c.names[p.TopicAlias]
	}
	m, err := message.Parse(p.Payload, len(c.ledger.accounts), topics)
	if err != nil {
		return err
	}
	if name != topicName(c.root, m.Publisher, m.Topic) {
		c.ledger.violate("%s got %+v at %q", c.id, m, name)
	}
	in := c.inbox
	if m.Topic == sharedTopic {
		in = c.ledger.shared
	}
	switch p.QoS {
	case packet.QoS0:
		c.ledger.arrive(in, m, p.QoS)
	case packet.QoS1:
		c.ledger.arrive(in, m, p.QoS)
		c.write((&packet.Puback{PacketID: p.PacketID}).Append(nil, c.version))
	default:
		if !c.received[p.PacketID] {
			c.received[p.PacketID] = true
			c.ledger.arrive(in, m, p.QoS)
		}
		c.write((&packet.Pubrec{PacketID: p.PacketID}).Append(nil, c.version))
	}
	return nil
}

func (c *client) find(id uint16, q packet.QoS) int {
	return slices.IndexFunc(c.open, func(o *outgoing) bool { return o.id == id && o.QoS == q })
}

// recorded takes PUBREC, by which the broker owns the message.
func (c *client) recorded(id uint16, code packet.ReasonCode) {
	at := c.find(id, packet.QoS2)
	if at < 0 || code.IsError() {
		c.ledger.violate("%s got PUBREC %d: %v", c.id, id, code)
		return
	}
	if !c.open[at].received {
		c.open[at].received = true
		c.ledger.acknowledge(c.open[at].Message)
	}
	c.write((&packet.Pubrel{PacketID: id}).Append(nil, c.version))
}

// acknowledged takes PUBACK or PUBCOMP, the end of a message.
func (c *client) acknowledged(id uint16, q packet.QoS, code packet.ReasonCode) {
	at := c.find(id, q)
	if at < 0 || code.IsError() && code != packet.PacketIdentifierNotFound {
		c.ledger.violate("%s got an acknowledgement of %d with QoS %d: %v", c.id, id, q, code)
		return
	}
	if o := c.open[at]; q == packet.QoS1 {
		c.ledger.acknowledge(o.Message)
	} else if !o.received {
		c.ledger.violate("%s got PUBCOMP for %+v before PUBREC", c.id, o.Message)
	}
	c.open = slices.Delete(c.open, at, at+1)
	c.ledger.figures.open.Add(-1)
}
