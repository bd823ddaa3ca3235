package troupe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/actors/listener"
	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/protocol/packet"
)

// bystanders are two Clients whose traffic nothing that happens to others may
// touch.
type bystanders struct{ from, to *client }

func stand(t testing.TB, b *Broker) bystanders {
	t.Helper()
	s := bystanders{connect(t, b, "from"), connect(t, b, "to")}
	s.to.subscribe(packet.QoS1, "bystanders")
	s.talk()
	return s
}

func (s bystanders) talk() {
	s.from.t.Helper()
	require.Equal(s.from.t, packet.Success, s.from.publish(packet.QoS1, "bystanders", "hello"))
	s.to.gets("hello")
}

// nilRun makes a session fail in the middle of its work.
func nilRun() *message.Deliver { return &message.Deliver{Runs: []*packet.Run{nil}} }

func TestConnectionFailsAlone(t *testing.T) {
	j := newDiary()
	b := start(t, j.option())
	others := stand(t, b)
	before := connections(t, b)
	victim := connect(t, b, "victim")
	victim.subscribe(packet.QoS1, "a")

	b.send(connectionOf(t, b, before), panics())
	victim.gone()
	j.await(t, 1, "an actor failed", "kind", "connection", "action", "stop")
	j.await(t, 1, "client disconnected", "client", "victim")
	others.talk()
	require.Equal(t, packet.Success, others.from.publish(packet.QoS1, "a", "meanwhile"))

	victim = connect(t, b, "victim")
	require.True(t, victim.present)
	victim.gets("meanwhile")
	require.EqualValues(t, 1, b.tree.counters.FailedConnection.Load())
	require.EqualValues(t, 3, b.tree.counters.ConnectionsOpen.Load())
	require.EqualValues(t, 3, b.tree.counters.ClientsConnected.Load())
}

func TestConnectionFailsAsItStarts(t *testing.T) {
	j := newDiary()
	b := start(t, j.option())
	others := stand(t, b)
	supervisor := children(t, b, b.tree.listeners[0])[0]
	ours, theirs := net.Pipe()
	require.NoError(t, ours.SetReadDeadline(time.Now().Add(patience)))
	b.tree.counters.ConnectionsOpen.Add(1) // as the listener does
	b.send(supervisor, &listener.Accepted{Conn: nameless{theirs}})
	j.await(t, 1, "an actor failed", "kind", "connection", "action", "stop")
	_, err := ours.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF, "the Network Connection stays open")
	others.talk()
	require.EqualValues(t, 2, b.tree.counters.ConnectionsOpen.Load())
}

// nameless is a connection that fails when it is asked for its peer.
type nameless struct{ net.Conn }

func (nameless) RemoteAddr() net.Addr { panic("nobody") }

func TestSessionFailsWithItsClientAttached(t *testing.T) {
	j := newDiary()
	b := start(t, j.option())
	others := stand(t, b)
	victim := connect(t, b, "victim")
	victim.subscribe(packet.QoS2, "a")
	for _, payload := range []string{"unacknowledged", "received", "released"} {
		qos := packet.QoS2
		if payload == "unacknowledged" {
			qos = packet.QoS1
		}
		require.Equal(t, packet.Success, others.from.publish(qos, "a", payload))
	}
	first, second, third := victim.receive(), victim.receive(), victim.receive()
	rec := packet.Pubrec{PacketID: third.PacketID}
	victim.write(rec.Append(nil, packet.V5))
	victim.expect(packet.TypePubrel)

	// What the Client itself has in flight: a QoS 2 message, received and not released.
	own := packet.Publish{QoS: packet.QoS2, PacketID: 77, Topic: []byte("bystanders"), Payload: []byte("once")}
	victim.write(own.Append(nil, packet.V5))
	require.Equal(t, packet.Success, victim.acked(packet.TypePubrec, 77))
	others.to.gets("once")

	session := sessionOf(t, b, "victim")
	b.send(session, nilRun())
	victim.gone()
	j.await(t, 1, "an actor failed", "kind", "session", "action", "restart")
	others.talk()
	require.Equal(t, packet.Success, others.from.publish(packet.QoS1, "a", "queued"))

	victim = connect(t, b, "victim")
	require.True(t, victim.present)
	frame, err := victim.frame() // a PUBREL may come before or between the messages
	require.NoError(t, err)
	var again []*packet.Publish
	released := false
	for len(again) < 2 || !released {
		switch packet.Type(frame[0] >> 4) {
		case packet.TypePubrel:
			released = true
			comp := packet.Pubcomp{PacketID: third.PacketID}
			victim.write(comp.Append(nil, packet.V5))
		case packet.TypePublish:
			again = append(again, victim.decode(frame))
		}
		if len(again) < 2 || !released {
			frame, err = victim.frame()
			require.NoError(t, err)
		}
	}
	for i, old := range []*packet.Publish{first, second} {
		require.True(t, again[i].Dup)
		require.Equal(t, old.PacketID, again[i].PacketID)
		require.Equal(t, old.QoS, again[i].QoS)
		require.Equal(t, old.Payload, again[i].Payload)
	}
	victim.gets("queued")

	// The same message again is no new one, and can be released now.
	own.Dup = true
	victim.write(own.Append(nil, packet.V5))
	require.Equal(t, packet.Success, victim.acked(packet.TypePubrec, 77))
	rel := packet.Pubrel{PacketID: 77}
	victim.write(rel.Append(nil, packet.V5))
	require.Equal(t, packet.Success, victim.acked(packet.TypePubcomp, 77))
	others.to.quiet()

	require.Equal(t, packet.Success, others.from.publish(packet.QoS1, "a", "live"))
	victim.gets("live")
	require.EqualValues(t, 1, b.tree.counters.FailedSession.Load())
	require.EqualValues(t, 3, b.tree.counters.ClientsConnected.Load())
	require.EqualValues(t, 3, b.tree.counters.Sessions.Load())
}

