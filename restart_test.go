package troupe

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/faulty"
	"github.com/troupemq/troupe/persistence/memory"
	"github.com/troupemq/troupe/protocol/packet"
)

// What a broker finds that comes after one that was cut off: the Session with all
// that belongs to it.
func TestSessionAfterARestart(t *testing.T) {
	k := keep(t, faulty.Plan{}, nil)
	c := k.regular("c")
	sub := packet.Subscribe{PacketID: c.next(), SubscriptionID: 7, Filters: []packet.TopicFilter{
		{Filter: []byte("a"), SubscriptionOptions: packet.SubscriptionOptions{QoS: packet.QoS2, NoLocal: true, RetainAsPublished: true}},
	}}
	c.write(sub.Append(nil, packet.V5))
	c.suback(sub.PacketID)
	c.subscribe(packet.QoS1, "b/+", "gone", "$share/group/s")
	unsub := packet.Unsubscribe{PacketID: c.next(), Filters: [][]byte{[]byte("gone")}}
	c.write(unsub.Append(nil, packet.V5))
	c.expect(packet.TypeUnsuback)
	from := k.guest("from")

	// To the Client: one unacknowledged, one of QoS 2 not received, one not completed.
	require.Equal(t, packet.Success, from.publish(packet.QoS1, "a", "one"))
	require.Equal(t, packet.Success, from.publish(packet.QoS2, "a", "two"))
	require.Equal(t, packet.Success, from.publish(packet.QoS2, "a", "three"))
	require.Equal(t, packet.Success, from.publish(packet.QoS1, "b/1", "four"))
	one, two, three := c.receive(), c.receive(), c.receive()
	c.gets("four") // and is done with
	rec := packet.Pubrec{PacketID: three.PacketID}
	c.write(rec.Append(nil, packet.V5))
	c.expect(packet.TypePubrel)
	// From the Client: one of QoS 2 that it has not released.
	own := packet.Publish{QoS: packet.QoS2, PacketID: 77, Topic: []byte("witnessed"), Payload: []byte("once")}
	witness := k.guest("witness")
	witness.subscribe(packet.QoS1, "witnessed")
	c.write(own.Append(nil, packet.V5))
	c.accepted(packet.QoS2, own.PacketID)
	witness.gets("once")
	c.quiet()
	c.leave()
	k.log.await(t, 1, "client disconnected", "client", "c")
	queue := texts(300)
	for i, text := range queue {
		require.Equal(t, packet.Success, from.publish(packet.QoS1, fmt.Sprint("b/", i%3), text))
	}

	for round := range 3 { // each time all of it is as before
		k = k.again(k.inner.CrashClone())
		require.EqualValues(t, 3, k.tree.counters.Subscriptions.Load(), "round %d", round)
		require.EqualValues(t, len(queue), k.tree.counters.MessagesQueued.Load())
		if round == 1 {
			continue // nobody came
		}
		few := durable("c")
		few.ReceiveMaximum = 3 // no more than what is in flight
		c = connectWith(t, dial(t, k.Broker), few)
		require.True(t, c.present)
		var again []*packet.Publish
		released := false
		for len(again) < 2 || !released {
			frame, err := c.frame()
			require.NoError(t, err)
			switch packet.Type(frame[0] >> 4) {
			case packet.TypePubrel:
				var rel packet.Pubrel
				require.NoError(t, rel.Decode(frame, packet.V5))
				require.Equal(t, three.PacketID, rel.PacketID)
				released = true
			default:
				again = append(again, c.decode(frame))
			}
		}
		for i, old := range []*packet.Publish{one, two} {
			require.True(t, again[i].Dup)
			require.Equal(t, old.PacketID, again[i].PacketID)
			require.Equal(t, old.QoS, again[i].QoS)
			require.Equal(t, string(old.Payload), string(again[i].Payload))
			require.Equal(t, []uint32{7}, again[i].SubscriptionIDs)
		}
	}
	c.write((&packet.Puback{PacketID: one.PacketID}).Append(nil, packet.V5))
	c.write((&packet.Pubcomp{PacketID: three.PacketID}).Append(nil, packet.V5))
	c.gets(queue...)

	witness = k.guest("witness")
	witness.subscribe(packet.QoS1, "witnessed")
	own.Dup = true
	c.write(own.Append(nil, packet.V5))
	c.accepted(packet.QoS2, own.PacketID)
	c.release(own.PacketID)
	witness.quiet()

	// The subscriptions have their options.
	require.Equal(t, packet.NoMatchingSubscribers, c.publish(packet.QoS1, "a", "no local"))
	from = k.guest("from")
	from.send(&packet.Publish{QoS: packet.QoS1, Retain: true, Topic: []byte("a"), Payload: []byte("live")})
	live := c.receive()
	require.Equal(t, "live", string(live.Payload))
	require.True(t, live.Retain)
	require.Equal(t, []uint32{7}, live.SubscriptionIDs)
	require.Equal(t, packet.Success, from.publish(packet.QoS1, "s", "shared"))
	c.gets("shared")
	require.Equal(t, packet.NoMatchingSubscribers, from.publish(packet.QoS1, "gone", "to nobody"))
}

