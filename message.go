package troupe

import (
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
// A Message that a subscription gets shares its byte slices with other
// receivers: they may be kept, and must not be changed.
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
		p.MessageExpiry = uint32(min((m.Expiry+time.Second-1)/time.Second, 1<<32-1))
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
	for _, u := range m.UserProperties {
		p.UserProperties = p.UserProperties.With(u.Name, u.Value)
	}
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
