package troupetest

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/protocol/topic"
)

// Message is one that a Client or Broker.Publish published, as the broker took it:
// what was refused is not among them, and what came twice with QoS 2 is once. A Will
// is one of its Client.
type Message struct {
	troupe.Message
	Client string // Client Identifier of the publisher; empty: Broker.Publish
}

func (m Message) String() string {
	return fmt.Sprintf("%s %q, QoS %d, by %q", m.Topic, m.Payload, m.QoS, m.Client)
}

// Messages are those that were published so far to topics that match a Topic Filter,
// "#": all of them. Those of one publisher are in its order. It panics if filter is
// no Topic Filter.
func (b *Broker) Messages(filter string) []Message {
	valid(filter)
	b.mu.Lock()
	defer b.mu.Unlock()
	return matching(b.messages, filter)
}

// Wait waits until n messages were published to topics that match a Topic Filter, and
// returns all that were, since Start or the last Forget. There may be more than n.
func (b *Broker) Wait(t TB, filter string, n int) (found []Message) {
	t.Helper()
	valid(filter)
	b.await(t, func() bool {
		found = matching(b.messages, filter)
		return len(found) >= n
	}, func() string {
		return fmt.Sprintf("%d of %d messages were published to %q; published were: %s", len(found), n, filter, list("none", b.messages))
	})
	return found
}

// WaitAcknowledged waits until a Client has acknowledged n messages that it got with QoS
// 1 or 2, by PUBACK or PUBREC without an error, whose topics match a Topic Filter. It
// returns all that it has, since Start or the last Forget, in the order in which it did;
// Client of a Message is here who acknowledged it.
func (b *Broker) WaitAcknowledged(t TB, client, filter string, n int) (found []Message) {
	t.Helper()
	valid(filter)
	b.await(t, func() bool {
		found = slices.DeleteFunc(matching(b.acknowledged, filter), func(m Message) bool { return m.Client != client })
		return len(found) >= n
	}, func() string {
		return fmt.Sprintf("client %q has acknowledged %d of %d messages of %q; acknowledged were: %s", client, len(found), n, filter, list("none", b.acknowledged))
	})
	return found
}

// Forget forgets the messages so far: for the next part of a test.
func (b *Broker) Forget() { b.change(func() { b.messages, b.acknowledged = nil, nil }) }

func matching(all []*Message, filter string) (found []Message) {
	for _, m := range all {
		if topic.Match(filter, m.Topic) {
			found = append(found, *m)
		}
	}
	return found
}

// valid keeps a mistyped filter from being a message that does not come.
func valid(filter string) {
	if err := topic.ValidateFilter(filter); err != nil {
		panic(fmt.Sprintf("troupetest: %q: %v", filter, err))
	}
}

// record has the broker tell what Clients publish and acknowledge. The option comes
// behind those of the test: what these change is changed already, and what they
// refuse is not seen.
func (b *Broker) record() troupe.Option {
	return troupe.WithHooks(troupe.Hooks{
		Publish: func(c troupe.Client, m *troupe.Message) error {
			noted := note(c.ID, *m)
			b.change(func() { b.messages = append(b.messages, noted) })
			return nil
		},
		Acknowledged: func(c troupe.Client, m *troupe.Message, code troupe.ReasonCode) {
			if !code.IsError() {
				noted := note(c.ID, *m)
				b.change(func() { b.acknowledged = append(b.acknowledged, noted) })
			}
		},
	})
}

// note is a message with copies of what is not ours.
func note(client string, m troupe.Message) *Message {
	m.Payload, m.CorrelationData = bytes.Clone(m.Payload), bytes.Clone(m.CorrelationData)
	m.UserProperties, m.SubscriptionIDs = slices.Clone(m.UserProperties), slices.Clone(m.SubscriptionIDs)
	return &Message{Message: m, Client: client}
}
