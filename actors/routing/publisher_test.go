package routing_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/actors/actortest"
	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/routing"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// field is a publisher among witnesses.
type field struct {
	*testing.T
	stage     *actortest.Stage
	tables    *routing.Tables
	self      *actortest.Witness
	own       *message.Receiver // the publisher as a subscriber
	publisher routing.Publisher
	keepers   []*actortest.Witness
}

func newField(t *testing.T) *field {
	f := &field{T: t, stage: actortest.NewStage()}
	f.tables = routing.New(f.stage.Root, 8, 4)
	for i := range f.tables.Retained {
		f.keepers = append(f.keepers, f.stage.Witness())
		f.tables.Retained[i] = f.keepers[i].PID
	}
	f.self = f.stage.Witness()
	f.own = f.stage.Receiver(f.self)
	f.publisher = routing.NewPublisher(f.tables, f.self.PID, f.own.ID)
	return f
}

// member is a witness with his place in the index.
type member struct {
	*actortest.Witness
	*message.Receiver
}

func (f *field) member() member {
	w := f.stage.Witness()
	r := f.stage.Receiver(w)
	r.Online.Store(true)
	return member{w, r}
}

func (f *field) put(r *message.Receiver, filter string, id uint32, options packet.SubscriptionOptions) {
	shard := f.tables.Shard(filter)
	edit := f.tables.Snapshot(shard).Edit()
	edit.Put(filter, r.ID, f.tables.Subscription(r, &message.Filter{Name: filter, ID: id, Options: options}))
	f.tables.Publish(shard, edit.Commit())
}

func (f *field) subscribe(r *message.Receiver, qos packet.QoS, filters ...string) {
	for _, filter := range filters {
		f.put(r, filter, 0, packet.SubscriptionOptions{QoS: qos})
	}
}

// run is a message of QoS 1.
func run(topic, payload string) *packet.Run {
	return packet.NewRun(&packet.Publish{QoS: packet.QoS1, Topic: []byte(topic), Payload: []byte(payload)}, packet.V5)
}

// lend moves the bytes of a run into a slab, which shows by what it scrubs when
// somebody reads them for longer than he holds them.
func lend(r *packet.Run) *packet.Run {
	slab := (&message.Slabs{Least: 1, Scrub: true}).Lend(len(r.Frames))
	at := bytes.Index(r.Frames, r.Topic)
	copy(slab.B, r.Frames)
	return &packet.Run{
		Frames: slab.B, Count: r.Count, Version: r.Version, QoS: r.QoS, Retain: r.Retain,
		Topic: slab.B[at : at+len(r.Topic)], Largest: r.Largest, Slab: cap(slab.B), Lent: slab,
	}
}

func (f *field) publish(runs ...*packet.Run) []packet.ReasonCode {
	return f.publisher.Publish(runs, 1000, nil)
}

// payloads tells what a witness was delivered, message by message.
func payloads(t *testing.T, got []any) (all []string) {
	t.Helper()
	for _, m := range got {
		d, ok := m.(*message.Deliver)
		require.True(t, ok, "%T", m)
		for _, r := range d.Runs {
			for one := range r.Each() {
				var p packet.Publish
				require.NoError(t, p.Decode(one.Frames, one.Version))
				all = append(all, string(p.Payload))
			}
		}
	}
	return all
}

func one(t *testing.T, m member) *message.Deliver {
	t.Helper()
	got := m.Got()
	require.Len(t, got, 1)
	return got[0].(*message.Deliver)
}

func TestReceiversOnTheSameTermsShareOneDeliver(t *testing.T) {
	f := newField(t)
	var alike []member
	for range 5 {
		m := f.member()
		f.subscribe(m.Receiver, packet.QoS1, "a")
		alike = append(alike, m)
	}
	other := f.member()
	f.subscribe(other.Receiver, packet.QoS2, "a")
	runs := []*packet.Run{run("a", "1"), run("a", "2")}
	require.Equal(t, []packet.ReasonCode{packet.Success, packet.Success}, f.publish(runs...))
	first := one(t, alike[0])
	require.Equal(t, runs, first.Runs)
	require.Equal(t, packet.QoS1, first.Terms.QoS)
	for _, m := range alike[1:] {
		require.Same(t, first, one(t, m))
	}
	require.Equal(t, packet.QoS2, one(t, other).Terms.QoS)
}

