package troupe

import (
	"bytes"
	"time"

	"github.com/troupemq/troupe/protocol/packet"
)

// QoS is a Quality of Service level.
type QoS = packet.QoS

// The Quality of Service levels (section 4.3).
const (
	AtMostOnce  QoS = packet.QoS0
	AtLeastOnce QoS = packet.QoS1
	ExactlyOnce QoS = packet.QoS2
)

// Message is an Application Message.
//
// A Message that a subscription gets is its own, and shares its slices with other
// receivers: they may be kept, and must not be changed. One that is published is
// copied; the slices may be changed when the call has returned.
type Message struct {
	Topic   string
	Payload []byte
	QoS     QoS
	// Retain asks to keep the message for later subscribers; on a received
	// one it says that it was kept from before (section 3.3.1.3).
	Retain bool

	// What follows are the properties of MQTT 5; Clients of older versions
	// get the message without them.

	Expiry          time.Duration // whole seconds; 0: never
	ContentType     string
	ResponseTopic   string
	CorrelationData []byte
	Text            bool // Payload Format Indicator: the payload is UTF-8
	UserProperties  []UserProperty
	// SubscriptionIDs of the subscriptions that brought the message.
	SubscriptionIDs []uint32
}

// UserProperty is a name with a value; order and repetition count.
type UserProperty struct {
	Name, Value string
}

// packet encodes m. The slices of m may be reused afterwards.
func (m *Message) packet() *packet.Publish {
	p := &packet.Publish{
		QoS: m.QoS, Retain: m.Retain, Topic: []byte(m.Topic), Payload: m.Payload,
		CorrelationData: m.CorrelationData,
	}
	if m.Expiry > 0 {
		p.HasMessageExpiry = true
		p.MessageExpiry = seconds(m.Expiry)
	}
	if m.Text {
		p.HasPayloadFormat, p.PayloadFormat = true, 1
	}
	if m.ContentType != "" {
		p.ContentType = []byte(m.ContentType)
	}
	if m.ResponseTopic != "" {
		p.ResponseTopic = []byte(m.ResponseTopic)
	}
	p.UserProperties = m.properties()
	return p
}

func newMessage(p *packet.Publish) *Message {
	m := &Message{
		Topic: string(p.Topic), Payload: p.Payload, QoS: p.QoS, Retain: p.Retain,
		Expiry:          time.Duration(p.MessageExpiry) * time.Second,
		ContentType:     string(p.ContentType),
		ResponseTopic:   string(p.ResponseTopic),
		CorrelationData: p.CorrelationData,
		Text:            p.PayloadFormat == 1,
		SubscriptionIDs: p.SubscriptionIDs,
	}
	for name, value := range p.UserProperties.All() {
		m.UserProperties = append(m.UserProperties, UserProperty{string(name), string(value)})
	}
	return m
}

// changeIn makes the changes to p, of which m was made before it was changed,
// and says whether there are any. QoS and SubscriptionIDs stay as they are.
func (m *Message) changeIn(p *packet.Publish) (changed bool) {
	for _, text := range [...]struct {
		to  *[]byte
		now string
	}{{&p.Topic, m.Topic}, {&p.ContentType, m.ContentType}, {&p.ResponseTopic, m.ResponseTopic}} {
		if string(*text.to) != text.now {
			*text.to, changed = nil, true
			if text.now != "" {
				*text.to = []byte(text.now)
			}
		}
	}
	for _, data := range [...]struct {
		to  *[]byte
		now []byte
	}{{&p.Payload, m.Payload}, {&p.CorrelationData, m.CorrelationData}} {
		if !bytes.Equal(*data.to, data.now) {
			*data.to, changed = data.now, true
		}
	}
	if p.Retain != m.Retain {
		p.Retain, changed = m.Retain, true
	}
	if m.Expiry != time.Duration(p.MessageExpiry)*time.Second {
		p.MessageExpiry, changed = seconds(m.Expiry), true
		p.HasMessageExpiry = p.MessageExpiry > 0
	}
	if m.Text != (p.PayloadFormat == 1) {
		p.HasPayloadFormat, p.PayloadFormat, changed = m.Text, 0, true
		if m.Text {
			p.PayloadFormat = 1
		}
	}
	if !m.hasProperties(p.UserProperties) {
		p.UserProperties, changed = m.properties(), true
	}
	return changed
}

// hasProperties tells whether u are the User Properties of m.
func (m *Message) hasProperties(u packet.UserProperties) bool {
	n := 0
	for name, value := range u.All() {
		if n >= len(m.UserProperties) || string(name) != m.UserProperties[n].Name || string(value) != m.UserProperties[n].Value {
			return false
		}
		n++
	}
	return n == len(m.UserProperties)
}

func (m *Message) properties() (u packet.UserProperties) {
	for _, one := range m.UserProperties {
		u = u.With(one.Name, one.Value)
	}
	return u
}

// seconds is a duration in whole seconds as a packet has it, rounded up.
func seconds(d time.Duration) uint32 {
	if d <= 0 {
		return 0
	}
	return uint32(min((d-1)/time.Second+1, 1<<32-1))
}
