package actortest

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/troupemq/troupe/protocol/packet"
)

// Client is the reference of a Client: it keeps the state of a Session as the
// specification tells Clients to, over any number of connections, and says when
// the Server breaks a rule. Bytes go in and come out; it knows no network.
//
// Acknowledgements are not sent at once: they wait until [Client.Answer].
type Client struct {
	Version packet.Version

	connect  *packet.Connect // of this connection
	kept     bool            // the Server keeps the Session beyond the connection
	nextID   uint16
	unacked  []*Outgoing         // in the order of sending
	received map[uint16]struct{} // QoS 2 that was received and not released
	waiting  map[uint16]any      // *packet.Subscribe and *packet.Unsubscribe of this connection

	accepted bool
	ended    bool // the Server said DISCONNECT
	partial  []byte
	aliases  map[uint16][]byte
	window   int // messages that the Server takes unacknowledged
	open     map[uint16]packet.QoS
	answers  []answer
}

// Outgoing is a message of the Client that the Server has not acknowledged.
type Outgoing struct {
	Message  packet.Publish
	Tag      any  // the owner's
	released bool // PUBREC came
}

// answer is an acknowledgement that is due.
type answer struct {
	frame []byte
	id    uint16 // of the message that it ends for the Receive Maximum, else 0
}

// What Receive reports, in the order of the packets.
type (
	// Accepted is a CONNACK.
	Accepted struct {
		packet.Connack
		Present bool        // the Session of before goes on
		Lost    []*Outgoing // given up, since the Server has not kept the Session
		Resend  []byte      // to be sent at once
	}
	// Delivered is a message, reported once if QoS is 2.
	Delivered struct{ packet.Publish }
	// Acknowledged is the Server's taking over a message: PUBACK or PUBREC.
	Acknowledged struct {
		*Outgoing
		Code packet.ReasonCode
	}
	// Subscribed answers a SUBSCRIBE.
	Subscribed struct {
		*packet.Subscribe
		Codes []packet.ReasonCode
	}
	// Unsubscribed answers an UNSUBSCRIBE.
	Unsubscribed struct{ *packet.Unsubscribe }
	// Pong answers a PINGREQ.
	Pong struct{}
	// Disconnected is the Server's DISCONNECT.
	Disconnected struct{ Code packet.ReasonCode }
)

// Connect begins a connection. With Clean Start the state of before is
// forgotten; what was not acknowledged is returned.
func (c *Client) Connect(p *packet.Connect) (frame []byte, lost []*Outgoing) {
	if p.CleanStart || !c.kept {
		lost = c.Forget()
	}
	c.connect, c.kept = p, !p.CleanStart
	if c.Version == packet.V5 {
		c.kept = p.SessionExpiry > 0
	}
	c.waiting, c.aliases, c.open = make(map[uint16]any), make(map[uint16][]byte), make(map[uint16]packet.QoS)
	c.partial, c.answers = nil, nil
	c.accepted, c.ended = false, false
	c.window = 65535
	return p.Append(nil), lost
}

// Forget gives up the state of the Session: what was not acknowledged is returned.
func (c *Client) Forget() (lost []*Outgoing) {
	lost, c.unacked = c.unacked, nil
	c.received = make(map[uint16]struct{})
	return lost
}

// Rewind forgets which messages of QoS 2 came: a Server that has lost its last
// steps may send them again, or use their Packet Identifiers for others.
func (c *Client) Rewind() { c.received = make(map[uint16]struct{}) }

// Room is how many messages of QoS 1 and 2 may be published now.
func (c *Client) Room() int { return c.window - len(c.unacked) }

// Unacked is how many messages the Server has not acknowledged for good.
func (c *Client) Unacked() int { return len(c.unacked) }

// Owes is how many acknowledgements wait for Answer.
func (c *Client) Owes() int { return len(c.answers) }

// Publish sends a message; tag comes back with what becomes of it. There must be Room.
func (c *Client) Publish(p packet.Publish, tag any) []byte {
	if p.QoS > packet.QoS0 {
		p.PacketID = c.id()
		c.unacked = append(c.unacked, &Outgoing{Message: p, Tag: tag})
	}
	return p.Append(nil, c.Version)
}

// Subscribe sends SUBSCRIBE.
func (c *Client) Subscribe(p *packet.Subscribe) []byte {
	p.PacketID = c.id()
	c.waiting[p.PacketID] = p
	return p.Append(nil, c.Version)
}