func TestSessionFailsWithoutAClient(t *testing.T) {
	j := newDiary()
	b := start(t, j.option())
	others := stand(t, b)
	victim := connect(t, b, "victim")
	victim.subscribe(packet.QoS1, "a")
	victim.leave()
	j.await(t, 1, "client disconnected", "client", "victim")
	others.from.publish(packet.QoS1, "a", "before")
	b.send(sessionOf(t, b, "victim"), nilRun())
	j.await(t, 1, "an actor failed", "kind", "session", "action", "restart")
	others.from.publish(packet.QoS1, "a", "after")
	others.talk()

	victim = connect(t, b, "victim")
	require.True(t, victim.present)
	victim.gets("before", "after")
	victim.quiet()
	require.EqualValues(t, 1, b.tree.counters.FailedSession.Load())
	require.EqualValues(t, 0, b.tree.counters.MessagesQueued.Load())
}

// Retained messages that a Client was promised by its SUBACK come after the
// failure, and later subscriptions get theirs.
func TestSessionFailsInTheMiddleOfAReplay(t *testing.T) {
	j := newDiary()
	b := start(t, j.option())
	const n = 300
	for i := range n {
		require.NoError(t, b.Publish(within(t), Message{Topic: fmt.Sprintf("r/%d", i), Payload: []byte("kept"), QoS: AtLeastOnce, Retain: true}))
	}
	victim := connect(t, b, "victim")
	victim.subscribe(packet.QoS1, "r/#") // takes as much as it may have in flight
	session := sessionOf(t, b, "victim")
	for range 10 {
		for _, keeper := range b.tree.tables.Retained {
			settle(t, b, keeper)
		}
		settle(t, b, session)
	}
	b.send(session, nilRun())
	victim.gone()
	j.await(t, 1, "an actor failed", "kind", "session")
	victim = connect(t, b, "victim")
	topics := make(map[string]bool)
	for len(topics) < n {
		p := victim.receive()
		topics[string(p.Topic)] = true
		ack := packet.Puback{PacketID: p.PacketID}
		victim.write(ack.Append(nil, packet.V5))
	}
	live := Message{Topic: "r/0", Payload: []byte("newer"), QoS: AtLeastOnce, Retain: true}
	require.NoError(t, b.Publish(within(t), live))
	victim.gets("newer")
	victim.subscribe(packet.QoS1, "r/0")
	victim.gets("newer")
}

