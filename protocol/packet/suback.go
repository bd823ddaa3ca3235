package packet

// Suback answers SUBSCRIBE with one Reason Code for each Topic Filter, in order
// (section 3.9).
type Suback struct {
	PacketID       uint16
	ReasonString   []byte // nil: absent
	UserProperties UserProperties
	Codes          []ReasonCode
}

// Decode reads a whole frame; slices are views into it, but the memory of Codes
// is used again by the next Decode. Errors: MalformedPacket, ProtocolError.
func (p *Suback) Decode(frame []byte, v Version) error {
	*p = Suback{Codes: p.Codes[:0]}
	c, err := open(frame, TypeSuback, v)
	if err != nil {
		return err
	}
	p.PacketID = c.packetID("MQTT-2.2.1-6")
	if v.hasProperties() {
		p.ReasonString, p.UserProperties = c.reasonProperties(TypeSuback)
	}
	if len(c.rest) == 0 && c.err == nil {
		return violation("MQTT-3.8.4-6", "SUBACK without a Reason Code")
	}
	for len(c.rest) > 0 {
		code := c.reasonCode(TypeSuback, "MQTT-3.9.3-2")
		if !v.hasProperties() && code > UnspecifiedError {
			c.fail(violation("MQTT-3.9.3-2", "SUBACK with return code 0x%02X", uint8(code)))
		}
		p.Codes = append(p.Codes, code)
	}
	return c.close()
}

// Append adds the frame to dst. All failures are 0x80 in 3.1 and 3.1.1.
func (p *Suback) Append(dst []byte, v Version) []byte {
	at := len(dst) + 1
	dst = appendUint16(append(dst, byte(TypeSuback)<<4, 0), p.PacketID)
	if v.hasProperties() {
		dst = appendReasonProperties(dst, p.ReasonString, p.UserProperties)
	}
	for _, code := range p.Codes {
		if code.IsError() && !v.hasProperties() {
			code = UnspecifiedError
		}
		dst = append(dst, byte(code))
	}
	return seal(dst, at)
}
