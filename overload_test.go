package troupe

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/protocol/packet"
)

// deaf is a Client that subscribes and then reads nothing.
func deaf(t testing.TB, b *Broker, qos packet.QoS, filter string) *client {
	t.Helper()
	c := connect(t, b, "deaf")
	c.subscribe(qos, filter)
	return c
}

// flood publishes n messages of a size to a topic, as fast as they are taken,
// with up to a window of them unacknowledged, and gives the Reason Codes.
func (c *client) flood(qos packet.QoS, topic string, n, size int) map[packet.ReasonCode]int {
	c.t.Helper()
	codes := make(map[packet.ReasonCode]int)
	padding := strings.Repeat("x", size)
	const window = 50
	var batch []byte
	flush := func(acks int) {
		c.write(batch)
		batch = batch[:0]
		for range acks {
			var ack packet.Puback
			require.NoError(c.t, ack.Decode(c.expect(packet.TypePuback), packet.V5))
			codes[ack.Code]++
		}
	}
	for i := range n {
		p := packet.Publish{QoS: qos, Topic: []byte(topic), Payload: fmt.Appendf(nil, "%06d%s", i, padding)}
		if qos > packet.QoS0 {
			p.PacketID = c.next()
		}
		batch = p.Append(batch, packet.V5)
		if (i+1)%window == 0 || i == n-1 {
			acks := 0
			if qos > packet.QoS0 {
				acks = i%window + 1
			}
			flush(acks)
		}
	}
	c.ping()
	return codes
}

// floods is flood in the background; the channel is closed when all is sent.
func (c *client) floods(qos packet.QoS, topic string, n, size int) <-chan struct{} {
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		c.flood(qos, topic, n, size)
	}()
	return sent
}

// drains reads and acknowledges what comes until nothing more does, and gives
// the numbers of the messages.
func (c *client) drains() (numbers []string) {
	c.t.Helper()
	for quiet := 0; ; {
		c.ping()
		if len(c.inbox) == 0 {
			// What PUBACKs make room for comes behind the answer to a PINGREQ
			// that was read together with them.
			if quiet++; quiet == 2 {
				return numbers
			}
			continue
		}
		quiet = 0
		var acks []byte
		for _, p := range c.inbox {
			numbers = append(numbers, string(p.Payload[:6]))
			if p.QoS == packet.QoS1 {
				ack := packet.Puback{PacketID: p.PacketID}
				acks = ack.Append(acks, packet.V5)
			}
		}
		c.inbox = nil
		c.write(acks)
	}
}

