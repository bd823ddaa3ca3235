package local_test

import (
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/actors/actortest"
	"github.com/troupemq/troupe/actors/local"
	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/routing"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/protocol/packet"
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

func TestCallersDoNotWaitForReceiversOfOthers(t *testing.T) {
	s := newScene(t)
	pid, publish := s.publisher()
	w, r := s.subscribed()
	w.Deep = 1024
	waiting := publish(run("1"))
	require.Empty(t, waiting)
	elsewhere := packet.NewRun(&packet.Publish{Topic: []byte("b")}, packet.V5)
	require.Equal(t, packet.NoMatchingSubscribers, <-publish(elsewhere))
	require.Empty(t, waiting)
	s.Send(pid, &message.Credit{Receiver: r})
	require.Equal(t, packet.Success, <-waiting)
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

// Callers may give up, and publish again.
func TestWhatWaitsForAnAnswerIsBounded(t *testing.T) {
	s := newScene(t)
	pid, _ := s.publisher()
	w, r := s.subscribed()
	w.Deep = 1024
	const most = 1 << 16
	replies := make(chan packet.ReasonCode, most+1)
	one := run("x")
	for range most + 1 {
		s.Root.Send(pid, &message.Publish{Run: one, Reply: replies})
	}
	s.Settle()
	require.Len(t, replies, 1)
	require.Equal(t, packet.QuotaExceeded, <-replies)
	w.Deep = 0
	s.Send(pid, &message.Credit{Receiver: r})
	require.Len(t, replies, most)
}
