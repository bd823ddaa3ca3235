package troupe

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/faulty"
	"github.com/troupemq/troupe/protocol/packet"
)

// While the disk is full nothing is acknowledged that is not safe, and everything
// else goes on. When there is room again, what waited is acknowledged by itself.
func TestFullDisk(t *testing.T) {
	k := keep(t, faulty.Plan{}, nil)
	k.absent("away", packet.QoS2, "a")
	k.absent("expected", packet.QoS1, "nothing")
	online, from := k.regular("online"), k.guest("from")
	online.subscribe(packet.QoS0, "a")
	require.False(t, from.send(&packet.Publish{QoS: packet.QoS1, Retain: true, Topic: []byte("kept"), Payload: []byte("before")}).IsError())
	others := bystanders{k.guest("speaker"), k.guest("listener")}
	others.to.subscribe(packet.QoS1, "bystanders")

	k.store.SetFull(true)
	var ids []uint16
	for i, text := range texts(20) {
		ids = append(ids, from.begin(packet.QoS(1+i%2), "a", text))
	}
	retained := packet.Publish{QoS: packet.QoS1, Retain: true, Topic: []byte("kept"), Payload: []byte("after"), PacketID: from.next()}
	from.write(retained.Append(nil, packet.V5))
	k.log.await(t, 1, fullLine)
	subscribed := online.sendSubscribe(packet.QoS1, "b")
	newcomer, back := k.knock(durable("newcomer")), k.knock(durable("expected"))
	online.gets(texts(20)...) // with QoS 0: there is nothing to promise
	from.quiet()
	online.quiet()

	// Others need no store, and what is there is read.
	others.talk()
	from.publish(packet.QoS0, "a", "QoS 0")
	online.gets("QoS 0")
	reader := k.guest("reader")
	reader.subscribe(packet.QoS1, "kept")
	reader.gets("after")
	require.EqualValues(t, 1, k.tree.counters.StoreStalled.Load())
	require.Equal(t, "nothing can be written; the log says why", k.Status().Trouble)
	from.quiet()
	online.quiet()
	require.Equal(t, 1, k.log.count(fullLine))

	k.store.SetFull(false)
	k.log.await(t, 1, roomLine)
	for i, id := range ids {
		from.accepted(packet.QoS(1+i%2), id)
	}
	require.Equal(t, packet.NoMatchingSubscribers, from.acked(packet.TypePuback, retained.PacketID))
	for i := 1; i < len(ids); i += 2 {
		from.release(ids[i])
	}
	online.suback(subscribed)
	require.Equal(t, packet.Success, newcomer.entered().Code)
	require.True(t, back.entered().SessionPresent)
	require.Zero(t, k.tree.counters.StoreStalled.Load())
	require.Empty(t, k.Status().Trouble)

	after := k.again(k.inner.CrashClone())
	away := after.regular("away")
	next := map[packet.QoS]int{packet.QoS1: 0, packet.QoS2: 1} // there is an order for each QoS
	for range 20 {
		p := away.receive()
		require.Equal(t, texts(20)[next[p.QoS]], string(p.Payload))
		next[p.QoS] += 2
	}
	require.True(t, after.regular("newcomer").present)
	require.True(t, after.regular("online").present)
	require.Equal(t, packet.Success, after.guest("from").publish(packet.QoS1, "b", "to who subscribed meanwhile"))
	reader = after.guest("reader")
	reader.subscribe(packet.QoS1, "kept")
	reader.gets("after")
}

// Who publishes and takes no acknowledgements, because there are none, is not read
// for ever.
func TestFullDiskSlowsThePublisher(t *testing.T) {
	k := keep(t, faulty.Plan{}, func(c *configs.Config) { c.Limits.ReceiveMaximum = 65535 })
	k.absent("away", packet.QoS1, "a")
	from := k.guest("from")
	k.store.SetFull(true)
	const messages = 2000
	payload := string(make([]byte, 10<<10))
	var ids []uint16
	var stream []byte
	for range messages {
		p := packet.Publish{QoS: packet.QoS1, Topic: []byte("a"), Payload: []byte(payload), PacketID: from.next()}
		ids, stream = append(ids, p.PacketID), p.Append(stream, packet.V5)
	}
	var written atomic.Int64
	sent := make(chan error, 1)
	go func() {
		for rest := stream; len(rest) > 0; {
			n, err := from.conn.Write(rest[:min(len(rest), 64<<10)])
			if err != nil {
				sent <- err
				return
			}
			written.Add(int64(n))
			rest = rest[n:]
		}
		sent <- nil
	}()
	k.log.await(t, 1, fullLine)
	session := sessionOf(t, k.Broker, "from")
	held := func() bool { return k.tree.counters.PublishBytesIn.Load() > 1<<20 }
	for deadline := time.Now().Add(patience); !held(); {
		require.True(t, time.Now().Before(deadline))
		settle(t, k.Broker, session)
	}
	for range 50 { // whatever was read is handled
		settle(t, k.Broker, session)
	}
	require.Less(t, k.tree.counters.PublishBytesIn.Load(), int64(3<<20))
	require.Empty(t, sent)

	k.store.SetFull(false)
	for _, id := range ids {
		from.accepted(packet.QoS1, id)
	}
	require.NoError(t, wait(t, sent, "it is not read any more"))
	require.EqualValues(t, messages, k.tree.counters.MessagesQueued.Load())
}

