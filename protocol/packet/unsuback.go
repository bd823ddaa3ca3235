package packet

// Unsuback answers UNSUBSCRIBE with one Reason Code for each Topic Filter, in
// order; in 3.1 and 3.1.1 there are no codes (section 3.11).
type Unsuback struct {
	PacketID       uint16
	ReasonString   []byte // nil: absent
	UserProperties UserProperties
	Codes          []ReasonCode
}

// Decode reads a whole frame; slices are views into it, but the memory of Codes
// is used again by the next Decode. Errors: MalformedPacket, ProtocolError.
func (p *Unsuback) Decode(frame []byte, v Version) error {
	*p = Unsuback{Codes: p.Codes[:0]}
	c, err := open(frame, TypeUnsuback, v)
	if err != nil {
		return err
	}
	p.PacketID = c.packetID("MQTT-2.2.1-6")
	if !v.hasProperties() {
		return c.close()
	}
	p.ReasonString, p.UserProperties = c.reasonProperties(TypeUnsuback)
	if len(c.rest) == 0 && c.err == nil {
		return violation("MQTT-3.11.3-1", "UNSUBACK without a Reason Code")
	}
	for len(c.rest) > 0 {
		p.Codes = append(p.Codes, c.reasonCode(TypeUnsuback, "MQTT-3.11.3-2"))
	}
	return c.close()
}

// Append adds the frame to dst.
func (p *Unsuback) Append(dst []byte, v Version) []byte {
	at := len(dst) + 1
	dst = appendUint16(append(dst, byte(TypeUnsuback)<<4, 0), p.PacketID)
	if !v.hasProperties() {
		return seal(dst, at)
	}
	dst = appendReasonProperties(dst, p.ReasonString, p.UserProperties)
	for _, code := range p.Codes {
		dst = append(dst, byte(code))
	}
	return seal(dst, at)
}
