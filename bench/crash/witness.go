package main

import (
	"bytes"
	"slices"

	"github.com/troupemq/troupe/bench/internal/message"
	"github.com/troupemq/troupe/protocol/packet"
)

// speak notes a packet that the library is about to send.
func (c *client) speak(frame []byte) {
	var err error
	switch packet.Type(frame[0] >> 4) {
	case packet.TypeConnect:
		var p packet.Connect
		if err = p.Decode(frame); err == nil {
			c.connecting(p.CleanStart)
		}
	case packet.TypePublish:
		var p packet.Publish
		if err = p.Decode(frame, c.version); err == nil {
			c.publishing(&p)
		}
	case packet.TypeSubscribe:
		var p packet.Subscribe
		if err = p.Decode(frame, c.version); err == nil {
			for _, f := range p.Filters {
				c.asks(p.PacketID, string(f.Filter))
				c.about(string(f.Filter), func(in *inbox, filter string) { c.ledger.subscribing(in, filter, f.QoS) })
			}
		}
	case packet.TypeUnsubscribe:
		var p packet.Unsubscribe
		if err = p.Decode(frame, c.version); err == nil {
			for _, f := range p.Filters {
				c.asks(p.PacketID, string(f))
				c.about(string(f), c.ledger.unsubscribing)
			}
		}
	}
	if err != nil {
		c.ledger.violate(broken, "%s sends what cannot be read: %v", c.id, err)
	}
}

// about names the inbox that a filter fills, if this client tells of it.
func (c *client) about(filter string, tell func(*inbox, string)) {
	if plain(filter) == filter {
		tell(c.own, filter)
	} else if c.leads {
		tell(c.group, filter)
	}
}

func (c *client) asks(id uint16, filter string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked[id] = append(c.asked[id], filter)
}

func (c *client) connecting(cleanStart bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.asked)
	c.expected = c.present
	if cleanStart || c.fleeting {
		c.expected = denied
	}
	if cleanStart {
		c.ledger.ending(c.own)
	}
	if c.expected == denied {
		c.present = unknown // until CONNACK: a crash may come first
	}
}

// publishing finds out which message it is: one that the library sends again, or
// the next of those that were said.
func (c *client) publishing(p *packet.Publish) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o := c.sent[p.PacketID]; o != nil && bytes.Equal(o.payload, p.Payload) {
		c.ledger.repeat(o.Message)
		return
	}
	if len(c.queue) == 0 || !bytes.Equal(c.queue[0].payload, p.Payload) || string(p.Topic) != topicName(c.ledger.root, c.queue[0].Stream) {
		c.ledger.violate(broken, "%s sends with Packet Identifier %d at %q what it was not asked to", c.id, p.PacketID, p.Topic)
		return
	}
	c.sent[p.PacketID] = c.queue[0]
	c.queue = slices.Delete(c.queue, 0, 1)
}

// hear notes a packet of the broker before the library gets it.
func (c *client) hear(frame []byte) {
	var err error
	switch t := packet.Type(frame[0] >> 4); t {
	case packet.TypeConnack:
		var p packet.Connack
		if err = p.Decode(frame, c.version); err == nil && p.Code == packet.Success {
			c.connected(p.SessionPresent)
		}
	case packet.TypePublish:
		var p packet.Publish
		if err = p.Decode(frame, c.version); err == nil {
			c.receive(&p)
		}
	case packet.TypePuback:
		var p packet.Puback
		if err = p.Decode(frame, c.version); err == nil {
			c.answered(t, p.PacketID, p.Code, true)
		}
	case packet.TypePubrec:
		var p packet.Pubrec
		if err = p.Decode(frame, c.version); err == nil {
			c.peer.recorded(p.PacketID)
			c.answered(t, p.PacketID, p.Code, p.Code.IsError())
		}
	case packet.TypePubcomp:
		var p packet.Pubcomp
		if err = p.Decode(frame, c.version); err == nil {
			if p.Code == packet.PacketIdentifierNotFound {
				p.Code = packet.Success // to a PUBREL that was sent again
			}
			c.answered(t, p.PacketID, p.Code, true)
		}
	case packet.TypePubrel:
		var p packet.Pubrel
		if err = p.Decode(frame, c.version); err == nil {
			c.mu.Lock()
			delete(c.received, p.PacketID)
			c.mu.Unlock()
		}
	case packet.TypeSuback:
		var p packet.Suback
		if err = p.Decode(frame, c.version); err == nil {
			c.granted(p.PacketID, p.Codes, c.ledger.subscribed)
		}
	case packet.TypeUnsuback:
		var p packet.Unsuback
		if err = p.Decode(frame, c.version); err == nil {
			c.granted(p.PacketID, p.Codes, c.ledger.unsubscribed)
		}
	case packet.TypeDisconnect:
		if !c.ledger.isDown() {
			var p packet.Disconnect
			if err = p.Decode(frame, c.version); err == nil {
				c.ledger.violate(cut, "%s was sent away: %v: %s", c.id, p.Code, p.ReasonString)
			}
		}
	}
	if err != nil {
		c.ledger.violate(broken, "%s got what cannot be read: %v", c.id, err)
	}
}