func TestOrderAcrossTopicsOfOnePublisher(t *testing.T) {
	f := newField(t)
	both, single := f.member(), f.member()
	f.subscribe(both.Receiver, packet.QoS1, "a", "b", "c/+")
	f.subscribe(single.Receiver, packet.QoS1, "b")
	var runs []*packet.Run
	var want, wantSingle []string
	for i, topic := range []string{"a", "a", "b", "a", "c/1", "c/2", "nobody", "b", "b", "a"} {
		runs = append(runs, run(topic, fmt.Sprint(i)))
		if topic != "nobody" {
			want = append(want, fmt.Sprint(i))
		}
		if topic == "b" {
			wantSingle = append(wantSingle, fmt.Sprint(i))
		}
	}
	codes := f.publish(runs...)
	require.Equal(t, packet.NoMatchingSubscribers, codes[6])
	require.Equal(t, packet.Success, codes[7])
	require.Equal(t, want, payloads(t, both.Got()))
	require.Equal(t, wantSingle, payloads(t, single.Got()))
}

func TestTopicsOfOneReceiverTravelTogether(t *testing.T) {
	f := newField(t)
	m := f.member()
	f.subscribe(m.Receiver, packet.QoS1, "a/+")
	f.publish(run("a/1", "1"), run("a/2", "2"), run("a/3", "3"))
	require.Len(t, one(t, m).Runs, 3)
}

func TestOverlappingSubscriptionsGiveOneCopy(t *testing.T) {
	f := newField(t)
	m := f.member()
	f.put(m.Receiver, "a/b", 7, packet.SubscriptionOptions{QoS: packet.QoS0})
	f.put(m.Receiver, "a/+", 8, packet.SubscriptionOptions{QoS: packet.QoS2, RetainAsPublished: true})
	f.put(m.Receiver, "#", 7, packet.SubscriptionOptions{QoS: packet.QoS1})
	f.put(m.Receiver, "+/b", 0, packet.SubscriptionOptions{QoS: packet.QoS1})
	f.publish(run("a/b", "x"))
	d := one(t, m)
	require.Equal(t, packet.QoS2, d.Terms.QoS)
	require.True(t, d.Terms.RetainAsPublished)
	require.ElementsMatch(t, []uint32{7, 8}, d.Terms.IDs)
	require.Len(t, d.Runs, 1)
}

func TestNoLocal(t *testing.T) {
	f := newField(t)
	f.put(f.own, "a", 0, packet.SubscriptionOptions{QoS: packet.QoS1, NoLocal: true})
	require.Equal(t, []packet.ReasonCode{packet.NoMatchingSubscribers}, f.publish(run("a", "1")))
	require.Empty(t, f.self.Got())
	other := routing.NewPublisher(f.tables, f.stage.Witness().PID, 0)
	other.Publish([]*packet.Run{run("a", "2")}, 0, nil)
	require.Equal(t, []string{"2"}, payloads(t, f.self.Got()))

	// An overlapping one without No Local lets it through, on its own terms.
	f.put(f.own, "#", 5, packet.SubscriptionOptions{QoS: packet.QoS0})
	f.publish(run("a", "3"))
	d := f.self.Got()[0].(*message.Deliver)
	require.Equal(t, packet.QoS0, d.Terms.QoS)
	require.Equal(t, []uint32{5}, d.Terms.IDs)
}

func TestNewSnapshotsAreSeenAtOnce(t *testing.T) {
	f := newField(t)
	first, second := f.member(), f.member()
	f.subscribe(first.Receiver, packet.QoS1, "a")
	f.publish(run("a", "1"))
	f.subscribe(second.Receiver, packet.QoS1, "+")
	f.publish(run("a", "2"))
	f.subscribe(first.Receiver, packet.QoS2, "a") // replaces its options
	f.publish(run("a", "3"))
	got := first.Got()
	require.Equal(t, []string{"1", "2", "3"}, payloads(t, got))
	require.Equal(t, packet.QoS2, got[2].(*message.Deliver).Terms.QoS)
	require.Equal(t, []string{"2", "3"}, payloads(t, second.Got()))
	for i := range 200 { // more topics than the cache of routes holds
		f.publish(run(fmt.Sprintf("t%d", i), fmt.Sprint(i)))
	}
	require.Len(t, payloads(t, second.Got()), 200)
}

