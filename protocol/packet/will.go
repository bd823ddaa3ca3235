package packet

import "bytes"

// Will is the message that the Server publishes for a Client that is gone
// (section 3.1.2.5). Topic is UTF-8 without U+0000; whether it is a Topic Name
// is not judged.
type Will struct {
	QoS              QoS
	Retain           bool
	HasMessageExpiry bool
	HasPayloadFormat bool
	PayloadFormat    uint8  // 1: Payload is UTF-8 text
	DelayInterval    uint32 // seconds, 0 when absent
	MessageExpiry    uint32 // seconds
	Topic            []byte
	Payload          []byte
	ContentType      []byte // nil: absent
	ResponseTopic    []byte // nil: absent
	CorrelationData  []byte // nil: absent
	UserProperties   UserProperties
}

// Publish gives the Will as the message that it becomes. It shares the bytes.
func (w *Will) Publish() *Publish {
	return &Publish{
		QoS:              w.QoS,
		Retain:           w.Retain,
		HasMessageExpiry: w.HasMessageExpiry,
		HasPayloadFormat: w.HasPayloadFormat,
		PayloadFormat:    w.PayloadFormat,
		MessageExpiry:    w.MessageExpiry,
		Topic:            w.Topic,
		ContentType:      w.ContentType,
		ResponseTopic:    w.ResponseTopic,
		CorrelationData:  w.CorrelationData,
		UserProperties:   w.UserProperties,
		Payload:          w.Payload,
	}
}

// will reads the Will's part of CONNECT [MQTT-3.1.2-9].
func (c *cursor) will(v Version, flags byte) *Will {
	w := &Will{QoS: QoS(flags & connectWillQoS >> 3), Retain: flags&connectWillRetain != 0}
	if len(c.rest) == 0 && c.err == nil {
		c.fail(malformed("MQTT-3.1.2-9", "CONNECT ends before the Will"))
	}
	if v.hasProperties() {
		w.decodeProperties(c)
	}
	w.Topic = c.text("the Will Topic")
	w.Payload = c.binary("the Will Payload")
	return w
}

func (w *Will) decodeProperties(c *cursor) {
	ps := c.properties(TypeConnect, willProperties, 0)
	for id, ok := ps.next(); ok; id, ok = ps.next() {
		switch id {
		case willDelay:
			w.DelayInterval = ps.uint32(id.String())
		case payloadFormat:
			w.HasPayloadFormat = true
			if ps.flag(id) {
				w.PayloadFormat = 1
			}
		case messageExpiry:
			w.MessageExpiry, w.HasMessageExpiry = ps.uint32(id.String()), true
		case contentType:
			w.ContentType = ps.text(id.String())
		case responseTopic:
			w.ResponseTopic = ps.responseTopic()
		case correlationData:
			w.CorrelationData = ps.binary(id.String())
		case userProperty:
			w.UserProperties = ps.userProperty(w.UserProperties)
		}
	}
	ps.done(c)
}

func (w *Will) append(dst []byte, v Version) []byte {
	if v.hasProperties() {
		at := len(dst)
		dst = reserve(dst)
		if w.DelayInterval != 0 {
			dst = appendUint32Property(dst, willDelay, w.DelayInterval)
		}
		dst = seal(w.Publish().appendProperties(dst), at)
	}
	return appendBinary(appendBinary(dst, w.Topic), w.Payload)
}

func (w *Will) clone() *Will {
	c := *w
	for _, field := range []*[]byte{&c.Topic, &c.Payload, &c.ContentType, &c.ResponseTopic, &c.CorrelationData, (*[]byte)(&c.UserProperties)} {
		*field = bytes.Clone(*field)
	}
	return &c
}
