package packet

// property is the identifier of a property (section 2.2.2.2). All of them fit
// into one byte of a Variable Byte Integer.
type property uint8

const (
	payloadFormat              property = 0x01
	messageExpiry              property = 0x02
	contentType                property = 0x03
	responseTopic              property = 0x08
	correlationData            property = 0x09
	subscriptionID             property = 0x0B
	sessionExpiry              property = 0x11
	assignedClientID           property = 0x12
	serverKeepAlive            property = 0x13
	authMethod                 property = 0x15
	authData                   property = 0x16
	requestProblemInformation  property = 0x17
	willDelay                  property = 0x18
	requestResponseInformation property = 0x19
	responseInformation        property = 0x1A
	serverReference            property = 0x1C
	reasonString               property = 0x1F
	receiveMaximum             property = 0x21
	topicAliasMaximum          property = 0x22
	topicAlias                 property = 0x23
	maximumQoS                 property = 0x24
	retainAvailable            property = 0x25
	userProperty               property = 0x26
	maximumPacketSize          property = 0x27
	wildcardAvailable          property = 0x28
	subscriptionIDAvailable    property = 0x29
	sharedAvailable            property = 0x2A
)

// String gives the name of table 2-4, for the texts of errors.
func (p property) String() string {
	switch p {
	case payloadFormat:
		return "Payload Format Indicator"
	case messageExpiry:
		return "Message Expiry Interval"
	case contentType:
		return "Content Type"
	case responseTopic:
		return "Response Topic"
	case correlationData:
		return "Correlation Data"
	case subscriptionID:
		return "Subscription Identifier"
	case sessionExpiry:
		return "Session Expiry Interval"
	case assignedClientID:
		return "Assigned Client Identifier"
	case serverKeepAlive:
		return "Server Keep Alive"
	case authMethod:
		return "Authentication Method"
	case authData:
		return "Authentication Data"
	case requestProblemInformation:
		return "Request Problem Information"
	case willDelay:
		return "Will Delay Interval"
	case requestResponseInformation:
		return "Request Response Information"
	case responseInformation:
		return "Response Information"
	case serverReference:
		return "Server Reference"
	case reasonString:
		return "Reason String"
	case receiveMaximum:
		return "Receive Maximum"
	case topicAliasMaximum:
		return "Topic Alias Maximum"
	case topicAlias:
		return "Topic Alias"
	case maximumQoS:
		return "Maximum QoS"
	case retainAvailable:
		return "Retain Available"
	case userProperty:
		return "User Property"
	case maximumPacketSize:
		return "Maximum Packet Size"
	case wildcardAvailable:
		return "Wildcard Subscription Available"
	case subscriptionIDAvailable:
		return "Subscription Identifier Available"
	case sharedAvailable:
		return "Shared Subscription Available"
	}
	return "unknown property"
}

// propertySet is a set of identifiers, one bit each.
type propertySet uint64

const (
	messageProperties propertySet = 1<<payloadFormat | 1<<messageExpiry | 1<<contentType | 1<<responseTopic |
		1<<correlationData | 1<<userProperty
	publishProperties = messageProperties | 1<<subscriptionID | 1<<topicAlias
	willProperties    = messageProperties | 1<<willDelay
	connectProperties = 1<<sessionExpiry | 1<<authMethod | 1<<authData | 1<<requestProblemInformation |
		1<<requestResponseInformation | 1<<receiveMaximum | 1<<topicAliasMaximum | 1<<userProperty |
		1<<maximumPacketSize
	connackProperties = 1<<sessionExpiry | 1<<assignedClientID | 1<<serverKeepAlive | 1<<authMethod |
		1<<authData | 1<<responseInformation | 1<<serverReference | 1<<reasonString | 1<<receiveMaximum |
		1<<topicAliasMaximum | 1<<maximumQoS | 1<<retainAvailable | 1<<userProperty | 1<<maximumPacketSize |
		1<<wildcardAvailable | 1<<subscriptionIDAvailable | 1<<sharedAvailable
	reasonProperties      = 1<<reasonString | 1<<userProperty
	subscribeProperties   = 1<<subscriptionID | 1<<userProperty
	unsubscribeProperties = 1 << userProperty
	disconnectProperties  = reasonProperties | 1<<sessionExpiry | 1<<serverReference
	authProperties        = reasonProperties | 1<<authMethod | 1<<authData
)

