package packet

import "slices"

// Connect opens a Session (section 3.1). The zero value asks for no problem
// information; the protocol's default is to ask for it.
type Connect struct {
	// Version is the layout of the packet itself. After a Decode that failed it
	// is the version to answer in, and 0 when what came is no MQTT at all and
	// gets no answer.
	Version    Version
	CleanStart bool   // Clean Session in 3.1 and 3.1.1
	Bridge     bool   // the Client is another broker's bridge, which 3.1 and 3.1.1 have no word for: the top bit of the level
	KeepAlive  uint16 // seconds, 0: none
	ClientID   []byte // empty: to be assigned
	Will       *Will  // nil: none
	Username   []byte // nil: absent
	Password   []byte // nil: absent

	HasSessionExpiry           bool
	RequestResponseInformation bool
	RequestProblemInformation  bool   // true when absent
	SessionExpiry              uint32 // seconds; 0xFFFFFFFF: never
	ReceiveMaximum             uint16 // 0: absent, which means 65,535
	TopicAliasMaximum          uint16 // 0 when absent
	MaximumPacketSize          uint32 // bytes; 0: absent, no limit
	AuthMethod                 []byte // nil: absent
	AuthData                   []byte // nil: absent
	UserProperties             UserProperties
}

// flags of CONNECT (section 3.1.2.3).
const (
	connectReserved   = 1 << 0
	connectCleanStart = 1 << 1
	connectWill       = 1 << 2
	connectWillQoS    = 3 << 3
	connectWillRetain = 1 << 5
	connectPassword   = 1 << 6
	connectUsername   = 1 << 7
)

// levelBridge is set in the Protocol Level by bridges that want nothing back of
// what they send: a convention between brokers, from before there was No Local.
const levelBridge = 0x80

// Decode reads a whole frame of any version; slices are views into it.
//
// Errors: MalformedPacket, ProtocolError, UnsupportedProtocolVersion for a
// level that the package does not speak, ClientIdentifierNotValid for an empty
// Client Identifier where the version or Clean Session forbids it. See Version
// on how to answer.
func (p *Connect) Decode(frame []byte) error {
	*p = Connect{RequestProblemInformation: true}
	c, err := open(frame, TypeConnect, V5)
	if err != nil {
		return err
	}
	p.decodeVersion(&c)
	flags := c.byte("the Connect Flags")
	if c.err == nil {
		if e := judgeConnectFlags(flags, p.Version); e != nil {
			c.fail(e)
		}
	}
	p.CleanStart = flags&connectCleanStart != 0
	p.KeepAlive = c.uint16("Keep Alive")
	if p.Version.hasProperties() {
		p.decodeProperties(&c)
	}
	p.decodePayload(&c, flags)
	return c.close()
}

// decodeVersion reads Protocol Name and Protocol Level.
func (p *Connect) decodeVersion(c *cursor) {
	name := c.binary("the Protocol Name")
	level := c.byte("the Protocol Level")
	if c.err != nil {
		return
	}
	is31 := string(name) == "MQIsdp"
	if !is31 && string(name) != "MQTT" {
		c.fail(&Error{UnsupportedProtocolVersion, "Protocol Name is not MQTT", "MQTT-3.1.2-1"})
		return
	}
	p.Version = Version(level &^ levelBridge)
	p.Bridge = level&levelBridge != 0
	if is31 && p.Version == V31 || !is31 && (p.Version == V311 || p.Version == V5 && !p.Bridge) {
		return
	}
	e := malformed("MQTT-3.1.2-2", "Protocol Name %s with level %d", name, level)
	e.Code = UnsupportedProtocolVersion
	c.fail(e)
	p.Version, p.Bridge = V311, false
	if level&^levelBridge >= uint8(V5) {
		p.Version = V5
	}
}

// judgeConnectFlags holds the rules between flags. 3.1 ignores the reserved bit
// and the fields of a Will that is not there.
func judgeConnectFlags(flags byte, v Version) *Error {
	switch {
	case flags&connectReserved != 0 && v != V31:
		return malformed("MQTT-3.1.2-3", "CONNECT with the reserved flag")
	case flags&connectWill != 0 && flags&connectWillQoS == connectWillQoS:
		return malformed("MQTT-3.1.2-12", "Will with QoS 3")
	case flags&connectWill == 0 && flags&connectWillQoS != 0 && v != V31:
		return malformed("MQTT-3.1.2-11", "Will QoS without a Will")
	case flags&connectWill == 0 && flags&connectWillRetain != 0 && v != V31:
		return malformed("MQTT-3.1.2-13", "Will Retain without a Will")
	case flags&connectPassword != 0 && flags&connectUsername == 0 && !v.hasProperties():
		return malformed("", "Password without a User Name in MQTT %v", v)
	}
	return nil
}

func (p *Connect) decodeProperties(c *cursor) {
	ps := c.properties(TypeConnect, connectProperties, 0)
	for id, ok := ps.next(); ok; id, ok = ps.next() {
		switch id {
		case sessionExpiry:
			p.SessionExpiry, p.HasSessionExpiry = ps.uint32(id.String()), true
		case receiveMaximum:
			p.ReceiveMaximum = ps.positive16(id)
		case maximumPacketSize:
			p.MaximumPacketSize = ps.positive32(id)
		case topicAliasMaximum:
			p.TopicAliasMaximum = ps.uint16(id.String())
		case requestResponseInformation:
			p.RequestResponseInformation = ps.flag(id)
		case requestProblemInformation:
			p.RequestProblemInformation = ps.flag(id)
		case authMethod:
			p.AuthMethod = ps.text(id.String())
		case authData:
			p.AuthData = ps.binary(id.String())
		case userProperty:
			p.UserProperties = ps.userProperty(p.UserProperties)
		}
	}
	if p.AuthData != nil && p.AuthMethod == nil {
		ps.fail(violation("", "Authentication Data without an Authentication Method"))
	}
	ps.done(c)
}

