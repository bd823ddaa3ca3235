package main

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/bench/internal/message"
	"github.com/troupemq/troupe/protocol/packet"
)

// books is a ledger with one subscriber of everything of its first publisher.
type books struct {
	t *testing.T
	*ledger
	in  *inbox
	out *strings.Builder
}

func newBooks(t *testing.T) *books {
	b := &books{t: t, out: new(strings.Builder)}
	b.ledger = newLedger(b.out, "crash/x", 2)
	b.in = newInbox("in", true, true)
	b.inboxes = append(b.inboxes, b.in)
	b.enter(b.in, false)
	b.grant(2)
	return b
}

func (b *books) grant(qos packet.QoS) {
	b.subscribing(b.in, "crash/x/+/0", qos)
	b.subscribed(b.in, "crash/x/+/0")
}

func (b *books) revoke() {
	b.unsubscribing(b.in, "crash/x/+/0")
	b.unsubscribed(b.in, "crash/x/+/0")
}

// sayOne begins a message that the subscriber has asked for.
func (b *books) sayOne(qos packet.QoS) message.Message { return b.say(message.Stream{QoS: qos}) }

func (b *books) acknowledgeAll(all ...message.Message) {
	for _, m := range all {
		b.acknowledge(m)
		b.complete(m)
	}
}

// get is what comes as it should.
func (b *books) get(all ...message.Message) {
	for _, m := range all {
		b.arrive(b.in, "crash/x/0/0", m, m.QoS)
	}
}

// crash is a crash after which the subscriber is back.
func (b *books) crash() { b.enter(b.in, true) }

// wait settles with what little patience there is once nothing more can come.
func (b *books) wait() { b.settle(context.Background(), time.Millisecond) }

// found are the violations, by kind.
func (b *books) found(want map[kind]int) {
	b.t.Helper()
	if want == nil {
		want = map[kind]int{}
	}
	require.True(b.t, maps.Equal(want, b.violations), "want %v, got %v: %s", want, b.violations, b.out)
	require.Equal(b.t, len(want) > 0, b.violated())
}