// properties reads a property section one property after the other (section
// 2.2.2). The caller switches over what next gives and reads the value.
type properties struct {
	cursor
	name      Type        // of the packet, for the texts of errors
	allowed   propertySet // in this packet
	repeated  propertySet // allowed more than once
	seen      propertySet
	at        []byte // from the identifier of the current property on
	firstUser []byte // from the first User Property on
}

// properties takes the Property Length and gives the section. User Properties
// may repeat everywhere, repeated says what else may.
func (c *cursor) properties(name Type, allowed, repeated propertySet) properties {
	if len(c.rest) == 0 && c.err == nil {
		c.fail(malformed("MQTT-2.2.2-1", "%v without a Property Length", name))
	}
	n := int(c.varint("the Property Length"))
	p := properties{cursor: cursor{err: c.err}, name: name, allowed: allowed, repeated: repeated | 1<<userProperty}
	switch {
	case c.err != nil:
	case n > len(c.rest):
		c.fail(malformed("", "Property Length %d exceeds the packet", n))
		p.err = c.err
	default:
		p.rest, c.rest = c.rest[:n:n], c.rest[n:]
	}
	return p
}

// next gives the next identifier, false at the end or after an error.
func (p *properties) next() (property, bool) {
	p.at = p.rest
	if len(p.rest) == 0 {
		return 0, false
	}
	n := p.varint("a property's identifier")
	if p.err != nil {
		return 0, false
	}
	if n > 63 || p.allowed&(1<<n) == 0 {
		id := property(min(n, 255))
		p.fail(malformed("", "%v with %v (0x%02X)", p.name, id, n))
		return 0, false
	}
	id := property(n)
	if p.seen&(1<<id) != 0 && p.repeated&(1<<id) == 0 {
		p.fail(violation("", "%v with %v twice", p.name, id))
		return 0, false
	}
	p.seen |= 1 << id
	return id, true
}

// done gives the error of the section, if any, to the packet's cursor.
func (p *properties) done(c *cursor) {
	if p.err != nil {
		c.fail(p.err)
	}
}

// flag reads a byte that is 0 or 1.
func (p *properties) flag(id property) bool {
	b := p.byte(id.String())
	if b > 1 {
		p.fail(violation("", "%v with the value %d", id, b))
	}
	return b == 1
}

// positive16 reads a number that is never 0.
func (p *properties) positive16(id property) uint16 {
	n := p.uint16(id.String())
	if n == 0 && p.err == nil {
		p.fail(violation("", "%v with the value 0", id))
	}
	return n
}

// positive32 reads a number that is never 0.
func (p *properties) positive32(id property) uint32 {
	n := p.uint32(id.String())
	if n == 0 && p.err == nil {
		p.fail(violation("", "%v with the value 0", id))
	}
	return n
}

// subscriptionID reads a number from 1 to 268,435,455 (section 3.8.2.1.2).
func (p *properties) subscriptionID() uint32 {
	n := p.varint(subscriptionID.String())
	if n == 0 && p.err == nil {
		p.fail(violation("", "%v with the value 0", subscriptionID))
	}
	return n
}

func appendFlagProperty(dst []byte, id property, on bool) []byte {
	if on {
		return append(dst, byte(id), 1)
	}
	return append(dst, byte(id), 0)
}

func appendUint16Property(dst []byte, id property, n uint16) []byte {
	return appendUint16(append(dst, byte(id)), n)
}

func appendUint32Property(dst []byte, id property, n uint32) []byte {
	return appendUint32(append(dst, byte(id)), n)
}

// appendBinaryProperty writes the property unless b is nil.
func appendBinaryProperty(dst []byte, id property, b []byte) []byte {
	if b == nil {
		return dst
	}
	return appendBinary(append(dst, byte(id)), b)
}

// binaryPropertySize is the number of bytes that appendBinaryProperty writes.
func binaryPropertySize(b []byte) int {
	if b == nil {
		return 0
	}
	return 3 + min(len(b), maxField)
}
