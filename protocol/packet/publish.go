package packet

import "bytes"

// Publish carries an Application Message (section 3.3).
type Publish struct {
	Dup    bool
	Retain bool
	QoS    QoS
	// PacketID is there with QoS 1 and 2 only, and never 0 in a packet that was
	// decoded.
	PacketID uint16
	// TopicAlias is 0 when absent.
	TopicAlias uint16

	HasMessageExpiry bool
	HasPayloadFormat bool
	PayloadFormat    uint8  // 1: Payload is UTF-8 text
	MessageExpiry    uint32 // seconds

	// Topic is empty only in 5.0 and with a Topic Alias. It is UTF-8 without
	// U+0000; whether it is a Topic Name is not judged.
	Topic           []byte
	ContentType     []byte // nil: absent
	ResponseTopic   []byte // nil: absent
	CorrelationData []byte // nil: absent
	SubscriptionIDs []uint32
	UserProperties  UserProperties
	Payload         []byte
}

// Decode reads a whole frame. All slices but SubscriptionIDs are views into it;
// the memory of SubscriptionIDs is used again by the next Decode.
//
// Errors: MalformedPacket, ProtocolError, TopicAliasInvalid.
func (p *Publish) Decode(frame []byte, v Version) error {
	if p.decodePlain(frame, v) {
		return nil
	}
	return p.decode(frame, v)
}

func (p *Publish) reset(first byte) {
	ids := p.SubscriptionIDs[:0]
	*p = Publish{}
	p.SubscriptionIDs = ids
	p.Dup = first&0b1000 != 0
	p.QoS = QoS(first >> 1 & 0b11)
	p.Retain = first&0b0001 != 0
}

// decodePlain reads what nearly all packets are, in about half the time that
// decode needs: a length of one or two bytes, a Topic Name of ASCII and no
// properties. It gives up on all others and on whatever looks wrong.
func (p *Publish) decodePlain(frame []byte, v Version) bool {
	if len(frame) < 5 || frame[0]>>4 != byte(TypePublish) {
		return false
	}
	flags := frame[0] & 0b1110
	at, remaining := 2, int(frame[1])
	if remaining >= 0x80 {
		at, remaining = 3, remaining&0x7f|int(frame[2])<<7
		if frame[2] == 0 || frame[2] >= 0x80 {
			return false
		}
	}
	if flags == 0b1000 || flags&0b0110 == 0b0110 || at+remaining != len(frame) || remaining < 2 {
		return false
	}
	topic := at + 2
	topicEnd := topic + (int(frame[at])<<8 | int(frame[at+1]))
	at = topicEnd
	id := 0
	if flags != 0 {
		at += 2
	}
	if v.hasProperties() {
		at++
	}
	if topicEnd == topic || at > len(frame) || !plain(frame[topic:topicEnd]) {
		return false
	}
	if flags != 0 {
		id = int(frame[topicEnd])<<8 | int(frame[topicEnd+1])
		if id == 0 {
			return false
		}
	}
	if v.hasProperties() && frame[at-1] != 0 {
		return false
	}
	p.reset(frame[0])
	p.Topic = frame[topic:topicEnd:topicEnd]
	p.PacketID = uint16(id)
	p.Payload = frame[at:]
	return true
}

// decode reads any packet.
func (p *Publish) decode(frame []byte, v Version) error {
	c, err := open(frame, TypePublish, v)
	if err != nil {
		return err
	}
	p.reset(frame[0])
	p.Topic = c.text("the Topic Name")
	if p.QoS > QoS0 {
		p.PacketID = c.packetID("MQTT-2.2.1-3")
	}
	if v.hasProperties() {
		p.decodeProperties(&c)
	}
	if len(p.Topic) == 0 && p.TopicAlias == 0 {
		c.fail(violation("MQTT-4.7.3-1", "PUBLISH without a Topic Name"))
	}
	if c.err != nil {
		return c.err
	}
	p.Payload = c.rest
	return nil
}

