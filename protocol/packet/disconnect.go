package packet

// Disconnect is the last packet on a Network Connection (section 3.14). In 3.1
// and 3.1.1 only a Client sends it and it has no content.
type Disconnect struct {
	Code             ReasonCode // Success: normal disconnection
	HasSessionExpiry bool       // a Server never sends it [MQTT-3.14.2-2]
	SessionExpiry    uint32     // seconds; 0xFFFFFFFF: never
	ReasonString     []byte     // nil: absent
	ServerReference  []byte     // nil: absent
	UserProperties   UserProperties
}

// Decode reads a whole frame; slices are views into it.
// Errors: MalformedPacket, ProtocolError.
func (p *Disconnect) Decode(frame []byte, v Version) error {
	*p = Disconnect{}
	c, err := open(frame, TypeDisconnect, v)
	if err != nil {
		return err
	}
	if !v.hasProperties() || len(c.rest) == 0 {
		return c.close()
	}
	p.Code = c.reasonCode(TypeDisconnect, "MQTT-3.14.2-1")
	if len(c.rest) == 0 {
		return c.close()
	}
	ps := c.properties(TypeDisconnect, disconnectProperties, 0)
	for id, ok := ps.next(); ok; id, ok = ps.next() {
		switch id {
		case sessionExpiry:
			p.SessionExpiry, p.HasSessionExpiry = ps.uint32(id.String()), true
		case reasonString:
			p.ReasonString = ps.text(id.String())
		case serverReference:
			p.ServerReference = ps.text(id.String())
		case userProperty:
			p.UserProperties = ps.userProperty(p.UserProperties)
		}
	}
	ps.done(&c)
	return c.close()
}

// Append adds the frame to dst.
func (p *Disconnect) Append(dst []byte, v Version) []byte {
	at := len(dst) + 1
	dst = append(dst, byte(TypeDisconnect)<<4, 0)
	bare := !p.HasSessionExpiry && p.ReasonString == nil && p.ServerReference == nil && len(p.UserProperties) == 0
	if !v.hasProperties() || bare && p.Code == Success {
		return dst
	}
	dst = append(dst, byte(p.Code))
	if bare {
		return seal(dst, at)
	}
	section := len(dst)
	dst = reserve(dst)
	if p.HasSessionExpiry {
		dst = appendUint32Property(dst, sessionExpiry, p.SessionExpiry)
	}
	dst = appendBinaryProperty(dst, serverReference, p.ServerReference)
	dst = appendBinaryProperty(dst, reasonString, p.ReasonString)
	return seal(seal(append(dst, p.UserProperties...), section), at)
}