func TestRetainedAfterARestart(t *testing.T) {
	k := keep(t, faulty.Plan{}, nil)
	from := k.guest("from")
	for i, text := range texts(100) {
		from.send(&packet.Publish{QoS: packet.QoS1, Retain: true, Topic: fmt.Append(nil, "r/", i%10), Payload: []byte(text)})
	}
	from.send(&packet.Publish{QoS: packet.QoS1, Retain: true, Topic: []byte("r/3")})
	from.send(&packet.Publish{QoS: packet.QoS1, Retain: true, Topic: []byte("r/x"), Payload: []byte("x"), HasMessageExpiry: true, MessageExpiry: 3600})
	require.NoError(t, k.Publish(within(t), Message{Topic: "r/program", Payload: []byte("program"), QoS: AtLeastOnce, Retain: true}))

	after := k.again(k.inner.CrashClone())
	require.EqualValues(t, 11, after.tree.counters.RetainedMessages.Load())
	c := after.guest("c")
	c.subscribe(packet.QoS1, "r/#")
	got := make(map[string]string)
	for range 11 {
		p := c.receive()
		require.True(t, p.Retain)
		got[string(p.Topic)] = string(p.Payload)
		if string(p.Topic) == "r/x" {
			require.True(t, p.HasMessageExpiry)
			require.LessOrEqual(t, p.MessageExpiry, uint32(3600))
		}
	}
	c.quiet()
	want := map[string]string{"r/x": "x", "r/program": "program"}
	for i := range 10 {
		want[fmt.Sprint("r/", i)] = fmt.Sprint("message ", 90+i)
	}
	delete(want, "r/3")
	require.Equal(t, want, got)
}

// shift moves what is said of the time in the Records of a store: as if the broker
// had been down for so long, or, if it is negative, as if the clock had been set
// back since.
func shift(t testing.TB, s *memory.Store, by time.Duration) *memory.Store {
	t.Helper()
	var b persistence.Batch
	require.NoError(t, s.Scan(persistence.PartSession.Key(), nil, func(key, value []byte) bool {
		r, err := persistence.DecodeRecord(value)
		require.NoError(t, err)
		for _, at := range []*int64{&r.EndAt, &r.WillAt} {
			if *at != 0 {
				*at -= by.Milliseconds()
			}
		}
		b.Put(append([]byte(nil), key...), persistence.AppendRecord(nil, r))
		return true
	}))
	require.NoError(t, s.Apply(&b))
	require.NoError(t, s.Sync())
	return s
}

// wills is a broker with Clients that have Wills, and an heir who is away.
func wills(t testing.TB) *keeper {
	k := keep(t, faulty.Plan{}, nil)
	k.absent("heir", packet.QoS1, "will/#")
	for name, delay := range map[string]uint32{"now": 0, "later": 60, "waiting": 60} {
		p := durable(name)
		p.Will = &packet.Will{QoS: packet.QoS1, Topic: []byte("will/" + name), Payload: []byte(name), DelayInterval: delay}
		c := connectWith(t, dial(t, k.Broker), p)
		if name == "waiting" {
			_ = c.conn.Close()
			k.log.await(t, 1, "client disconnected", "client", name)
		}
	}
	// Nobody waits for the Record of a Client that is gone: a flush has it.
	k.tree.flush(within(t))
	return k
}

// A Client that was connected when the broker was cut off is gone, and its Will is
// due; one that was due meanwhile is published at the start.
func TestWillsAfterARestart(t *testing.T) {
	k := wills(t)
	soon := k.again(k.inner.CrashClone())
	heir := soon.regular("heir")
	heir.gets("now")
	heir.quiet()

	late := k.again(shift(t, k.inner.CrashClone(), time.Hour/2))
	heir = late.regular("heir")
	got := []string{string(heir.receive().Payload), string(heir.receive().Payload)}
	require.ElementsMatch(t, []string{"now", "waiting"}, got, "what was connected is gone since now")
	heir.quiet()

	// Who comes back in time has no Will any more.
	back := k.again(k.inner.CrashClone())
	back.regular("waiting").leave()
	back.regular("later").leave()
	heir = back.regular("heir")
	heir.gets("now")
	heir.quiet()
}

