package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/bench/internal/message"
	"github.com/troupemq/troupe/protocol/packet"
)

// books is a ledger of one publisher, with a subscriber that has its first two
// topics with the given QoS.
func books(granted int, lasting bool) (*ledger, *inbox, *strings.Builder) {
	var out strings.Builder
	l := newLedger(&out, 1)
	in := newInbox("in", lasting, true)
	in.granted[0] = [topics]int{granted, granted, -1}
	l.inboxes = append(l.inboxes, in)
	return l, in, &out
}

// at is a message of the first publisher.
func at(topic int, qos packet.QoS, number int) message.Message {
	return message.Message{Stream: message.Stream{Topic: topic, QoS: qos}, Number: number}
}

func TestLedgerJudges(t *testing.T) {
	for _, c := range []struct {
		name     string
		sent     packet.QoS
		granted  int
		lasting  bool
		arrivals []int
		want     string
	}{
		{"in order", 2, 2, true, []int{0, 1, 2}, ""},
		{"twice with QoS 2", 2, 2, true, []int{0, 1, 0}, "twice"},
		{"twice with QoS 1", 1, 2, true, []int{0, 1, 0, 1, 2}, ""},
		{"QoS 2 granted QoS 1, twice", 2, 1, true, []int{0, 0}, ""},
		{"QoS 0 twice", 0, 2, true, []int{0, 0}, "twice"},
		{"QoS 2 granted QoS 0, twice", 2, 0, true, []int{0, 0}, "twice"},
		{"with a gap", 0, 0, true, []int{0, 2}, ""},
		{"out of order", 2, 2, true, []int{0, 2, 1}, "after number 2"},
		{"out of order with QoS 1", 1, 1, true, []int{0, 2, 1}, "after number 2"},
		{"out of order with QoS 0", 0, 0, false, []int{1, 0}, "after number 1"},
		{"sent again to who was away", 1, 1, false, []int{1, 0, 1}, ""},
	} {
		l, in, out := books(c.granted, c.lasting)
		for _, n := range c.arrivals {
			l.arrive(in, at(1, c.sent, n), min(c.sent, packet.QoS(c.granted)))
		}
		if c.want == "" {
			require.Zero(t, l.violations.Load(), "%s: %s", c.name, out)
			continue
		}
		require.EqualValues(t, 1, l.violations.Load(), c.name)
		require.Contains(t, out.String(), c.want)
	}
}

func TestLedgerJudgesDelivery(t *testing.T) {
	l, in, out := books(1, true)
	l.arrive(in, at(0, packet.QoS2, 0), packet.QoS2)
	require.Contains(t, out.String(), "with QoS 2 instead of 1")
	l.arrive(in, at(sharedTopic, packet.QoS2, 0), packet.QoS2)
	require.Contains(t, out.String(), "without a subscription")
}

// What was acknowledged has to arrive, once, wherever it was subscribed.
func TestLedgerMissesWhatIsLost(t *testing.T) {
	l, in, _ := books(2, true)
	for _, s := range []message.Stream{at(0, packet.QoS1, 0).Stream, at(1, packet.QoS2, 0).Stream, at(sharedTopic, packet.QoS2, 0).Stream, at(0, packet.QoS0, 0).Stream} {
		for range 100 {
			l.acknowledge(l.say(s))
		}
	}
	require.Equal(t, 300, l.missing(nil))
	for n := range 100 {
		l.arrive(in, at(0, packet.QoS1, n), packet.QoS1)
		if n != 70 {
			l.arrive(in, at(1, packet.QoS2, n), packet.QoS2)
		}
		l.arrive(l.shared, at(sharedTopic, packet.QoS2, 99-n), packet.QoS2)
	}
	var missing []message.Message
	require.Equal(t, 1, l.missing(func(_ *inbox, m message.Message) { missing = append(missing, m) }))
	require.Equal(t, []message.Message{at(1, packet.QoS2, 70)}, missing)
	require.Zero(t, l.violations.Load())

	l, _, _ = books(2, false) // nothing is promised to who keeps no Session
	l.acknowledge(l.say(message.Stream{QoS: packet.QoS1}))
	require.Zero(t, l.missing(nil))
}
