package packet

// Validate judges a message that did not come from the wire as Decode would
// judge its frame in version v, so that what Append writes is valid. Dup,
// PacketID and TopicAlias are the sender's to set and are not judged; the Topic
// Name has to be there, and whether it is one is not judged either.
//
// Errors: MalformedPacket, ProtocolError, PacketTooLarge.
func (p *Publish) Validate(v Version) error {
	for _, field := range [...]struct {
		name  string
		bytes []byte
		text  bool
	}{
		{"the Topic Name", p.Topic, true},
		{contentType.String(), p.ContentType, true},
		{responseTopic.String(), p.ResponseTopic, true},
		{correlationData.String(), p.CorrelationData, false},
	} {
		if len(field.bytes) > maxField {
			return malformed("", "%s has %d bytes, at most %d allowed", field.name, len(field.bytes), maxField)
		}
		if !field.text {
			continue
		}
		if err := judgeText(field.bytes, field.name); err != nil {
			return err
		}
	}
	if p.QoS > QoS2 {
		return malformed("MQTT-3.3.1-4", "PUBLISH with QoS %d", p.QoS)
	}
	if len(p.Topic) == 0 {
		return violation("MQTT-4.7.3-1", "PUBLISH without a Topic Name")
	}
	if v.hasProperties() {
		if err := p.validateProperties(); err != nil {
			return err
		}
	}
	if n := p.remaining(v, p.propertiesSize(v)); n > maxRemaining {
		return &Error{PacketTooLarge, "PUBLISH exceeds the largest Remaining Length", ""}
	}
	return nil
}

func (p *Publish) validateProperties() *Error {
	if p.HasPayloadFormat && p.PayloadFormat > 1 {
		return violation("", "%v with the value %d", payloadFormat, p.PayloadFormat)
	}
	if err := judgeResponseTopic(p.ResponseTopic); err != nil {
		return err
	}
	for _, id := range p.SubscriptionIDs {
		if id == 0 || id > maxRemaining {
			return violation("", "%v with the value %d", subscriptionID, id)
		}
	}
	ps := properties{cursor: cursor{rest: p.UserProperties}, name: TypePublish, allowed: 1 << userProperty, repeated: 1 << userProperty}
	for _, ok := ps.next(); ok; _, ok = ps.next() {
		ps.userProperty(nil)
	}
	return ps.err
}