// A connection of before the failure may close at any time after it.
func TestNothingOfBeforeAFailureReachesTheNextConnection(t *testing.T) {
	j := newDiary()
	b := start(t, j.option())
	victim := connect(t, b, "victim")
	session := sessionOf(t, b, "victim")
	b.send(session, panics())
	victim.gone()
	j.await(t, 1, "an actor failed", "kind", "session")

	victim = connect(t, b, "victim")
	const epoch = 1 // of the first connection
	b.send(session, &message.Frames{Epoch: epoch, Bytes: []byte{0xe0, 0}})
	b.send(session, &message.Detached{Epoch: epoch})
	victim.ping()
	victim.subscribe(packet.QoS1, "a")
}

func TestSessionThatFailsTooOftenEndsAlone(t *testing.T) {
	j := newDiary()
	b := start(t, j.option())
	others := stand(t, b)
	victim := connect(t, b, "victim")
	victim.subscribe(packet.QoS1, "a", "b/+", "$share/g/a")
	session := sessionOf(t, b, "victim")
	for i := range 11 {
		b.send(session, nilRun())
		action := "restart"
		if i == 10 {
			action = "stop"
		}
		j.await(t, i%10+1, "an actor failed", "kind", "session", "action", action)
	}
	victim.gone()
	registry, _ := b.tree.clients.Registry([]byte("victim"))
	for b.tree.system.Mailbox(session) != nil { // it ends in its own turn
		settle(t, b, registry)
	}
	others.talk()
	for _, shard := range b.tree.tables.Shards {
		settle(t, b, shard)
	}
	require.Equal(t, packet.NoMatchingSubscribers, others.from.publish(packet.QoS1, "a", "to nobody"))
	require.Equal(t, packet.NoMatchingSubscribers, others.from.publish(packet.QoS1, "b/c", "to nobody"))

	victim = connect(t, b, "victim")
	require.False(t, victim.present)
	victim.subscribe(packet.QoS1, "a")
	others.from.publish(packet.QoS1, "a", "new life")
	victim.gets("new life")
	require.EqualValues(t, 11, b.tree.counters.FailedSession.Load())
	require.EqualValues(t, 3, b.tree.counters.Sessions.Load())
	require.NoError(t, b.Err())
}

func TestRegistryFails(t *testing.T) {
	j := newDiary()
	b := start(t, j.option())
	others := stand(t, b)
	victim := connect(t, b, "victim")
	victim.subscribe(packet.QoS1, "a")
	for n := range 20 { // more often than a restart would be tried
		registry, _ := b.tree.clients.Registry([]byte("victim"))
		b.send(registry, &message.Connect{})
		j.await(t, n+1, "an actor failed", "kind", "registry", "action", "resume")
	}
	others.talk()
	others.from.publish(packet.QoS1, "a", "still here")
	victim.gets("still here")
	victim.leave()
	victim = connect(t, b, "victim")
	require.True(t, victim.present)
	require.EqualValues(t, 20, b.tree.counters.FailedRegistry.Load())
	require.NoError(t, b.Err())
}

func TestShardFailsWhileSubacksAreOwed(t *testing.T) {
	j := newDiary()
	b := start(t, j.option())
	others := stand(t, b)
	victim := connect(t, b, "victim")
	number := b.tree.tables.Shard("a")
	release := hold(t, b, b.tree.tables.Shards[number])

	// The broker holds a loop: the Client may be on it, and is served only later.
	ids := []uint16{victim.sendSubscribe(packet.QoS1, "a"), victim.sendSubscribe(packet.QoS1, "a/b/c", "other/+/x", "+/all")}
	b.send(b.tree.tables.Shards[number], panics())
	release()
	victim.suback(ids[0])
	victim.suback(ids[1])
	j.await(t, 1, "an actor failed", "kind", "shard", "action", "restart")
	others.talk()
	for _, topic := range []string{"a", "a/b/c", "other/y/x", "z/all"} {
		require.Equal(t, packet.Success, others.from.publish(packet.QoS1, topic, topic))
		victim.gets(topic)
	}
	require.EqualValues(t, 1, b.tree.counters.FailedShard.Load())
}