func TestSharedSubscriptionTakesTurns(t *testing.T) {
	f := newField(t)
	var group []member
	for range 3 {
		m := f.member()
		f.subscribe(m.Receiver, packet.QoS1, "$share/g/a")
		group = append(group, m)
	}
	plain := f.member()
	f.subscribe(plain.Receiver, packet.QoS1, "a")
	var runs []*packet.Run
	for i := range 9 {
		runs = append(runs, run("a", fmt.Sprint(i)))
	}
	f.publish(runs...)
	require.Len(t, payloads(t, plain.Got()), 9)
	for i, m := range group {
		got := m.Got()
		require.Equal(t, "$share/g/a", got[0].(*message.Deliver).Terms.Shared)
		require.Equal(t, []string{fmt.Sprint(i), fmt.Sprint(i + 3), fmt.Sprint(i + 6)}, payloads(t, got))
	}

	group[1].Online.Store(false)
	f.publish(runs...)
	require.Empty(t, group[1].Got(), "offline while others are online")
	require.Len(t, append(payloads(t, group[0].Got()), payloads(t, group[2].Got())...), 9)

	group[0].Online.Store(false)
	group[2].Online.Store(false)
	f.publish(runs...)
	for _, m := range group {
		require.Len(t, payloads(t, m.Got()), 3, "nobody is online: all have their turn")
	}
}

func TestRedistributionGoesToAnother(t *testing.T) {
	f := newField(t)
	lost := []session.Redistribution{{Filter: "$share/g/a", Run: run("a", "x")}}
	f.own.Online.Store(true)
	f.subscribe(f.own, packet.QoS1, "$share/g/a")
	f.publisher.Redistribute(lost)
	require.Empty(t, f.self.Got(), "there is no other")

	other, elsewhere := f.member(), f.member()
	f.subscribe(elsewhere.Receiver, packet.QoS1, "$share/other/a")
	f.subscribe(other.Receiver, packet.QoS1, "$share/g/a")
	other.Online.Store(false)
	for range 4 { // whoever's turn it is
		f.publisher.Redistribute(lost)
		require.Equal(t, []string{"x"}, payloads(t, other.Got()))
	}
	require.Empty(t, f.self.Got())
	require.Empty(t, elsewhere.Got())
}

func TestRefusingReceivers(t *testing.T) {
	f := newField(t)
	f.tables.Refusing = true
	full, free := f.member(), f.member()
	f.subscribe(full.Receiver, packet.QoS1, "a", "b")
	f.subscribe(free.Receiver, packet.QoS1, "a", "c")
	full.Full.Store(true)
	zero := packet.NewRun(&packet.Publish{Topic: []byte("a"), Payload: []byte("0")}, packet.V5)
	codes := f.publish(run("c", "1"), run("a", "2"), run("c", "3"), zero, run("b", "4"), run("c", "5"))
	require.Equal(t, []packet.ReasonCode{
		packet.Success, packet.QuotaExceeded, packet.Success, packet.Success, packet.QuotaExceeded, packet.Success,
	}, codes)
	require.Equal(t, []string{"1", "3", "0", "5"}, payloads(t, free.Got()), "nobody gets what was refused")
	require.Equal(t, []string{"0"}, payloads(t, full.Got()), "QoS 0 is not refused")

	// What is refused is not retained either.
	kept := packet.NewRun(&packet.Publish{QoS: packet.QoS1, Retain: true, Topic: []byte("a"), Payload: []byte("r")}, packet.V5)
	require.Equal(t, []packet.ReasonCode{packet.QuotaExceeded}, f.publish(kept))
	for _, keeper := range f.keepers {
		require.Empty(t, keeper.Got())
	}

	// At QoS 0 nothing waits in the queue that is full.
	lax := f.member()
	f.subscribe(lax.Receiver, packet.QoS0, "d")
	lax.Full.Store(true)
	require.Equal(t, []packet.ReasonCode{packet.Success}, f.publish(run("d", "6")))
	full.Full.Store(false)
	require.Equal(t, []packet.ReasonCode{packet.Success}, f.publish(run("a", "7")))
}