// decodePayload reads what the flags announce, in its order [MQTT-3.1.3-1].
func (p *Connect) decodePayload(c *cursor, flags byte) {
	if len(c.rest) == 0 && c.err == nil {
		c.fail(malformed("MQTT-3.1.3-3", "CONNECT without a Client Identifier"))
	}
	p.ClientID = c.text("the Client Identifier")
	if len(p.ClientID) == 0 && c.err == nil && (p.Version == V31 || p.Version == V311 && !p.CleanStart) {
		c.fail(&Error{ClientIdentifierNotValid, "empty Client Identifier", "MQTT-3.1.3-8"})
	}
	if flags&connectWill != 0 {
		p.Will = c.will(p.Version, flags)
	}
	// In 3.1 the length of the packet takes precedence over these two flags.
	if flags&connectUsername != 0 && !(p.Version == V31 && len(c.rest) == 0) {
		if len(c.rest) == 0 && c.err == nil {
			c.fail(malformed("MQTT-3.1.2-17", "CONNECT ends before the User Name"))
		}
		p.Username = c.text("the User Name")
	}
	if flags&connectPassword != 0 && !(p.Version == V31 && len(c.rest) == 0) {
		if len(c.rest) == 0 && c.err == nil {
			c.fail(malformed("MQTT-3.1.2-19", "CONNECT ends before the Password"))
		}
		p.Password = c.binary("the Password")
	}
}

// Append adds the frame to dst, in the layout of p.Version.
func (p *Connect) Append(dst []byte) []byte {
	at := len(dst) + 1
	dst = append(dst, byte(TypeConnect)<<4, 0)
	if p.Version == V31 {
		dst = appendBinary(dst, []byte("MQIsdp"))
	} else {
		dst = appendBinary(dst, []byte("MQTT"))
	}
	level := byte(p.Version)
	if p.Bridge && !p.Version.hasProperties() {
		level |= levelBridge
	}
	dst = appendUint16(append(dst, level, p.flags()), p.KeepAlive)
	if p.Version.hasProperties() {
		dst = p.appendProperties(dst)
	}
	dst = appendBinary(dst, p.ClientID)
	if p.Will != nil {
		dst = p.Will.append(dst, p.Version)
	}
	if p.Username != nil {
		dst = appendBinary(dst, p.Username)
	}
	if p.Password != nil {
		dst = appendBinary(dst, p.Password)
	}
	return seal(dst, at)
}

func (p *Connect) flags() (flags byte) {
	if p.CleanStart {
		flags |= connectCleanStart
	}
	if p.Will != nil {
		flags |= connectWill | byte(p.Will.QoS)<<3
		if p.Will.Retain {
			flags |= connectWillRetain
		}
	}
	if p.Username != nil {
		flags |= connectUsername
	}
	if p.Password != nil {
		flags |= connectPassword
	}
	return flags
}

func (p *Connect) appendProperties(dst []byte) []byte {
	at := len(dst)
	dst = reserve(dst)
	if p.HasSessionExpiry {
		dst = appendUint32Property(dst, sessionExpiry, p.SessionExpiry)
	}
	dst = appendBinaryProperty(dst, authMethod, p.AuthMethod)
	dst = appendBinaryProperty(dst, authData, p.AuthData)
	if !p.RequestProblemInformation {
		dst = appendFlagProperty(dst, requestProblemInformation, false)
	}
	if p.RequestResponseInformation {
		dst = appendFlagProperty(dst, requestResponseInformation, true)
	}
	if p.ReceiveMaximum != 0 {
		dst = appendUint16Property(dst, receiveMaximum, p.ReceiveMaximum)
	}
	if p.TopicAliasMaximum != 0 {
		dst = appendUint16Property(dst, topicAliasMaximum, p.TopicAliasMaximum)
	}
	if p.MaximumPacketSize != 0 {
		dst = appendUint32Property(dst, maximumPacketSize, p.MaximumPacketSize)
	}
	return seal(append(dst, p.UserProperties...), at)
}

// CloneTo makes to a copy that shares no bytes with the frame. They go into
// buffer, over what it has, and its Will into memory of its own. It returns the
// buffer, which may have been too small.
func (p *Connect) CloneTo(to *Connect, buffer []byte) []byte {
	*to = *p
	size := 1 // so that what is empty and not nil stays so
	fields := [...]*[]byte{&to.ClientID, &to.Username, &to.Password, &to.AuthMethod, &to.AuthData, (*[]byte)(&to.UserProperties)}
	for _, field := range fields {
		size += len(*field)
	}
	buffer = slices.Grow(buffer[:0], size)
	for _, field := range fields {
		if *field != nil {
			start := len(buffer)
			buffer = append(buffer, *field...)
			*field = buffer[start:len(buffer):len(buffer)]
		}
	}
	if p.Will != nil {
		to.Will = p.Will.clone()
	}
	return buffer
}