// Unsubscribe sends UNSUBSCRIBE.
func (c *Client) Unsubscribe(p *packet.Unsubscribe) []byte {
	p.PacketID = c.id()
	c.waiting[p.PacketID] = p
	return p.Append(nil, c.Version)
}

// id finds a Packet Identifier that is not in use.
func (c *Client) id() uint16 {
	for {
		c.nextID++
		_, taken := c.waiting[c.nextID]
		taken = taken || slices.ContainsFunc(c.unacked, func(o *Outgoing) bool { return o.Message.PacketID == c.nextID })
		if c.nextID != 0 && !taken {
			return c.nextID
		}
	}
}

// Answer gives the first n acknowledgements that are due.
func (c *Client) Answer(n int) (frames []byte) {
	n = min(n, len(c.answers))
	for _, a := range c.answers[:n] {
		frames = append(frames, a.frame...)
		if a.id != 0 {
			delete(c.open, a.id)
		}
	}
	c.answers = c.answers[n:]
	return frames
}

// Receive takes bytes of the Server. The error is a rule that the Server broke.
func (c *Client) Receive(b []byte) (events []any, err error) {
	c.partial = append(c.partial, b...)
	for {
		h, ok, err := packet.ReadHeader(c.partial, 0)
		if err != nil || !ok || h.FrameSize() > len(c.partial) {
			return events, err
		}
		frame := bytes.Clone(c.partial[:h.FrameSize()])
		c.partial = c.partial[h.FrameSize():]
		event, err := c.packet(h.Type, frame)
		if err != nil {
			return events, err
		}
		if event != nil {
			events = append(events, event)
		}
	}
}

func (c *Client) packet(t packet.Type, frame []byte) (event any, err error) {
	switch {
	case c.ended:
		return nil, fmt.Errorf("%v after DISCONNECT", t)
	case c.accepted == (t == packet.TypeConnack) && t != packet.TypeDisconnect:
		return nil, fmt.Errorf("%v out of turn", t)
	case c.connect.MaximumPacketSize != 0 && len(frame) > int(c.connect.MaximumPacketSize):
		return nil, fmt.Errorf("%v of %d bytes is above the Maximum Packet Size", t, len(frame))
	}
	switch t {
	case packet.TypeConnack:
		return c.connack(frame)
	case packet.TypePublish:
		return c.publish(frame)
	case packet.TypePuback, packet.TypePubrec, packet.TypePubcomp:
		return c.acknowledged(t, frame)
	case packet.TypePubrel:
		var p packet.Pubrel
		if err := p.Decode(frame, c.Version); err != nil {
			return nil, err
		}
		delete(c.received, p.PacketID)
		comp := packet.Pubcomp{PacketID: p.PacketID}
		c.answers = append(c.answers, answer{comp.Append(nil, c.Version), p.PacketID})
		return nil, nil
	case packet.TypeSuback:
		var p packet.Suback
		if err := p.Decode(frame, c.Version); err != nil {
			return nil, err
		}
		asked, ok := c.waiting[p.PacketID].(*packet.Subscribe)
		if !ok || len(asked.Filters) != len(p.Codes) {
			return nil, fmt.Errorf("SUBACK %d with %d codes does not answer a SUBSCRIBE", p.PacketID, len(p.Codes))
		}
		delete(c.waiting, p.PacketID)
		return Subscribed{asked, p.Codes}, nil
	case packet.TypeUnsuback:
		var p packet.Unsuback
		if err := p.Decode(frame, c.Version); err != nil {
			return nil, err
		}
		asked, ok := c.waiting[p.PacketID].(*packet.Unsubscribe)
		if !ok || c.Version == packet.V5 && len(asked.Filters) != len(p.Codes) {
			return nil, fmt.Errorf("UNSUBACK %d with %d codes does not answer an UNSUBSCRIBE", p.PacketID, len(p.Codes))
		}
		delete(c.waiting, p.PacketID)
		return Unsubscribed{asked}, nil
	case packet.TypePingresp:
		return Pong{}, nil
	case packet.TypeDisconnect:
		var p packet.Disconnect
		if c.Version != packet.V5 {
			return nil, fmt.Errorf("DISCONNECT to a Client of %v", c.Version)
		}
		c.ended = true
		err := p.Decode(frame, c.Version)
		return Disconnected{p.Code}, err
	default:
		return nil, fmt.Errorf("%v from a Server", t)
	}
}