// connected judges Session Present, and starts anew if there is none.
func (c *client) connected(present bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.expected != unknown && present != (c.expected == granted) {
		c.ledger.violate(sessions, "%s: Session Present is %v, not %v", c.id, present, !present)
	}
	c.present, c.resumed = granted, present
	if !present {
		c.ledger.end(c.own)
		if c.leads {
			c.ledger.end(c.group)
		}
		clear(c.received)
		if c.version == packet.V5 { // its library forgets, that of 3.1.1 sends again
			c.forget()
		}
	}
	c.ledger.enter(c.own, present)
	if c.group != nil {
		c.ledger.enter(c.group, present)
	}
}

// forget gives up on all that is open.
func (c *client) forget() {
	for _, o := range c.sent {
		c.ledger.complete(o.Message)
	}
	for _, o := range c.queue {
		c.ledger.complete(o.Message)
	}
	c.queue = nil
	clear(c.sent)
	c.open.Store(0)
}

// answered takes PUBACK, PUBREC or PUBCOMP, each of which says that the broker
// has the message.
func (c *client) answered(t packet.Type, id uint16, code packet.ReasonCode, last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.sent[id]
	switch {
	case o == nil:
		c.ledger.violate(broken, "%s got %v for Packet Identifier %d, which is not in use", c.id, t, id)
		return
	case (t == packet.TypePuback) != (o.QoS == packet.QoS1):
		c.ledger.violate(broken, "%s got %v for %s", c.id, t, o.Message)
		return
	case code.IsError():
		c.ledger.violate(refused, "%s got %v with %v for %s", c.id, t, code, o.Message)
	default:
		c.ledger.acknowledge(o.Message)
	}
	if last {
		delete(c.sent, id)
		c.ledger.complete(o.Message)
		c.open.Add(-1)
	}
}

// granted takes SUBACK or UNSUBACK. In 3.1.1 the latter has no codes.
func (c *client) granted(id uint16, codes []packet.ReasonCode, tell func(*inbox, string)) {
	c.mu.Lock()
	filters := c.asked[id]
	delete(c.asked, id)
	c.mu.Unlock()
	for i, f := range filters {
		if i < len(codes) && codes[i].IsError() {
			c.ledger.violate(refused, "%s asked for a change of its subscription to %s and got %v", c.id, f, codes[i])
			continue
		}
		c.about(f, tell)
	}
}

// receive takes a message. What comes again before PUBREL is the same message,
// which libraries see more than once.
func (c *client) receive(p *packet.Publish) {
	if c.reading != nil && !p.Retain {
		return // said after the reading began
	}
	m, err := message.Parse(p.Payload, c.ledger.clients, topics)
	if err != nil {
		c.ledger.violate(broken, "%s got at %q: %v", c.id, p.Topic, err)
		return
	}
	if c.reading != nil {
		c.ledger.find(c.reading, string(p.Topic), m)
		return
	}
	if p.QoS == packet.QoS2 {
		c.mu.Lock()
		before, again := c.received[p.PacketID]
		c.received[p.PacketID] = m
		c.mu.Unlock()
		if again && before == m {
			return
		}
		if again {
			c.ledger.violate(broken, "%s got %s with Packet Identifier %d, which is in use for %s", c.id, m, p.PacketID, before)
		}
	}
	in := c.own
	if m.Topic == sharedTopic && c.group != nil {
		in = c.group
	}
	c.ledger.arrive(in, string(p.Topic), m, p.QoS)
}
