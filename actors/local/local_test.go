package local_test

import (
	"fmt"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/troupemq/troupe/actors/actortest"
	"github.com/troupemq/troupe/actors/local"
	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/routing"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/internal/telemetry"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

type scene struct {
	*testing.T
	*actortest.Stage
	tables *routing.Tables
	shards []*actortest.Witness
}

func newScene(t *testing.T) *scene {
	s := &scene{T: t, Stage: actortest.NewStage()}
	s.tables = routing.New(s.Root, 2, 1)
	for i := range s.tables.Shards {
		s.shards = append(s.shards, s.Witness())
		s.tables.Shards[i] = s.shards[i].PID
	}
	s.tables.Retained[0] = s.Witness().PID
	t.Cleanup(func() { require.Empty(t, s.Broken()) })
	return s
}

func run(payload string) *packet.Run {
	return packet.NewRun(&packet.Publish{QoS: packet.QoS1, Topic: []byte("a"), Payload: []byte(payload)}, packet.V5)
}

func (s *scene) publisher() (*actor.PID, func(*packet.Run) chan packet.ReasonCode) {
	pid := s.Spawn("publisher", func(*system.Mailbox) actor.Actor { return local.NewPublisher(s.tables, s.Loop, nil) })
	return pid, func(r *packet.Run) chan packet.ReasonCode {
		reply := make(chan packet.ReasonCode, 1)
		s.Send(pid, &message.Publish{Run: r, Reply: reply})
		return reply
	}
}

func (s *scene) subscribed() (*actortest.Witness, *message.Receiver) {
	w := s.Witness()
	r := s.Receiver(w)
	shard := s.tables.Shard("a")
	edit := s.tables.Snapshot(shard).Edit()
	edit.Put("a", r.ID, s.tables.Subscription(r, &message.Filter{Name: "a", Options: packet.SubscriptionOptions{QoS: packet.QoS1}}))
	s.tables.Publish(shard, edit.Commit())
	return w, r
}

func TestPublishIsAnsweredWhenThereIsRoom(t *testing.T) {
	s := newScene(t)
	pid, publish := s.publisher()
	require.Equal(t, packet.NoMatchingSubscribers, <-publish(run("nobody")))
	w, r := s.subscribed()
	require.Equal(t, packet.Success, <-publish(run("1")))
	w.Deep = 1024
	second := publish(run("2"))
	third := publish(run("3"))
	require.Empty(t, second)
	require.Empty(t, third)
	s.Send(pid, &message.Credit{Receiver: r})
	require.Equal(t, packet.Success, <-second)
	require.Equal(t, packet.Success, <-third)

	// A receiver that died is noticed.
	fourth := publish(run("4"))
	require.Empty(t, fourth)
	w.Deep = 0
	s.Elapse(200)
	s.Settle()
	require.Equal(t, packet.Success, <-fourth)
}

func TestExpiryCountsFromThePublish(t *testing.T) {
	s := newScene(t)
	_, publish := s.publisher()
	r := packet.NewRun(&packet.Publish{Topic: []byte("a"), HasMessageExpiry: true, MessageExpiry: 5}, packet.V5)
	<-publish(r)
	require.Equal(t, s.Now()+5000, r.Deadline)
}

func TestFailureOfThePublisherIsAnswered(t *testing.T) {
	s := newScene(t)
	_, publish := s.publisher()
	w, _ := s.subscribed()
	w.Deep = 1024
	waiting := publish(run("1"))
	failing := publish(nil)
	require.Len(t, s.Failures, 1)
	require.Equal(t, packet.UnspecifiedError, <-failing)
	require.Equal(t, packet.Success, <-waiting, "it is with its receiver")
	w.Deep = 0
	require.Equal(t, packet.Success, <-publish(run("2")))
}

type subscriber struct {
	pid      *actor.PID
	receiver *message.Receiver
	feed     chan *packet.Publish
	ready    chan struct{}
	counters telemetry.Counters
	logs     *observer.ObservedLogs
}

func (s *scene) subscribe(bound int) *subscriber {
	core, logs := observer.New(zap.WarnLevel)
	u := &subscriber{feed: local.Feed(), ready: make(chan struct{}, 1), logs: logs, receiver: &message.Receiver{ID: 77}}
	filter := message.Filter{Name: "a", Options: packet.SubscriptionOptions{QoS: packet.QoS1}, Replay: true}
	actorOf := local.NewSubscriber(s.tables, u.receiver, filter, bound, u.feed, u.ready, &u.counters, zap.New(core))
	u.pid = s.Spawn("subscriber", func(*system.Mailbox) actor.Actor { return actorOf })
	return u
}

func deliver(payloads ...string) *message.Deliver {
	d := &message.Deliver{Terms: &session.Terms{QoS: packet.QoS1}}
	for _, p := range payloads {
		d.Runs = append(d.Runs, run(p))
	}
	return d
}

func TestSubscriptionIsAskedForUntilItIsPlaced(t *testing.T) {
	s := newScene(t)
	u := s.subscribe(10)
	shard := s.shards[s.tables.Shard("a")]
	asked := shard.Got()
	require.Len(t, asked, 1)
	require.Equal(t, u.receiver, asked[0].(*message.Subscribe).Receiver)
	require.True(t, u.receiver.Online.Load())
	s.Send(u.pid, &message.Resubscribe{})
	require.Equal(t, asked, shard.Got(), "the shard may have lost it")
	require.Empty(t, u.ready)
	s.Send(u.pid, &message.Subscribed{}, &message.Subscribed{})
	require.Len(t, u.ready, 1)
	s.Send(u.pid, &message.Resubscribe{}, (*message.Deliver)(nil), &message.Resubscribe{})
	require.Len(t, s.Failures, 1)
	require.Empty(t, shard.Got(), "once more would bring the retained messages once more")

	s.Root.Stop(u.pid)
	s.Settle()
	removed := shard.Got()
	require.Len(t, removed, 1)
	require.True(t, removed[0].(*message.Subscribe).Remove)
	require.False(t, u.receiver.Online.Load())
	_, open := <-u.feed
	require.False(t, open)
}

func TestOldestAreDroppedAndCounted(t *testing.T) {
	s := newScene(t)
	u := s.subscribe(10)
	handedOver := cap(u.feed)
	for i := range handedOver + 10 {
		s.Send(u.pid, deliver(fmt.Sprint(i)))
	}
	require.EqualValues(t, 0, u.counters.DroppedQueueFull.Load())
	s.Send(u.pid, deliver("x", "y", "z"))
	require.EqualValues(t, 3, u.counters.DroppedQueueFull.Load())
	require.Equal(t, 1, u.logs.Len())
	s.Send(u.pid, (*message.Deliver)(nil))
	require.Len(t, s.Failures, 1)

	var got []string
	for len(got) < handedOver+10 {
		batch := make(chan *packet.Publish, handedOver)
		for len(u.feed) > 0 {
			batch <- <-u.feed
		}
		close(batch)
		local.Run(s.Root, u.pid, batch, func(p *packet.Publish) { got = append(got, string(p.Payload)) })
		s.Settle()
	}
	require.Equal(t, fmt.Sprint(handedOver-1), got[handedOver-1])
	require.Equal(t, fmt.Sprint(handedOver+3), got[handedOver], "the oldest that waited are gone")
	require.Equal(t, []string{"x", "y", "z"}, got[handedOver+7:])
	s.Send(u.pid, deliver("later"))
	require.Equal(t, "later", string((<-u.feed).Payload))
}

func TestRoomIsFilledInOrder(t *testing.T) {
	s := newScene(t)
	u := s.subscribe(1000)
	const n = 500
	for i := range n {
		s.Send(u.pid, deliver(fmt.Sprint(i)))
	}
	s.Send(u.pid, (*message.Deliver)(nil)) // what waits outlives a failure
	require.Len(t, s.Failures, 1)
	var got []string
	for len(got) < n {
		batch := make(chan *packet.Publish, cap(u.feed))
		for len(u.feed) > 0 {
			batch <- <-u.feed
		}
		close(batch)
		local.Run(s.Root, u.pid, batch, func(p *packet.Publish) { got = append(got, string(p.Payload)) })
		s.Settle()
	}
	for i := range n {
		require.Equal(t, fmt.Sprint(i), got[i])
	}
}

func TestTermsOfADelivery(t *testing.T) {
	s := newScene(t)
	u := s.subscribe(10)
	r := packet.NewRun(&packet.Publish{QoS: packet.QoS2, Retain: true, Topic: []byte("a"), Payload: []byte("x")}, packet.V5)
	s.Send(u.pid, &message.Deliver{Runs: []*packet.Run{r}, Terms: &session.Terms{QoS: packet.QoS1}})
	live := <-u.feed
	require.Equal(t, packet.QoS1, live.QoS)
	require.False(t, live.Retain)
	keeper := s.Witness()
	next := &message.Replay{Retained: keeper.PID}
	s.Send(u.pid, &message.Retained{Runs: []*packet.Run{r}, Terms: &session.Terms{QoS: packet.QoS2, Retained: true}, Next: next})
	replayed := <-u.feed
	require.Equal(t, packet.QoS2, replayed.QoS)
	require.True(t, replayed.Retain)
	require.Equal(t, []any{next}, keeper.Got())
	publisher := s.Witness()
	s.Send(u.pid, &message.Barrier{Publisher: publisher.PID, Receiver: u.receiver})
	require.Equal(t, []any{&message.Credit{Receiver: u.receiver}}, publisher.Got())
}
