package troupe

import (
	"context"
	"fmt"
	"math"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/topic"
)

// RefusedError says that the instance did not take a message.
type RefusedError struct {
	Topic string
	Code  ReasonCode // QuotaExceeded: a receiver's queue is full and its policy is to refuse
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("troupe: publish to %s refused: %s", e.Topic, e.Code)
}

// Publish hands m to everybody who subscribes to its topic, and keeps it if
// Retain is set. When it returns without an error, m is on its way to each
// receiver and kept for those that are away. It returns later when one of its
// receivers is far behind: that is back-pressure, bounded by ctx.
//
// Order is kept for the calls of one goroutine, whatever the topics: each
// receiver gets their messages as they were published. m and all it points to
// may be changed when Publish has returned.
//
// Errors: [ErrNotRunning], that of ctx (m may or may not be published), what MQTT
// cannot express, such as a topic that is no Topic Name, and [*RefusedError].
func (b *Broker) Publish(ctx context.Context, m Message) error {
	_, err := b.publish(ctx, &m)
	return err
}

// publish publishes m and tells whether anybody subscribes to its topic.
func (b *Broker) publish(ctx context.Context, m *Message) (received bool, err error) {
	t, err := b.running()
	if err != nil {
		return false, err
	}
	p, err := m.valid()
	if err != nil {
		return false, fmt.Errorf("troupe: publish to %s: %w", quoted(m.Topic), err)
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	reply := make(chan packet.ReasonCode, 1)
	t.system.Send(t.publisher, &message.Publish{Run: packet.NewRun(p, packet.V5), Reply: reply})
	select {
	case code := <-reply:
		if code == packet.UnspecifiedError && t.ends() { // it went down with what it was given to
			return false, ErrNotRunning
		}
		if code.IsError() {
			return false, &RefusedError{m.Topic, code}
		}
		return code != packet.NoMatchingSubscribers, nil
	case <-ctx.Done():
		return false, ctx.Err()
	case <-b.done:
		return false, ErrNotRunning
	}
}

// valid encodes m, if MQTT can express it.
func (m *Message) valid() (*packet.Publish, error) {
	if err := topic.ValidateName(m.Topic); err != nil {
		return nil, err
	}
	if len(m.Topic) > persistence.TextMost {
		return nil, fmt.Errorf("the topic has %d bytes, at most %d are allowed", len(m.Topic), persistence.TextMost)
	}
	if m.QoS > ExactlyOnce {
		return nil, fmt.Errorf("QoS %d, allowed are 0, 1 and 2", m.QoS)
	}
	if m.Expiry < 0 {
		return nil, fmt.Errorf("it expires in %s; 0 stands for never", m.Expiry)
	}
	for _, u := range m.UserProperties { // a longer one could not be encoded at all
		if len(u.Name) > math.MaxUint16 || len(u.Value) > math.MaxUint16 {
			return nil, fmt.Errorf("a user property has more than %d bytes", math.MaxUint16)
		}
	}
	p := m.packet()
	return p, p.Validate(packet.V5)
}