func TestSharedSubscriptionRefusesWhenAllMembersAreFull(t *testing.T) {
	f := newField(t)
	f.tables.Refusing = true
	one, two := f.member(), f.member()
	f.subscribe(one.Receiver, packet.QoS1, "$share/g/a")
	f.subscribe(two.Receiver, packet.QoS1, "$share/g/a")
	one.Full.Store(true)
	for i := range 4 {
		require.Equal(t, []packet.ReasonCode{packet.Success}, f.publish(run("a", fmt.Sprint(i))))
	}
	require.Empty(t, one.Got())
	require.Len(t, payloads(t, two.Got()), 4)
	two.Full.Store(true)
	require.Equal(t, []packet.ReasonCode{packet.QuotaExceeded}, f.publish(run("a", "x")))
	require.Empty(t, append(one.Got(), two.Got()...))
}

func TestRetainedMessageIsPostedBeforeItIsRouted(t *testing.T) {
	f := newField(t)
	kept := packet.NewRun(&packet.Publish{Retain: true, Topic: []byte("a"), Payload: []byte("r")}, packet.V5)
	late := f.member()
	// A subscription that comes into the snapshot as the keeper gets the message must get it live.
	keeper := f.tables.RetainedShard([]byte("a"))
	spy := &subscribing{then: func() { f.subscribe(late.Receiver, packet.QoS1, "a") }}
	spied, _ := f.stage.System.Actors().ProcessRegistry.Add(spy, "spy")
	for i := range f.tables.Retained {
		if f.tables.Retained[i].Equal(keeper) {
			f.tables.Retained[i] = spied
		}
	}
	require.Equal(t, []packet.ReasonCode{packet.Success}, f.publish(kept))
	require.Equal(t, &message.Retain{Run: kept, Now: 1000}, spy.got)
	require.Equal(t, []string{"r"}, payloads(t, late.Got()))
}

// TestWhatWasLookedUpAheadIsNotOld: the topics of a batch are looked up before
// their turn, and subscriptions that come in between count.
func TestWhatWasLookedUpAheadIsNotOld(t *testing.T) {
	f := newField(t)
	early, late, wild := f.member(), f.member(), f.member()
	f.subscribe(early.Receiver, packet.QoS1, "b/1")
	spy := &subscribing{then: func() {
		f.subscribe(late.Receiver, packet.QoS1, "b/1", "b/2")
		f.subscribe(wild.Receiver, packet.QoS1, "+/3", "a")
	}}
	spied, _ := f.stage.System.Actors().ProcessRegistry.Add(spy, "spy")
	for i := range f.tables.Retained {
		f.tables.Retained[i] = spied
	}
	first := packet.NewRun(&packet.Publish{Retain: true, Topic: []byte("a"), Payload: []byte("r")}, packet.V5)
	f.publish(first, run("b/1", "1"), run("b/2", "2"), run("b/3", "3"), run("c", "4"))
	require.Equal(t, []string{"1"}, payloads(t, early.Got()))
	require.Equal(t, []string{"1", "2"}, payloads(t, late.Got()))
	require.Equal(t, []string{"r", "3"}, payloads(t, wild.Got()))
}

// TestManyTopicsInOneBatch: each topic of a long batch goes to its own receivers,
// in order, and what each is answered is in order too.
func TestManyTopicsInOneBatch(t *testing.T) {
	f := newField(t)
	members := make([]member, 7)
	for i := range members {
		members[i] = f.member()
		for k := i; k < 100; k += len(members) {
			f.subscribe(members[i].Receiver, packet.QoS1, fmt.Sprintf("t/%d/+", k))
		}
	}
	var runs []*packet.Run
	wanted, codes := make([][]string, len(members)), []packet.ReasonCode(nil)
	for i := range 150 {
		topic := i * 37 % 110
		payload := fmt.Sprint(i)
		runs = append(runs, run(fmt.Sprintf("t/%d/x", topic), payload))
		if topic >= 100 {
			codes = append(codes, packet.NoMatchingSubscribers)
			continue
		}
		codes = append(codes, packet.Success)
		wanted[topic%len(members)] = append(wanted[topic%len(members)], payload)
	}
	require.Equal(t, codes, f.publish(runs...))
	for i, m := range members {
		require.Equal(t, wanted[i], payloads(t, m.Got()))
	}
}

// subscribing is a retained actor during whose work somebody subscribes.
type subscribing struct {
	actortest.Witness
	then func()
	got  any
}

func (s *subscribing) SendUserMessage(_ *actor.PID, m any) {
	s.got = m
	s.then()
}