func (c *Client) connack(frame []byte) (any, error) {
	var p packet.Connack
	if err := p.Decode(frame, c.Version); err != nil {
		return nil, err
	}
	e := Accepted{Connack: p, Present: p.SessionPresent}
	if p.Code != packet.Success {
		return e, nil
	}
	c.accepted = true
	if c.Version == packet.V31 { // it does not say
		e.Present = !c.connect.CleanStart
	}
	if c.Version == packet.V5 && p.ReceiveMaximum != 0 {
		c.window = int(p.ReceiveMaximum)
	}
	if !e.Present {
		e.Lost = c.Forget()
		return e, nil
	}
	for _, o := range c.unacked { // [MQTT-4.4.0-1]
		if o.released {
			e.Resend = (&packet.Pubrel{PacketID: o.Message.PacketID}).Append(e.Resend, c.Version)
			continue
		}
		again := o.Message
		again.Dup = true
		e.Resend = again.Append(e.Resend, c.Version)
	}
	return e, nil
}

func (c *Client) publish(frame []byte) (any, error) {
	var p packet.Publish
	if err := p.Decode(frame, c.Version); err != nil {
		return nil, err
	}
	if p.TopicAlias != 0 {
		if p.TopicAlias > c.connect.TopicAliasMaximum {
			return nil, fmt.Errorf("topic alias %d is above the maximum", p.TopicAlias)
		}
		if len(p.Topic) > 0 {
			c.aliases[p.TopicAlias] = p.Topic
		}
		p.Topic = c.aliases[p.TopicAlias]
	}
	if len(p.Topic) == 0 {
		return nil, fmt.Errorf("PUBLISH without a topic, alias %d", p.TopicAlias)
	}
	if p.QoS == packet.QoS0 {
		return Delivered{p}, nil
	}
	if _, used := c.open[p.PacketID]; used {
		return nil, fmt.Errorf("packet identifier %d is used again", p.PacketID)
	}
	c.open[p.PacketID] = p.QoS
	if limit := int(c.connect.ReceiveMaximum); limit != 0 && len(c.open) > limit {
		return nil, fmt.Errorf("%d messages in flight with a Receive Maximum of %d", len(c.open), limit)
	}
	if p.QoS == packet.QoS1 {
		ack := packet.Puback{PacketID: p.PacketID}
		c.answers = append(c.answers, answer{ack.Append(nil, c.Version), p.PacketID})
		return Delivered{p}, nil
	}
	rec := packet.Pubrec{PacketID: p.PacketID}
	c.answers = append(c.answers, answer{rec.Append(nil, c.Version), 0})
	if _, known := c.received[p.PacketID]; known {
		if !p.Dup {
			return nil, fmt.Errorf("packet identifier %d is used for a new message before PUBREL", p.PacketID)
		}
		return nil, nil
	}
	c.received[p.PacketID] = struct{}{}
	return Delivered{p}, nil
}

func (c *Client) acknowledged(t packet.Type, frame []byte) (any, error) {
	var p packet.Ack
	var err error
	switch t {
	case packet.TypePuback:
		err = (*packet.Puback)(&p).Decode(frame, c.Version)
	case packet.TypePubrec:
		err = (*packet.Pubrec)(&p).Decode(frame, c.Version)
	default:
		err = (*packet.Pubcomp)(&p).Decode(frame, c.Version)
	}
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(c.unacked, func(o *Outgoing) bool { return o.Message.PacketID == p.PacketID })
	if at < 0 {
		return nil, fmt.Errorf("%v %d for no message", t, p.PacketID)
	}
	o := c.unacked[at]
	if (o.Message.QoS == packet.QoS1) != (t == packet.TypePuback) || t == packet.TypePubcomp && !o.released {
		return nil, fmt.Errorf("%v %d does not fit its message", t, p.PacketID)
	}
	if t != packet.TypePubrec || p.Code.IsError() {
		c.unacked = slices.Delete(c.unacked, at, at+1)
		if t == packet.TypePubcomp {
			return nil, nil
		}
		return Acknowledged{o, p.Code}, nil
	}
	rel := packet.Pubrel{PacketID: p.PacketID}
	c.answers = append(c.answers, answer{rel.Append(nil, c.Version), 0})
	if o.released {
		return nil, nil
	}
	o.released = true
	return Acknowledged{o, p.Code}, nil
}