// A Session that expired while the broker was down is over at the start, and
// nothing of it is left.
func TestExpiryWhileTheBrokerIsDown(t *testing.T) {
	k := keep(t, faulty.Plan{}, nil)
	k.absent("away", packet.QoS1, "a", "b")
	from := k.guest("from")
	for _, text := range texts(10) {
		require.Equal(t, packet.Success, from.publish(packet.QoS1, "a", text))
	}
	k.tree.flush(within(t))

	in := k.again(shift(t, k.inner.CrashClone(), 59*time.Minute))
	away := in.regular("away")
	require.True(t, away.present)
	away.gets(texts(10)...)

	after := k.again(shift(t, k.inner.CrashClone(), 61*time.Minute))
	from = after.guest("from")
	away = after.regular("away")
	require.False(t, away.present)
	require.Equal(t, packet.NoMatchingSubscribers, from.publish(packet.QoS1, "a", "to nobody"))
	away.quiet()
	away.leave()
	require.NoError(t, after.Shutdown(within(t)))
	last := after.again(after.inner.CrashClone()) // and what is left of it was removed
	require.NoError(t, last.Shutdown(within(t)))
	left := make(map[persistence.Part]int)
	require.NoError(t, last.inner.Scan(nil, nil, func(key, _ []byte) bool { left[persistence.Part(key[0])]++; return true }))
	delete(left, persistence.PartMeta)
	require.Equal(t, map[persistence.Part]int{persistence.PartSession: 1}, left, "that of the Session that came after")
}

// A clock that is set back makes no Session live for longer than its interval, and
// that does not begin anew with each restart.
func TestClockSetBack(t *testing.T) {
	k := wills(t)
	after := k.again(shift(t, k.inner.CrashClone(), -1000*time.Hour))
	sane := func() bool {
		most, sane := time.Now().Add(time.Hour).UnixMilli(), 0
		require.NoError(t, persistence.ReadSessions(after.inner, func(s persistence.SavedSession) error {
			if s.Record.EndAt != 0 && s.Record.EndAt <= most && s.Record.WillAt <= most {
				sane++
			}
			return nil
		}))
		return sane == 4
	}
	for deadline := time.Now().Add(patience); !sane(); {
		require.True(t, time.Now().Before(deadline), "the store is not told")
		settle(t, after.Broker, after.tree.journal)
	}
}

// Each level keeps what it promises.
func TestLevels(t *testing.T) {
	for _, level := range []configs.Durability{configs.DurabilityProcess, configs.DurabilityDisk} {
		k := keep(t, faulty.Plan{}, func(c *configs.Config) { c.Durability = level })
		k.absent("away", packet.QoS1, "a")
		from := k.guest("from")
		for i, text := range texts(20) {
			require.Equal(t, packet.Success, from.publish(packet.QoS1, "a", text))
			left := k.inner.Clone()
			if level == configs.DurabilityDisk {
				left = k.inner.CrashClone()
			}
			require.Equal(t, i+1, waiting(t, left), "%s", level)
		}
	}
}

// waiting is how many messages wait in a store for its only Session.
func waiting(t testing.TB, s persistence.Store) (n int) {
	t.Helper()
	require.NoError(t, persistence.ReadSessions(s, func(saved persistence.SavedSession) error {
		if saved.Head != nil {
			n += saved.Head.Messages
		}
		return nil
	}))
	return n
}

// With durability `memory` nobody waits for the store, and so much is lost as is
// configured.
func TestLossWindow(t *testing.T) {
	groups := make(chan struct{}, 1000)
	k := keep(t, faulty.Plan{Apply: func(int, *persistence.Batch) error { groups <- struct{}{}; return nil }}, func(c *configs.Config) {
		c.Durability = configs.DurabilityMemory
		c.Persistence.FlushInterval = configs.Duration(time.Hour)
		c.Persistence.FlushMessages = 50
	})
	k.absent("away", packet.QoS1, "a")
	k.tree.flush(within(t))
	from := k.guest("from")
	for len(groups) > 0 {
		<-groups
	}
	all := texts(70)
	for i, text := range all {
		require.Equal(t, packet.Success, from.publish(packet.QoS1, "a", text))
		if i == 48 {
			require.Empty(t, groups)
			require.Zero(t, waiting(t, k.inner))
		}
		if i == 49 {
			wait(t, groups, "so many messages are no reason to write")
			k.tree.flush(within(t))
			require.Equal(t, 50, waiting(t, k.inner))
		}
	}
	require.Equal(t, 50, waiting(t, k.inner))
	after := k.again(k.inner.Clone())
	away := after.regular("away")
	away.gets(all[:50]...)
	away.quiet()

	// An orderly end loses nothing.
	require.NoError(t, k.Shutdown(within(t)))
	away = k.again(k.inner.Clone()).regular("away")
	away.gets(all...)
	away.quiet()
}

// The interval writes what little there is.
func TestFlushInterval(t *testing.T) {
	k := keep(t, faulty.Plan{}, func(c *configs.Config) {
		c.Durability = configs.DurabilityMemory
		c.Persistence.FlushInterval = configs.Duration(50 * time.Millisecond)
	})
	k.absent("away", packet.QoS1, "a")
	require.Equal(t, packet.Success, k.guest("from").publish(packet.QoS1, "a", "x"))
	for deadline := time.Now().Add(patience); waiting(t, k.inner) == 0; {
		require.True(t, time.Now().Before(deadline), "nobody writes it")
		settle(t, k.Broker, k.tree.journal)
	}
}