func TestReceiverThatIsFarBehindHoldsThePublisherUp(t *testing.T) {
	f := newField(t)
	slow, slower := f.member(), f.member()
	f.subscribe(slow.Receiver, packet.QoS1, "a")
	f.subscribe(slower.Receiver, packet.QoS1, "a", "b")
	slow.Deep, slower.Deep = 1023, 1023
	f.publish(run("a", "1"))
	require.False(t, f.publisher.Blocked())
	slow.Deep, slower.Deep = 1024, 5000
	f.publish(run("a", "2"))
	require.True(t, f.publisher.Blocked())
	f.publish(run("b", "3"))

	for _, m := range []member{slow, slower} { // each is asked once, behind what it got
		got := m.Got()
		barriers := 0
		for i, sent := range got {
			if b, ok := sent.(*message.Barrier); ok {
				barriers++
				require.Equal(t, 2, i)
				require.Equal(t, &message.Barrier{Publisher: f.self.PID, Receiver: m.Receiver}, b)
			}
		}
		require.Equal(t, 1, barriers)
	}
	f.publisher.Credit(slow.Receiver)
	require.True(t, f.publisher.Blocked(), "one is still behind")
	f.publisher.Credit(slow.Receiver)
	require.True(t, f.publisher.Blocked())
	f.publisher.Credit(slower.Receiver)
	require.False(t, f.publisher.Blocked())

	// One that died never answers; its mailbox is empty.
	f.publish(run("b", "4"))
	require.True(t, f.publisher.Blocked())
	f.publisher.Recheck()
	require.True(t, f.publisher.Blocked())
	slower.Deep = 0
	f.publisher.Recheck()
	require.False(t, f.publisher.Blocked())
}

func TestPublisherIsNotHeldUpByItself(t *testing.T) {
	f := newField(t)
	f.subscribe(f.own, packet.QoS1, "a")
	f.self.Deep = 100_000
	f.publish(run("a", "1"))
	require.False(t, f.publisher.Blocked())
	require.Equal(t, []string{"1"}, payloads(t, f.self.Got()))
}

func TestFanOutInSlices(t *testing.T) {
	f := newField(t)
	const n = 10_000
	all := make([]member, n)
	shard := f.tables.Shard("a")
	edit := f.tables.Snapshot(shard).Edit()
	for i := range all {
		all[i] = f.member()
		edit.Put("a", all[i].ID, f.tables.Subscription(all[i].Receiver, &message.Filter{Name: "a", Options: packet.SubscriptionOptions{QoS: packet.QoS1}}))
	}
	f.tables.Publish(shard, edit.Commit())
	last := f.member()
	f.subscribe(last.Receiver, packet.QoS1, "b")

	first := lend(run("a", "1"))
	f.publish(first, run("b", "2"), run("a", "3"))
	first.Lent.Release() // its publisher has read on
	turns := 0
	for f.publisher.Busy() {
		require.True(t, f.publisher.Blocked())
		require.Equal(t, []any{message.Continue{}}, f.self.Got(), "it asks for one more turn")
		f.publisher.Continue()
		turns++
	}
	require.GreaterOrEqual(t, turns, 4)
	require.False(t, f.publisher.Blocked())
	for i := range all {
		require.Equal(t, []string{"1", "3"}, payloads(t, all[i].Got()))
	}
	require.Equal(t, []string{"2"}, payloads(t, last.Got()))
}

// TestSlabIsReleasedByItsLastReceiver: it comes back when all have handled the
// message, and not before.
func TestSlabIsReleasedByItsLastReceiver(t *testing.T) {
	f := newField(t)
	a, b := f.member(), f.member()
	f.subscribe(a.Receiver, packet.QoS1, "a")
	f.subscribe(b.Receiver, packet.QoS0, "a") // on terms of its own
	r := lend(run("a", "1"))
	f.publish(r)
	r.Lent.Release()
	forA, forB := one(t, a), one(t, b)
	require.Equal(t, []string{"1"}, payloads(t, []any{forA}))
	f.tables.Delivered(forA)
	require.Equal(t, []string{"1"}, payloads(t, []any{forB}))
	frames := forB.Runs[0].Frames
	f.tables.Delivered(forB)
	require.Equal(t, bytes.Repeat([]byte{0xff}, len(frames)), frames)
}