func rising(t testing.TB, numbers []string) {
	t.Helper()
	for i := 1; i < len(numbers); i++ {
		require.Less(t, numbers[i-1], numbers[i], "out of order")
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestFloodOfQoS0(t *testing.T) {
	b := start(t)
	others := stand(t, b)
	before := heap()
	slow := deaf(t, b, packet.QoS0, "flood")
	publisher := connect(t, b, "publisher")
	const n, size = 40_000, 1000
	for range 4 {
		publisher.flood(packet.QoS0, "flood", n/4, size)
		others.talk()
	}
	settle(t, b, sessionOf(t, b, "deaf"))
	grown := heap() - before
	require.Less(t, grown, int64(24<<20), "of %d bytes", n*size)

	numbers := slow.drains()
	dropped := int(b.tree.counters.DroppedCongested.Load())
	require.Positive(t, dropped)
	require.Equal(t, n, len(numbers)+dropped, "every message is delivered or counted")
	others.talk()
	require.Equal(t, packet.Success, publisher.publish(packet.QoS0, "flood", "000000"))
	slow.receive()
}

func TestFloodOfQoS1(t *testing.T) {
	const n, bound, inflight = 5000, 500, 100
	run := func(t *testing.T, overflow configs.Overflow) (b *Broker, j diary, codes map[packet.ReasonCode]int, numbers []string) {
		j = newDiary()
		b = startWith(t, func(c *configs.Config) {
			c.Session.Queue.MaxMessages = bound
			c.Session.Queue.Overflow = overflow
			c.Session.Queue.Patience = 0
			c.Limits.MaxInflight = inflight
		}, j.option())
		others := stand(t, b)
		slow := deaf(t, b, packet.QoS1, "flood")
		publisher := connect(t, b, "publisher")
		codes = publisher.flood(packet.QoS1, "flood", n, 100)
		require.LessOrEqual(t, b.tree.counters.MessagesQueued.Load(), int64(2*bound))
		others.talk()
		numbers = slow.drains()
		rising(t, numbers)
		require.EqualValues(t, 0, b.tree.counters.MessagesQueued.Load())
		require.Equal(t, packet.Success, publisher.publish(packet.QoS1, "flood", "again!"))
		slow.gets("again!")
		others.talk()
		return b, j, codes, numbers
	}
	const warning = "queue at its bound, messages are dropped"
	t.Run("drop-oldest", func(t *testing.T) {
		b, j, codes, numbers := run(t, configs.OverflowDropOldest)
		require.Equal(t, map[packet.ReasonCode]int{packet.Success: n}, codes)
		require.Len(t, numbers, inflight+bound)
		require.Equal(t, fmt.Sprintf("%06d", inflight-1), numbers[inflight-1])
		require.Equal(t, fmt.Sprintf("%06d", n-bound), numbers[inflight])
		require.EqualValues(t, n-len(numbers), b.tree.counters.DroppedQueueFull.Load())
		require.Equal(t, 1, j.count(warning))
	})
	t.Run("drop-newest", func(t *testing.T) {
		b, j, codes, numbers := run(t, configs.OverflowDropNewest)
		require.Equal(t, map[packet.ReasonCode]int{packet.Success: n}, codes)
		require.Len(t, numbers, inflight+bound)
		require.Equal(t, fmt.Sprintf("%06d", inflight+bound-1), numbers[len(numbers)-1])
		require.EqualValues(t, n-len(numbers), b.tree.counters.DroppedQueueFull.Load())
		require.Equal(t, 1, j.count(warning))
	})
	t.Run("reject", func(t *testing.T) {
		b, j, codes, numbers := run(t, configs.OverflowReject)
		require.Positive(t, codes[packet.QuotaExceeded])
		require.Equal(t, codes[packet.Success], len(numbers), "what was acknowledged is delivered")
		require.Equal(t, n, codes[packet.Success]+codes[packet.QuotaExceeded])
		require.GreaterOrEqual(t, len(numbers), inflight+bound)
		require.LessOrEqual(t, len(numbers), inflight+2*bound)
		require.EqualValues(t, codes[packet.QuotaExceeded], b.tree.counters.RefusedQuota.Load())
		require.EqualValues(t, 0, b.tree.counters.DroppedQueueFull.Load())
		require.Zero(t, j.count(warning))
	})
}

func TestRejectedPublishOfTheProgram(t *testing.T) {
	b := startWith(t, func(c *configs.Config) {
		c.Session.Queue.MaxMessages = 3
		c.Session.Queue.Overflow = configs.OverflowReject
	})
	away := connect(t, b, "away")
	away.subscribe(packet.QoS1, "a")
	session := sessionOf(t, b, "away")
	away.leave()
	for b.tree.counters.ClientsConnected.Load() > 0 {
		settle(t, b, session)
	}
	for range 3 {
		publish(t, b, "a", "x")
		settle(t, b, session)
	}
	err := b.Publish(within(t), Message{Topic: "a", QoS: AtLeastOnce})
	var refused *RefusedError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, packet.QuotaExceeded, refused.Code)
	require.ErrorContains(t, err, "publish to a refused: ")
	away = connect(t, b, "away")
	away.gets("x", "x", "x")
	away.ping()
	publish(t, b, "a", "room again")
	away.gets("room again")
}

// What waits for Clients that are away is bounded in bytes too.
func TestQueueIsBoundedInBytes(t *testing.T) {
	b := startWith(t, func(c *configs.Config) {
		c.Session.Queue.MaxBytes = 100_000
		c.Session.Queue.Patience = 0
	})
	slow := deaf(t, b, packet.QoS1, "flood")
	publisher := connect(t, b, "publisher")
	publisher.flood(packet.QoS1, "flood", 1000, 10_000)
	require.LessOrEqual(t, b.tree.counters.BytesQueued.Load(), int64(100_000))
	require.Positive(t, b.tree.counters.BytesQueued.Load())
	rising(t, slow.drains())
	require.EqualValues(t, 0, b.tree.counters.BytesQueued.Load())
}

// TestSlowClientSlowsItsPublishers: who reads, however slowly, loses nothing of
// QoS 1, and what waits for it is bounded.
func TestSlowClientSlowsItsPublishers(t *testing.T) {
	const n, bound, inflight = 5000, 500, 100
	b := startWith(t, func(c *configs.Config) {
		c.Session.Queue.MaxMessages = bound
		c.Session.Queue.Patience = configs.Duration(time.Hour)
		c.Limits.MaxInflight = inflight
	})
	others := stand(t, b)
	slow := deaf(t, b, packet.QoS1, "flood")
	sent := connect(t, b, "publisher").floods(packet.QoS1, "flood", n, 100)
	for b.tree.counters.ClientsStrained.Load() == 0 {
		others.talk()
	}
	others.talk()
	select {
	case <-sent:
		require.FailNow(t, "nothing slows the publisher down")
	default:
	}
	var numbers []string
	for len(numbers) < n {
		require.LessOrEqual(t, b.tree.counters.MessagesQueued.Load(), int64(2*bound))
		numbers = append(numbers, slow.drains()...)
	}
	wait(t, sent, "the publisher does not go on")
	rising(t, numbers)
	require.Len(t, numbers, n)
	require.Zero(t, b.tree.counters.DroppedQueueFull.Load())
	settle(t, b, sessionOf(t, b, "deaf"))
	require.Zero(t, b.tree.counters.ClientsStrained.Load())
	others.talk()
}

// TestStuckClientIsNotWaitedFor: one that takes nothing holds its publishers up
// for the patience of the configuration, or until it is gone.
func TestStuckClientIsNotWaitedFor(t *testing.T) {
	const n, bound, inflight = 3000, 300, 100
	limits := func(patience time.Duration) func(c *configs.Config) {
		return func(c *configs.Config) {
			c.Session.Queue.MaxMessages = bound
			c.Session.Queue.Patience = configs.Duration(patience)
			c.Limits.MaxInflight = inflight
		}
	}
	t.Run("patience", func(t *testing.T) {
		b := startWith(t, limits(50*time.Millisecond))
		slow := deaf(t, b, packet.QoS1, "flood")
		codes := connect(t, b, "publisher").flood(packet.QoS1, "flood", n, 100)
		require.Equal(t, map[packet.ReasonCode]int{packet.Success: n}, codes)
		dropped := int(b.tree.counters.DroppedQueueFull.Load())
		require.Positive(t, dropped)
		require.Len(t, slow.drains(), n-dropped)
		require.Zero(t, b.tree.counters.ClientsStrained.Load())
	})
	t.Run("gone", func(t *testing.T) {
		b := startWith(t, limits(time.Hour))
		slow := deaf(t, b, packet.QoS1, "flood")
		sent := connect(t, b, "publisher").floods(packet.QoS1, "flood", n, 100)
		for b.tree.counters.ClientsStrained.Load() == 0 {
			slow.ping()
		}
		slow.leave()
		wait(t, sent, "the publisher waits for a client that is gone")
		require.Zero(t, b.tree.counters.ClientsStrained.Load())
	})
}

// A session that cannot be given its turn slows its publishers down, and
// nobody else.
func TestPublisherIsSlowedDown(t *testing.T) {
	b := start(t)
	others := stand(t, b)
	slow := deaf(t, b, packet.QoS0, "flood")
	publisher := connect(t, b, "publisher")
	held := park(t, b, sessionOf(t, b, "deaf"))
	const n, size = 3000, 60_000
	sent := publisher.floods(packet.QoS0, "flood", n, size)
	held.until(t, 1024)
	for range 20 {
		others.talk()
	}
	select {
	case <-sent:
		require.FailNow(t, "nothing slows the publisher down")
	default:
	}
	require.Less(t, held.mailbox.Depth(), 1200, "the mailbox has no bound")
	held.release()
	wait(t, sent, "the publisher does not go on")
	delivered := len(slow.drains())
	require.Equal(t, n, delivered+int(b.tree.counters.DroppedCongested.Load()))
	others.talk()
}
