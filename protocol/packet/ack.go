package packet

// Ack is what PUBACK, PUBREC, PUBREL and PUBCOMP have in common: they answer a
// PUBLISH, or one another, by its Packet Identifier (sections 3.4 to 3.7).
type Ack struct {
	PacketID       uint16
	Code           ReasonCode // Success in 3.1 and 3.1.1
	ReasonString   []byte     // nil: absent
	UserProperties UserProperties
}

// Puback answers a PUBLISH with QoS 1 (section 3.4).
type Puback Ack

// Pubrec is the first answer to a PUBLISH with QoS 2 (section 3.5).
type Pubrec Ack

// Pubrel answers PUBREC (section 3.6).
type Pubrel Ack

// Pubcomp answers PUBREL (section 3.7).
type Pubcomp Ack

// Decode reads a whole frame; slices are views into it.
// Errors: MalformedPacket, ProtocolError.
func (p *Puback) Decode(frame []byte, v Version) error {
	return (*Ack)(p).decode(frame, v, TypePuback, "MQTT-3.4.2-1")
}

// Decode reads a whole frame; slices are views into it.
// Errors: MalformedPacket, ProtocolError.
func (p *Pubrec) Decode(frame []byte, v Version) error {
	return (*Ack)(p).decode(frame, v, TypePubrec, "MQTT-3.5.2-1")
}

// Decode reads a whole frame; slices are views into it.
// Errors: MalformedPacket, ProtocolError.
func (p *Pubrel) Decode(frame []byte, v Version) error {
	return (*Ack)(p).decode(frame, v, TypePubrel, "MQTT-3.6.2-1")
}

// Decode reads a whole frame; slices are views into it.
// Errors: MalformedPacket, ProtocolError.
func (p *Pubcomp) Decode(frame []byte, v Version) error {
	return (*Ack)(p).decode(frame, v, TypePubcomp, "MQTT-3.7.2-1")
}

// Append adds the frame to dst.
func (p *Puback) Append(dst []byte, v Version) []byte { return (*Ack)(p).append(dst, v, TypePuback) }

// Append adds the frame to dst.
func (p *Pubrec) Append(dst []byte, v Version) []byte { return (*Ack)(p).append(dst, v, TypePubrec) }

// Append adds the frame to dst.
func (p *Pubrel) Append(dst []byte, v Version) []byte { return (*Ack)(p).append(dst, v, TypePubrel) }

// Append adds the frame to dst.
func (p *Pubcomp) Append(dst []byte, v Version) []byte { return (*Ack)(p).append(dst, v, TypePubcomp) }

// decode reads any of the four. In 5.0 the Reason Code may be missing when it
// is Success, and the Property Length when there are no properties.
func (p *Ack) decode(frame []byte, v Version, t Type, codes string) error {
	*p = Ack{}
	c, err := open(frame, t, v)
	if err != nil {
		return err
	}
	p.PacketID = c.packetID("MQTT-2.2.1-5")
	if v.hasProperties() && len(c.rest) > 0 {
		p.Code = c.reasonCode(t, codes)
		if len(c.rest) > 0 {
			p.ReasonString, p.UserProperties = c.reasonProperties(t)
		}
	}
	return c.close()
}

func (p *Ack) append(dst []byte, v Version, t Type) []byte {
	first := byte(t)<<4 | t.flags()
	if !v.hasProperties() || p.Code == Success && p.ReasonString == nil && len(p.UserProperties) == 0 {
		return append(dst, first, 2, byte(p.PacketID>>8), byte(p.PacketID))
	}
	if p.ReasonString == nil && len(p.UserProperties) == 0 {
		return append(dst, first, 3, byte(p.PacketID>>8), byte(p.PacketID), byte(p.Code))
	}
	at := len(dst) + 1
	dst = append(dst, first, 0, byte(p.PacketID>>8), byte(p.PacketID), byte(p.Code))
	dst = appendReasonProperties(dst, p.ReasonString, p.UserProperties)
	return seal(dst, at)
}

// reasonCode reads a Reason Code of those that the packet may carry, as the
// statement says.
func (c *cursor) reasonCode(t Type, statement string) ReasonCode {
	code := ReasonCode(c.byte("the Reason Code"))
	if c.err == nil && !t.Allows(code) {
		c.fail(violation(statement, "%v with Reason Code 0x%02X", t, uint8(code)))
	}
	return code
}

// reasonProperties reads a section with nothing but a Reason String and User
// Properties.
func (c *cursor) reasonProperties(t Type) (reason []byte, user UserProperties) {
	ps := c.properties(t, reasonProperties, 0)
	for id, ok := ps.next(); ok; id, ok = ps.next() {
		switch id {
		case reasonString:
			reason = ps.text(id.String())
		case userProperty:
			user = ps.userProperty(user)
		}
	}
	ps.done(c)
	return reason, user
}

func appendReasonProperties(dst, reason []byte, user UserProperties) []byte {
	at := len(dst)
	dst = appendBinaryProperty(reserve(dst), reasonString, reason)
	return seal(append(dst, user...), at)
}
