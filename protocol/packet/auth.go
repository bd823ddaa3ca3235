package packet

// Auth is one step of an authentication exchange (section 3.15). It exists in
// 5.0 only.
type Auth struct {
	Code           ReasonCode // Success, ContinueAuthentication or Reauthenticate
	AuthMethod     []byte     // nil: absent, which is right only with Success and nothing else
	AuthData       []byte     // nil: absent
	ReasonString   []byte     // nil: absent
	UserProperties UserProperties
}

// Decode reads a whole frame; slices are views into it.
// Errors: MalformedPacket, ProtocolError.
func (p *Auth) Decode(frame []byte, v Version) error {
	*p = Auth{}
	c, err := open(frame, TypeAuth, v)
	if err != nil {
		return err
	}
	if !v.hasProperties() {
		return violation("", "AUTH does not exist in MQTT %v", v)
	}
	if len(c.rest) == 0 {
		return nil
	}
	p.Code = c.reasonCode(TypeAuth, "MQTT-3.15.2-1")
	ps := c.properties(TypeAuth, authProperties, 0)
	for id, ok := ps.next(); ok; id, ok = ps.next() {
		switch id {
		case authMethod:
			p.AuthMethod = ps.text(id.String())
		case authData:
			p.AuthData = ps.binary(id.String())
		case reasonString:
			p.ReasonString = ps.text(id.String())
		case userProperty:
			p.UserProperties = ps.userProperty(p.UserProperties)
		}
	}
	ps.done(&c)
	if p.AuthMethod == nil {
		c.fail(violation("", "AUTH without an Authentication Method"))
	}
	return c.close()
}

// Append adds the frame to dst. Versions before 5.0 have no such packet: dst
// comes back as it was.
func (p *Auth) Append(dst []byte, v Version) []byte {
	if !v.hasProperties() {
		return dst
	}
	at := len(dst) + 1
	dst = append(dst, byte(TypeAuth)<<4, 0)
	if p.Code == Success && p.AuthMethod == nil && p.AuthData == nil && p.ReasonString == nil && len(p.UserProperties) == 0 {
		return dst
	}
	dst = append(dst, byte(p.Code))
	section := len(dst)
	dst = appendBinaryProperty(reserve(dst), authMethod, p.AuthMethod)
	dst = appendBinaryProperty(dst, authData, p.AuthData)
	dst = appendBinaryProperty(dst, reasonString, p.ReasonString)
	return seal(seal(append(dst, p.UserProperties...), section), at)
}