// A shutdown does not wait for room for ever, and at once if it is told to.
func TestShutdownWithAFullDisk(t *testing.T) {
	k := keep(t, faulty.Plan{}, nil)
	k.absent("away", packet.QoS1, "a")
	from := k.guest("from")
	k.store.SetFull(true)
	from.begin(packet.QoS1, "a", "never acknowledged")
	k.log.await(t, 1, fullLine)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	began := time.Now()
	require.ErrorIs(t, k.Shutdown(ctx), context.Canceled)
	require.Less(t, time.Since(began), flushMost/2)
	from.unanswered()

	after := k.again(k.inner.Clone())
	away := after.regular("away")
	require.True(t, away.present)
	away.quiet()
}

// A group that was written and could not be made safe is not written twice.
func TestFullDiskAtTheSync(t *testing.T) {
	var full atomic.Bool
	k := keep(t, faulty.Plan{Sync: func(int) error {
		if full.Load() {
			return persistence.ErrNoSpace
		}
		return nil
	}}, nil)
	k.absent("one", packet.QoS1, "a")
	k.absent("two", packet.QoS1, "a")
	from := k.guest("from")
	full.Store(true)
	id := from.begin(packet.QoS1, "a", "to both")
	k.log.await(t, 1, fullLine)
	from.quiet()
	full.Store(false)
	from.accepted(packet.QoS1, id)

	after := k.again(k.inner.CrashClone())
	for _, name := range []string{"one", "two"} {
		c := after.regular(name)
		c.gets("to both")
		c.ping()
	}
	require.NoError(t, after.Shutdown(within(t)))
	require.Zero(t, bodies(t, after.inner), "the shared body goes with its last receiver")
}

// A Clean Start waits for the end of a Session that the store has, and for nothing
// if it has none of it.
func TestFullDiskAndCleanStart(t *testing.T) {
	k := keep(t, faulty.Plan{}, nil)
	k.absent("away", packet.QoS1, "a")
	guest := k.guest("guest")
	guest.subscribe(packet.QoS1, "b")
	k.store.SetFull(true)
	k.guest("from").begin(packet.QoS1, "a", "wakes the journal")
	k.log.await(t, 1, fullLine)
	for range 3 {
		guest = k.guest("guest")
		guest.ping()
	}

	// The second who comes waits for the same as the first.
	clean := durable("away")
	clean.CleanStart = true
	first := k.knock(clean)
	for deadline := time.Now().Add(patience); k.tree.counters.Sessions.Load() != 4; { // away twice, guest, from
		require.True(t, time.Now().Before(deadline))
		settle(t, k.Broker, k.tree.journal)
	}
	clean.SessionExpiry = 0
	second := k.knock(clean)
	first.gone()
	_ = second.conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	_, err := second.in.Peek(1)
	require.Error(t, err, "the Session before is there after a crash")
	k.store.SetFull(false)
	require.False(t, second.entered().SessionPresent)
	require.False(t, k.again(k.inner.CrashClone()).regular("away").present)
}

// With durability memory nobody waits for the disk, so there would be no end to
// what is acknowledged and lost: it is refused while there is no room.
func TestFullDiskRefusesWithDurabilityMemory(t *testing.T) {
	k := keep(t, faulty.Plan{}, func(c *configs.Config) {
		c.Durability = configs.DurabilityMemory
		c.Persistence.FlushInterval = configs.Duration(time.Millisecond)
	})
	k.absent("away", packet.QoS1, "a")
	from := k.guest("from")
	require.Equal(t, packet.Success, from.publish(packet.QoS1, "a", "before"))
	k.store.SetFull(true)
	require.Equal(t, packet.Success, from.publish(packet.QoS1, "a", "within the loss window"))
	k.log.await(t, 1, fullLine)
	require.Equal(t, packet.QuotaExceeded, from.publish(packet.QoS1, "a", "refused"))
	k.store.SetFull(false)
	k.log.await(t, 1, roomLine)
	require.Equal(t, packet.Success, from.publish(packet.QoS1, "a", "after"))
	away := k.regular("away")
	away.gets("before", "within the loss window", "after")
}

// With durability memory no more is acknowledged than may be lost, however slow
// the disk is.
func TestLossWindowIsABound(t *testing.T) {
	slow, release := make(chan struct{}), make(chan struct{})
	k := keep(t, faulty.Plan{Apply: func(int, *persistence.Batch) error {
		select {
		case <-slow:
			<-release
		default:
		}
		return nil
	}}, func(c *configs.Config) {
		c.Durability = configs.DurabilityMemory
		c.Persistence.FlushInterval = configs.Duration(time.Hour)
		c.Persistence.FlushMessages = 10
	})
	free := sync.OnceFunc(func() { close(release) })
	t.Cleanup(free)
	k.absent("away", packet.QoS1, "a")
	from := k.guest("from")
	close(slow)
	for _, text := range texts(10) {
		require.Equal(t, packet.Success, from.publish(packet.QoS1, "a", text))
	}
	more := from.begin(packet.QoS1, "a", "beyond the window")
	from.quiet()
	free()
	from.accepted(packet.QoS1, more)
	away := k.regular("away")
	away.gets(append(texts(10), "beyond the window")...)
}
