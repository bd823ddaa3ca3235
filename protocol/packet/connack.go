package packet

// Connack answers CONNECT (section 3.2). The zero value accepts and grants what
// a Server grants by default.
type Connack struct {
	SessionPresent bool
	Code           ReasonCode

	HasSessionExpiry           bool
	HasMaximumQoS              bool // false: QoS 2
	HasServerKeepAlive         bool
	RetainUnavailable          bool
	WildcardUnavailable        bool
	SubscriptionIDsUnavailable bool
	SharedUnavailable          bool
	MaximumQoS                 QoS    // 0 or 1
	ServerKeepAlive            uint16 // seconds
	ReceiveMaximum             uint16 // 0: absent, which means 65,535
	TopicAliasMaximum          uint16 // 0 when absent
	SessionExpiry              uint32 // seconds; 0xFFFFFFFF: never
	MaximumPacketSize          uint32 // bytes; 0: absent, no limit
	AssignedClientID           []byte // nil: absent
	ReasonString               []byte // nil: absent
	ResponseInformation        []byte // nil: absent
	ServerReference            []byte // nil: absent
	AuthMethod                 []byte // nil: absent
	AuthData                   []byte // nil: absent
	UserProperties             UserProperties
}

// Decode reads a whole frame; slices are views into it. Return codes of 3.1 and
// 3.1.1 become the Reason Codes of the same meaning.
// Errors: MalformedPacket, ProtocolError.
func (p *Connack) Decode(frame []byte, v Version) error {
	*p = Connack{}
	c, err := open(frame, TypeConnack, v)
	if err != nil {
		return err
	}
	flags := c.byte("the Connect Acknowledge Flags")
	switch {
	case v == V31: // the byte is reserved and says nothing
	case flags > 1:
		c.fail(malformed("MQTT-3.2.2-1", "Connect Acknowledge Flags %08b", flags))
	default:
		p.SessionPresent = flags == 1
	}
	if v.hasProperties() {
		p.Code = c.reasonCode(TypeConnack, "MQTT-3.2.2-8")
		p.decodeProperties(&c)
	} else {
		p.Code = c.returnCode()
	}
	if p.SessionPresent && p.Code != Success {
		c.fail(violation("MQTT-3.2.2-6", "Session Present with %v", p.Code))
	}
	return c.close()
}

func (p *Connack) decodeProperties(c *cursor) {
	ps := c.properties(TypeConnack, connackProperties, 0)
	for id, ok := ps.next(); ok; id, ok = ps.next() {
		switch id {
		case sessionExpiry:
			p.SessionExpiry, p.HasSessionExpiry = ps.uint32(id.String()), true
		case receiveMaximum:
			p.ReceiveMaximum = ps.positive16(id)
		case maximumQoS:
			p.HasMaximumQoS = true
			if ps.flag(id) {
				p.MaximumQoS = QoS1
			}
		case retainAvailable:
			p.RetainUnavailable = !ps.flag(id)
		case maximumPacketSize:
			p.MaximumPacketSize = ps.positive32(id)
		case assignedClientID:
			p.AssignedClientID = ps.text(id.String())
		case topicAliasMaximum:
			p.TopicAliasMaximum = ps.uint16(id.String())
		case reasonString:
			p.ReasonString = ps.text(id.String())
		case wildcardAvailable:
			p.WildcardUnavailable = !ps.flag(id)
		case subscriptionIDAvailable:
			p.SubscriptionIDsUnavailable = !ps.flag(id)
		case sharedAvailable:
			p.SharedUnavailable = !ps.flag(id)
		case serverKeepAlive:
			p.ServerKeepAlive, p.HasServerKeepAlive = ps.uint16(id.String()), true
		case responseInformation:
			p.ResponseInformation = ps.text(id.String())
		case serverReference:
			p.ServerReference = ps.text(id.String())
		case authMethod:
			p.AuthMethod = ps.text(id.String())
		case authData:
			p.AuthData = ps.binary(id.String())
		case userProperty:
			p.UserProperties = ps.userProperty(p.UserProperties)
		}
	}
	ps.done(c)
}

// Append adds the frame to dst. In 3.1 and 3.1.1 a Reason Code is translated as
// [ReasonCode.ReturnCode] says, to "server unavailable" if there is none.
func (p *Connack) Append(dst []byte, v Version) []byte {
	present := byte(0)
	if p.SessionPresent && v != V31 {
		present = 1
	}
	if !v.hasProperties() {
		code, ok := p.Code.ReturnCode()
		if !ok {
			code, _ = ServerUnavailable.ReturnCode()
		}
		return append(dst, byte(TypeConnack)<<4, 2, present, code)
	}
	at := len(dst) + 1
	dst = append(dst, byte(TypeConnack)<<4, 0, present, byte(p.Code))
	return seal(p.appendProperties(dst), at)
}

func (p *Connack) appendProperties(dst []byte) []byte {
	at := len(dst)
	dst = reserve(dst)
	if p.HasSessionExpiry {
		dst = appendUint32Property(dst, sessionExpiry, p.SessionExpiry)
	}
	dst = appendBinaryProperty(dst, assignedClientID, p.AssignedClientID)
	if p.HasServerKeepAlive {
		dst = appendUint16Property(dst, serverKeepAlive, p.ServerKeepAlive)
	}
	dst = appendBinaryProperty(dst, authMethod, p.AuthMethod)
	dst = appendBinaryProperty(dst, authData, p.AuthData)
	dst = appendBinaryProperty(dst, responseInformation, p.ResponseInformation)
	dst = appendBinaryProperty(dst, serverReference, p.ServerReference)
	dst = appendBinaryProperty(dst, reasonString, p.ReasonString)
	if p.ReceiveMaximum != 0 {
		dst = appendUint16Property(dst, receiveMaximum, p.ReceiveMaximum)
	}
	if p.TopicAliasMaximum != 0 {
		dst = appendUint16Property(dst, topicAliasMaximum, p.TopicAliasMaximum)
	}
	if p.HasMaximumQoS {
		dst = appendFlagProperty(dst, maximumQoS, p.MaximumQoS != QoS0)
	}
	if p.RetainUnavailable {
		dst = appendFlagProperty(dst, retainAvailable, false)
	}
	if p.MaximumPacketSize != 0 {
		dst = appendUint32Property(dst, maximumPacketSize, p.MaximumPacketSize)
	}
	if p.WildcardUnavailable {
		dst = appendFlagProperty(dst, wildcardAvailable, false)
	}
	if p.SubscriptionIDsUnavailable {
		dst = appendFlagProperty(dst, subscriptionIDAvailable, false)
	}
	if p.SharedUnavailable {
		dst = appendFlagProperty(dst, sharedAvailable, false)
	}
	return seal(append(dst, p.UserProperties...), at)
}
