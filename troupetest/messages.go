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
	return b.matching(filter)
}

// Wait waits until n messages were published to topics that match a Topic Filter, and
// returns all that were, since Start or the last Forget. There may be more than n.
func (b *Broker) Wait(t TB, filter string, n int) (found []Message) {
	t.Helper()
	valid(filter)
	b.await(t, func() bool {
		found = b.matching(filter)
		return len(found) >= n
	}, func() string {
		return fmt.Sprintf("%d of %d messages were published to %q; published were: %s", len(found), n, filter, list("none", b.messages))
	})
	return found
}

// Forget forgets the messages so far: for the next part of a test.
func (b *Broker) Forget() { b.change(func() { b.messages = nil }) }

func (b *Broker) matching(filter string) (found []Message) {
	for _, m := range b.messages {
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

// record has the broker tell what Clients publish. The option comes behind those of
// the test: what these change is changed already, and what they refuse is not seen.
func (b *Broker) record() troupe.Option {
	return troupe.WithHooks(troupe.Hooks{Publish: func(c troupe.Client, m *troupe.Message) error {
		b.note(c.ID, *m)
		return nil
	}})
}

// note remembers a message, with copies of what is not ours.
func (b *Broker) note(client string, m troupe.Message) *Message {
	m.Payload, m.CorrelationData = bytes.Clone(m.Payload), bytes.Clone(m.CorrelationData)
	m.UserProperties = slices.Clone(m.UserProperties)
	noted := &Message{Message: m, Client: client}
	b.change(func() { b.messages = append(b.messages, noted) })
	return noted
}

// strike takes back what was not published after all.
func (b *Broker) strike(m *Message) {
	b.change(func() { b.messages = slices.DeleteFunc(b.messages, func(one *Message) bool { return one == m }) })
}