func (p *Publish) decodeProperties(c *cursor) {
	ps := c.properties(TypePublish, publishProperties, 1<<subscriptionID)
	for id, ok := ps.next(); ok; id, ok = ps.next() {
		switch id {
		case payloadFormat:
			p.HasPayloadFormat = true
			if ps.flag(id) {
				p.PayloadFormat = 1
			}
		case messageExpiry:
			p.MessageExpiry, p.HasMessageExpiry = ps.uint32(id.String()), true
		case contentType:
			p.ContentType = ps.text(id.String())
		case responseTopic:
			p.ResponseTopic = ps.responseTopic()
		case correlationData:
			p.CorrelationData = ps.binary(id.String())
		case subscriptionID:
			p.SubscriptionIDs = append(p.SubscriptionIDs, ps.subscriptionID())
		case topicAlias:
			p.TopicAlias = ps.uint16(id.String())
			if p.TopicAlias == 0 && ps.err == nil {
				ps.fail(&Error{TopicAliasInvalid, "Topic Alias 0", "MQTT-3.3.2-8"})
			}
		case userProperty:
			p.UserProperties = ps.userProperty(p.UserProperties)
		}
	}
	ps.done(c)
}

// responseTopic reads a Topic Name to answer to, which has no wildcards.
func (p *properties) responseTopic() []byte {
	topic := p.text(responseTopic.String())
	if err := judgeResponseTopic(topic); err != nil {
		p.fail(err)
	}
	return topic
}

func judgeResponseTopic(topic []byte) *Error {
	if bytes.ContainsAny(topic, "+#") {
		return violation("MQTT-3.3.2-14", "Response Topic with a wildcard")
	}
	return nil
}

// Append adds the frame to dst.
func (p *Publish) Append(dst []byte, v Version) []byte {
	inProperties := p.propertiesSize(v)
	topic := clip(p.Topic)
	first := byte(TypePublish)<<4 | byte(p.QoS)<<1
	if p.Dup {
		first |= 0b1000
	}
	if p.Retain {
		first |= 0b0001
	}
	dst = appendVarint(append(dst, first), uint32(p.remaining(v, inProperties)))
	dst = append(append(dst, byte(len(topic)>>8), byte(len(topic))), topic...)
	if p.QoS > QoS0 {
		dst = appendUint16(dst, p.PacketID)
	}
	if v.hasProperties() {
		dst = appendVarint(dst, uint32(inProperties))
		if inProperties > 0 {
			dst = p.appendProperties(dst)
		}
	}
	return append(dst, p.Payload...)
}

// remaining is the Remaining Length, given the length of the properties.
func (p *Publish) remaining(v Version, inProperties int) int {
	n := 2 + len(clip(p.Topic)) + len(p.Payload)
	if p.QoS > QoS0 {
		n += 2
	}
	if v.hasProperties() {
		n += varintSize(uint32(inProperties)) + inProperties
	}
	return n
}

// frameSize is the number of bytes that Append adds.
func (p *Publish) frameSize(v Version) int {
	n := p.remaining(v, p.propertiesSize(v))
	return 1 + varintSize(uint32(n)) + n
}

func (p *Publish) propertiesSize(v Version) int {
	if !v.hasProperties() {
		return 0
	}
	n := len(p.UserProperties)
	if p.HasPayloadFormat {
		n += 2
	}
	if p.HasMessageExpiry {
		n += 5
	}
	n += binaryPropertySize(p.ContentType) + binaryPropertySize(p.ResponseTopic) + binaryPropertySize(p.CorrelationData)
	for _, id := range p.SubscriptionIDs {
		n += 1 + varintSize(id)
	}
	if p.TopicAlias != 0 {
		n += 3
	}
	return n
}

func (p *Publish) appendProperties(dst []byte) []byte {
	if p.HasPayloadFormat {
		dst = append(dst, byte(payloadFormat), p.PayloadFormat)
	}
	if p.HasMessageExpiry {
		dst = appendUint32Property(dst, messageExpiry, p.MessageExpiry)
	}
	dst = appendBinaryProperty(dst, contentType, p.ContentType)
	dst = appendBinaryProperty(dst, responseTopic, p.ResponseTopic)
	dst = appendBinaryProperty(dst, correlationData, p.CorrelationData)
	for _, id := range p.SubscriptionIDs {
		dst = appendVarint(append(dst, byte(subscriptionID)), id)
	}
	if p.TopicAlias != 0 {
		dst = appendUint16Property(dst, topicAlias, p.TopicAlias)
	}
	return append(dst, p.UserProperties...)
}