func TestShardFailsWithChangesItHadTaken(t *testing.T) {
	j := newDiary()
	b := start(t, j.option())
	victim := connect(t, b, "victim")
	other := connect(t, b, "other")
	shard := b.tree.tables.Shards[b.tree.tables.Shard("a")]
	session := sessionOf(t, b, "victim")

	// Everything that the Client asks for while its shard is held waits in the
	// shard's mailbox, and the failure comes behind the first change.
	for round := range 8 {
		held := park(t, b, shard)
		subscribed := victim.sendSubscribe(packet.QoS1, "a")
		held.until(t, 1)
		b.send(shard, panics())
		unsubscribe := packet.Unsubscribe{PacketID: victim.next(), Filters: [][]byte{[]byte("a")}}
		victim.write(unsubscribe.Append(nil, packet.V5))
		held.until(t, 3)
		held.release()
		victim.suback(subscribed)
		victim.expect(packet.TypeUnsuback)
		j.await(t, round+1, "an actor failed", "kind", "shard", "action", "restart")
		for _, registry := range b.tree.clients.Registries {
			settle(t, b, registry)
		}
		settle(t, b, session)
		settle(t, b, shard)
		require.Equal(t, packet.NoMatchingSubscribers, other.publish(packet.QoS1, "a", "to nobody"))
	}
}

func TestShardThatFailsTooOftenEndsTheInstance(t *testing.T) {
	j := newDiary()
	b := start(t, j.option())
	c := connect(t, b, "c")
	for range 11 {
		b.send(b.tree.tables.Shards[3], panics())
	}
	wait(t, b.Done(), "the instance goes on")
	var failure *system.Failure
	require.ErrorAs(t, b.Err(), &failure)
	require.Equal(t, "shard", failure.Kind)
	require.Equal(t, "boom", failure.Reason)
	require.EqualValues(t, 11, b.tree.counters.FailedShard.Load())
	c.gone()
	require.ErrorIs(t, b.Publish(within(t), Message{Topic: "a"}), ErrNotRunning)
	_, err := b.Subscribe(within(t), "a", AtMostOnce, func(*Message) {})
	require.ErrorIs(t, err, ErrNotRunning)
	require.NoError(t, b.Shutdown(within(t)))
}

func TestRetainedKeeperFails(t *testing.T) {
	j := newDiary()
	b := start(t, j.option())
	others := stand(t, b)
	keeper := b.tree.tables.RetainedShard([]byte("a"))
	require.NoError(t, b.Publish(within(t), Message{Topic: "a", Payload: []byte("old"), Retain: true}))
	settle(t, b, keeper)

	// In one batch of the keeper: a message that is taken, and a failure.
	release := hold(t, b, keeper)
	newer := packet.NewRun(&packet.Publish{Retain: true, Topic: []byte("a"), Payload: []byte("new")}, packet.V5)
	b.send(keeper, &message.Retain{Run: newer})
	b.send(keeper, &message.Retain{Run: nil})
	release()
	j.await(t, 1, "an actor failed", "kind", "keeper", "action", "restart")
	others.talk()

	late := connect(t, b, "late")
	late.subscribe(packet.QoS1, "a")
	late.gets("new")
	require.EqualValues(t, 1, b.tree.counters.FailedRetained.Load())
	require.EqualValues(t, 1, b.tree.counters.RetainedMessages.Load())
	require.EqualValues(t, len(newer.Frames), b.tree.counters.RetainedBytes.Load())
}

func TestPublisherOfTheProgramFails(t *testing.T) {
	j := newDiary()
	b := start(t, j.option())
	others := stand(t, b)
	to := connect(t, b, "receiver")
	to.subscribe(packet.QoS1, "a")
	reply := make(chan packet.ReasonCode, 1)
	b.send(b.tree.publisher, &message.Publish{Run: nil, Reply: reply})
	require.True(t, wait(t, reply, "who published waits for ever").IsError())
	j.await(t, 1, "an actor failed", "kind", "publisher", "action", "restart")
	require.NoError(t, b.Publish(within(t), Message{Topic: "a", Payload: []byte("again"), QoS: AtLeastOnce}))
	to.gets("again")
	others.talk()
	require.EqualValues(t, 1, b.tree.counters.FailedOther.Load())
}