func TestLedgerJudges(t *testing.T) {
	const one, two = packet.QoS1, packet.QoS2
	for name, c := range map[string]struct {
		tell func(*books)
		want map[kind]int
	}{
		"all is well": {func(b *books) {
			m, n := b.sayOne(two), b.sayOne(two)
			b.get(m)
			b.acknowledgeAll(m, n)
			b.get(n)
			b.wait()
		}, nil},
		"lost": {func(b *books) {
			m, n := b.sayOne(one), b.sayOne(two)
			b.acknowledgeAll(m, n)
			b.wait()
			b.wait() // each is told once
		}, map[kind]int{lost: 2}},
		"not acknowledged, and lost": {func(b *books) {
			b.complete(b.sayOne(one))
			b.wait()
		}, nil},
		"never acknowledged": {func(b *books) {
			b.get(b.sayOne(one))
			b.wait()
			b.wait()
		}, map[kind]int{unanswered: 1}},
		"withdrawn": {func(b *books) {
			b.withdraw(b.sayOne(one))
			b.wait()
		}, nil},
		"twice with QoS 2": {func(b *books) {
			m := b.sayOne(two)
			b.get(m)
			b.crash()
			b.get(m)
		}, map[kind]int{twice: 1}},
		"twice with QoS 2, sent twice": {func(b *books) {
			m := b.sayOne(two)
			b.get(m)
			b.crash()
			b.repeat(m)
			b.get(m)
		}, map[kind]int{twice: 1}},
		"twice with QoS 1, around a crash": {func(b *books) {
			m := b.sayOne(one)
			b.get(m)
			b.crash()
			b.get(m)
		}, nil},
		"twice with QoS 1, sent twice": {func(b *books) {
			m := b.sayOne(one)
			b.repeat(m)
			b.get(m, m)
		}, nil},
		"twice with QoS 1, no crash": {func(b *books) {
			m := b.sayOne(one)
			b.get(m, m)
		}, map[kind]int{twice: 1}},
		"twice with QoS 1, long after a crash": {func(b *books) {
			m := b.sayOne(one)
			b.get(m)
			b.acknowledgeAll(m)
			b.wait()
			b.wait()
			b.crash()
			b.get(m)
		}, map[kind]int{twice: 1}},
		"out of order": {func(b *books) {
			m, n := b.sayOne(two), b.sayOne(two)
			b.get(n, m)
		}, map[kind]int{order: 1}},
		"again is not out of order": {func(b *books) {
			m, n := b.sayOne(one), b.sayOne(one)
			b.get(m, n)
			b.crash()
			b.get(m, n)
		}, nil},
		"QoS 1 and 2 have an order each": {func(b *books) {
			m, n := b.sayOne(one), b.sayOne(two)
			b.get(n, m)
		}, nil},
		"with another QoS": {func(b *books) {
			m := b.sayOne(two)
			b.arrive(b.in, "crash/x/0/0", m, one)
		}, map[kind]int{misrouted: 1}},
		"with the QoS that was granted": {func(b *books) {
			b.revoke()
			b.grant(one)
			m := b.sayOne(two)
			b.arrive(b.in, "crash/x/0/0", m, one)
			b.crash()
			b.arrive(b.in, "crash/x/0/0", m, one)
		}, nil},
		"at another topic": {func(b *books) {
			b.arrive(b.in, "crash/x/1/0", b.sayOne(one), one)
		}, map[kind]int{misrouted: 1}},
		"without a subscription": {func(b *books) {
			b.revoke()
			b.get(b.sayOne(one))
		}, map[kind]int{misrouted: 1}},
		"acknowledged before there was a subscription": {func(b *books) {
			b.revoke()
			m := b.sayOne(one)
			b.acknowledgeAll(m)
			b.grant(two)
			b.get(m)
		}, map[kind]int{misrouted: 1}},
		"sent before there was a subscription, and not acknowledged": {func(b *books) {
			b.revoke()
			m := b.sayOne(one)
			b.grant(two)
			b.get(m)
		}, nil},
		"sent before a subscription ended, and not acknowledged": {func(b *books) {
			m := b.sayOne(one)
			b.revoke()
			b.get(m)
		}, nil},
		"while a subscription ends": {func(b *books) {
			m := b.sayOne(one)
			b.unsubscribing(b.in, "crash/x/+/0")
			b.acknowledgeAll(m)
			b.wait() // need not come
			b.get(m) // and may
			b.unsubscribed(b.in, "crash/x/+/0")
		}, nil},
		"after a subscription that nobody confirmed": {func(b *books) {
			b.revoke()
			b.subscribing(b.in, "crash/x/+/0", two)
			m, n := b.sayOne(two), b.sayOne(two)
			b.acknowledgeAll(m, n)
			b.get(n)
			b.wait()
		}, nil},
		"lost though a subscription ended afterwards": {func(b *books) {
			b.acknowledgeAll(b.sayOne(one))
			b.revoke()
			b.wait()
		}, map[kind]int{lost: 1}},
		"never sent": {func(b *books) {
			b.get(message.Message{Stream: message.Stream{QoS: one}, Number: 7})
		}, map[kind]int{broken: 1}},
		"a Session that is lost": {func(b *books) {
			b.acknowledgeAll(b.sayOne(one))
			b.end(b.in)
		}, map[kind]int{lost: 1}},
		"a Session that was ended": {func(b *books) {
			b.acknowledgeAll(b.sayOne(one))
			b.ending(b.in)
			b.end(b.in)
			b.wait()
		}, nil},
		"from a Session that was ended": {func(b *books) {
			m := b.sayOne(one)
			b.acknowledgeAll(m)
			b.ending(b.in)
			b.end(b.in)
			b.grant(two)
			b.get(m)
		}, map[kind]int{sessions: 1}},
		"sent again to a new Session": {func(b *books) {
			m, n := b.sayOne(two), b.sayOne(two)
			b.get(m, n)
			b.ending(b.in)
			b.end(b.in)
			b.grant(two)
			b.repeat(m)
			b.get(m, n)
			b.acknowledgeAll(m, n)
			b.wait()
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBooks(t)
			c.tell(b)
			b.found(c.want)
		})
	}
}

// A violation is told with all that it takes to find its cause, and a flood of
// one kind hides no other.
func TestViolationsAreTold(t *testing.T) {
	b := newBooks(t)
	b.begin(7)
	b.acknowledgeAll(b.sayOne(packet.QoS2))
	b.wait()
	require.Contains(t, b.out.String(), `in cycle 7: lost: in: number 0 of publisher 0, topic 0, QoS 2 at "crash/x/0/0", sent in cycle 7`)
	for range 100 {
		b.violate(twice, "flood")
	}
	require.Equal(t, printed, strings.Count(b.out.String(), "flood"))
	b.violate(order, "not hidden")
	require.Contains(t, b.out.String(), "not hidden")
	b.summarise(nil)
	require.Contains(t, b.out.String(), "violations     102\n")
	require.Regexp(t, `twice +100\n`, b.out.String())
}

// settle returns as soon as all has come, and the wait has a bound.
func TestSettle(t *testing.T) {
	b := newBooks(t)
	m := b.sayOne(packet.QoS1)
	b.acknowledgeAll(m)
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.settle(context.Background(), patience)
	}()
	b.get(m)
	<-done
	b.found(nil)
	require.Equal(t, 1, b.settled)

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	b.acknowledgeAll(b.sayOne(packet.QoS1))
	b.settle(ctx, patience) // a run that ends tells nothing of what is under way
	b.found(nil)
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		filter, topic string
		want          bool
	}{
		{"a/b", "a/b", true}, {"a/b", "a/c", false}, {"a/+", "a/b", true}, {"a/+", "a/b/c", false},
		{"a/+", "a", false}, {"a/#", "a/b/c", true}, {"a/#", "a", true}, {"a", "a/b", false}, {"+/+", "a/b", true},
	} {
		require.Equal(t, c.want, matches(c.filter, c.topic), "%s %s", c.filter, c.topic)
	}
	require.Equal(t, "a/+", plain("$share/g/a/+"))
	require.Equal(t, "a/+", plain("a/+"))
}
