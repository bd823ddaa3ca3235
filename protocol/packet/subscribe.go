package packet

import "bytes"

// SubscriptionOptions say how messages are to be delivered (section 3.8.3.1).
// In 3.1 and 3.1.1 there is nothing but QoS.
type SubscriptionOptions struct {
	QoS               QoS // the highest to deliver with
	NoLocal           bool
	RetainAsPublished bool
	RetainHandling    uint8 // 0: send retained, 1: if the Subscription is new, 2: do not
}

// TopicFilter is one Subscription asked for. Filter is UTF-8 without U+0000;
// whether it is a Topic Filter is not judged.
type TopicFilter struct {
	Filter []byte
	SubscriptionOptions
}

// Subscribe asks for Subscriptions (section 3.8).
type Subscribe struct {
	PacketID       uint16
	SubscriptionID uint32 // 0: absent
	UserProperties UserProperties
	Filters        []TopicFilter
}

// Decode reads a whole frame; slices are views into it, but the memory of
// Filters is used again by the next Decode.
// Errors: MalformedPacket, ProtocolError.
func (p *Subscribe) Decode(frame []byte, v Version) error {
	*p = Subscribe{Filters: p.Filters[:0]}
	c, err := open(frame, TypeSubscribe, v)
	if err != nil {
		return err
	}
	p.PacketID = c.packetID("MQTT-2.2.1-3")
	if v.hasProperties() {
		ps := c.properties(TypeSubscribe, subscribeProperties, 0)
		for id, ok := ps.next(); ok; id, ok = ps.next() {
			switch id {
			case subscriptionID:
				p.SubscriptionID = ps.subscriptionID()
			case userProperty:
				p.UserProperties = ps.userProperty(p.UserProperties)
			}
		}
		ps.done(&c)
	}
	if len(c.rest) == 0 && c.err == nil {
		return violation("MQTT-3.8.3-2", "SUBSCRIBE without a Topic Filter")
	}
	for len(c.rest) > 0 {
		filter := c.text("a Topic Filter")
		options := c.subscriptionOptions(v)
		if options.NoLocal && bytes.HasPrefix(filter, []byte("$share/")) {
			c.fail(violation("MQTT-3.8.3-4", "No Local on a Shared Subscription"))
		}
		p.Filters = append(p.Filters, TopicFilter{filter, options})
	}
	return c.close()
}

func (c *cursor) subscriptionOptions(v Version) SubscriptionOptions {
	b := c.byte("the Subscription Options")
	reserved := byte(0b1111_1100)
	if v.hasProperties() {
		reserved = 0b1100_0000
	}
	o := SubscriptionOptions{
		QoS:               QoS(b & 0b11),
		NoLocal:           b&0b0000_0100 != 0,
		RetainAsPublished: b&0b0000_1000 != 0,
		RetainHandling:    b >> 4 & 0b11,
	}
	switch {
	case b&reserved != 0:
		c.fail(malformed("MQTT-3.8.3-5", "Subscription Options %08b", b))
	case o.QoS > QoS2:
		c.fail(violation("", "Subscription with QoS 3"))
	case o.RetainHandling > 2:
		c.fail(violation("", "Subscription with Retain Handling 3"))
	}
	return o
}

// Append adds the frame to dst.
func (p *Subscribe) Append(dst []byte, v Version) []byte {
	at := len(dst) + 1
	dst = appendUint16(append(dst, byte(TypeSubscribe)<<4|TypeSubscribe.flags(), 0), p.PacketID)
	if v.hasProperties() {
		section := len(dst)
		dst = reserve(dst)
		if p.SubscriptionID != 0 {
			dst = appendVarint(append(dst, byte(subscriptionID)), p.SubscriptionID)
		}
		dst = seal(append(dst, p.UserProperties...), section)
	}
	for _, f := range p.Filters {
		dst = append(appendBinary(dst, f.Filter), f.SubscriptionOptions.encode(v))
	}
	return seal(dst, at)
}

func (o SubscriptionOptions) encode(v Version) byte {
	b := byte(o.QoS)
	if !v.hasProperties() {
		return b
	}
	if o.NoLocal {
		b |= 0b0000_0100
	}
	if o.RetainAsPublished {
		b |= 0b0000_1000
	}
	return b | o.RetainHandling<<4
}