func TestSubscriberOfTheProgramFails(t *testing.T) {
	j := newDiary()
	b := start(t, j.option())
	others := stand(t, b)
	require.NoError(t, b.Publish(within(t), Message{Topic: "a", Payload: []byte("retained"), Retain: true}))
	got := make(chan string)
	_, err := b.Subscribe(within(t), "a", AtLeastOnce, func(m *Message) { got <- string(m.Payload) })
	require.NoError(t, err)
	require.Equal(t, "retained", wait(t, got, "no retained message"))

	// More than the function has taken over waits in the actor when it fails.
	const n = 200
	for i := range n {
		require.NoError(t, b.Publish(within(t), Message{Topic: "a", Payload: []byte{byte(i)}}))
	}
	subscriber := subscriberOf(t, b)
	settle(t, b, subscriber)
	b.send(subscriber, nilRun())
	j.await(t, 1, "an actor failed", "kind", "subscriber", "action", "restart")
	settle(t, b, subscriber)
	others.talk()
	require.NoError(t, b.Publish(within(t), Message{Topic: "a", Payload: []byte("after")}))
	for i := range n {
		require.Equal(t, string([]byte{byte(i)}), wait(t, got, "a message is lost"))
	}
	require.Equal(t, "after", wait(t, got, "the subscription is lost"))
	require.EqualValues(t, 1, b.tree.counters.FailedOther.Load())
	require.EqualValues(t, 2, b.tree.counters.Subscriptions.Load())
}

// subscriberOf is the actor of the program's only subscription.
func subscriberOf(t testing.TB, b *Broker) *actor.PID {
	t.Helper()
	for _, pid := range children(t, b, b.tree.program) {
		if pid.Id != b.tree.publisher.Id && pid.Id != "sys" {
			return pid
		}
	}
	require.FailNow(t, "no subscriber")
	return nil
}

// A Subscribe of the program is owed its confirmation like a Client its SUBACK.
func TestShardFailsWhileTheProgramSubscribes(t *testing.T) {
	j := newDiary()
	b := start(t, j.option())
	shard := b.tree.tables.Shards[b.tree.tables.Shard("a")]
	held := park(t, b, shard)
	got := make(chan string, 8)
	subscribed := make(chan error, 1)
	go func() {
		_, err := b.Subscribe(context.Background(), "a", AtLeastOnce, func(m *Message) { got <- string(m.Payload) })
		subscribed <- err
	}()
	held.until(t, 1)
	b.send(shard, panics())
	held.release()
	require.NoError(t, wait(t, subscribed, "Subscribe waits for ever"))
	j.await(t, 1, "an actor failed", "kind", "shard", "action", "restart")
	require.NoError(t, b.Publish(within(t), Message{Topic: "a", Payload: []byte("once")}))
	require.NoError(t, b.Publish(within(t), Message{Topic: "a", Payload: []byte("end")}))
	require.Equal(t, "once", wait(t, got, "not subscribed"))
	require.Equal(t, "end", wait(t, got, "not subscribed"))
}

func TestListenerFails(t *testing.T) {
	j := newDiary()
	b := start(t, j.option())
	others := stand(t, b)
	for n := range 12 {
		b.send(b.tree.listeners[0], panics())
		j.await(t, n+1, "an actor failed", "kind", "listener", "action", "resume")
	}
	others.talk()
	connect(t, b, "newcomer").ping()
	require.EqualValues(t, 12, b.tree.counters.FailedListener.Load())
}

func TestSupervisorOfConnectionsFails(t *testing.T) {
	j := newDiary()
	b := start(t, j.option())
	others := stand(t, b)
	for n, supervisor := range children(t, b, b.tree.listeners[0]) {
		b.send(supervisor, (*listener.Accepted)(nil))
		j.await(t, n+1, "an actor failed", "kind", "connections", "action", "resume")
	}
	others.talk()
	for _, id := range []string{"one", "two", "three"} { // both supervisors have their turn
		connect(t, b, id).ping()
	}
	require.EqualValues(t, 2, b.tree.counters.FailedOther.Load())
	require.EqualValues(t, 5, b.tree.counters.ConnectionsOpen.Load())
}

func TestFamilyFails(t *testing.T) {
	for _, name := range []string{"retained", "router", "sessions", "program", "listeners"} {
		t.Run(name, func(t *testing.T) {
			b := start(t)
			c := connect(t, b, "c")
			b.send(member(t, b, b.tree.root, name), adopt(func(actor.Context) { panic(errors.New("no way on")) }))
			wait(t, b.Done(), "the instance goes on")
			require.ErrorContains(t, b.Err(), name+" failed: no way on")
			require.EqualValues(t, 1, b.tree.counters.FailedOther.Load())
			c.gone()
		})
	}
}

func TestInstanceFails(t *testing.T) {
	b := start(t)
	b.send(b.tree.root, panics())
	wait(t, b.Done(), "the instance goes on")
	require.ErrorContains(t, b.Err(), "boom")
}
