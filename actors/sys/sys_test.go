package sys_test

import (
	"maps"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/actors/actortest"
	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/routing"
	"github.com/troupemq/troupe/actors/sys"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/internal/telemetry"
	"github.com/troupemq/troupe/protocol/packet"
)

type scene struct {
	*testing.T
	*actortest.Stage
	counters telemetry.Counters
	sys      *actor.PID
	reader   *actortest.Witness
	keeper   *actortest.Witness
}

const interval = 10_000 // milliseconds

func newScene(t *testing.T) *scene {
	s := &scene{T: t, Stage: actortest.NewStage()}
	tables := routing.New(s.Root, 2, 1)
	s.keeper = s.Witness()
	tables.Retained[0] = s.keeper.PID
	s.reader = s.Witness()
	edit := tables.Snapshot(2).Edit()
	receiver := s.Receiver(s.reader)
	edit.Put("$SYS/#", receiver.ID, tables.Subscription(receiver, &message.Filter{Name: "$SYS/#"}))
	shard := tables.Shard("$SYS/#")
	tables.Publish(shard, edit.Commit())
	s.sys = s.Spawn("sys", func(*system.Mailbox) actor.Actor { return sys.New(tables, s.Loop, &s.counters, "1.2.3", interval) })
	t.Cleanup(func() { require.Empty(t, s.Broken()) })
	return s
}

// told is what the reader got, by topic.
func (s *scene) told() map[string]string {
	s.Helper()
	all := make(map[string]string)
	for _, m := range s.reader.Got() {
		if _, ok := m.(*message.Barrier); ok {
			continue
		}
		for _, run := range m.(*message.Deliver).Runs {
			var p packet.Publish
			require.NoError(s, p.Decode(run.Frames, run.Version))
			require.True(s, p.Retain)
			all[string(p.Topic)] = string(p.Payload)
		}
	}
	return all
}

func (s *scene) round() map[string]string {
	s.Helper()
	s.Elapse(interval + 100) // the resolution of timers
	s.Settle()
	return s.told()
}

func TestFirstRoundSaysEverything(t *testing.T) {
	s := newScene(t)
	all := s.told()
	require.Equal(t, "troupe version 1.2.3", all["$SYS/broker/version"])
	require.Equal(t, "0 seconds", all["$SYS/broker/uptime"])
	for _, topic := range []string{
		"clients/connected", "clients/total", "clients/maximum", "clients/expired", "messages/received", "messages/sent",
		"bytes/received", "bytes/sent", "publish/messages/dropped", "subscriptions/count", "retained messages/count",
	} {
		require.Equal(t, "0", all["$SYS/broker/"+topic], topic)
	}
	require.Equal(t, "0.00", all["$SYS/broker/load/messages/received/1min"])
	require.Len(t, s.keeper.Got(), len(all), "each is retained")
}

func TestLaterRoundsSayWhatChanged(t *testing.T) {
	s := newScene(t)
	s.told()
	s.counters.Sessions.Store(5)
	s.counters.ClientsConnected.Store(2)
	s.counters.DroppedQueueFull.Store(3)
	s.counters.DroppedCongested.Store(4)
	s.counters.DroppedOffline.Store(100) // no loss
	all := s.round()
	require.Equal(t, "5", all["$SYS/broker/clients/total"])
	require.Equal(t, "3", all["$SYS/broker/clients/disconnected"])
	require.Equal(t, "7", all["$SYS/broker/publish/messages/dropped"])
	require.Equal(t, "10 seconds", all["$SYS/broker/uptime"])
	require.NotContains(t, all, "$SYS/broker/version")
	require.NotContains(t, all, "$SYS/broker/bytes/sent")
	all = s.round()
	require.Equal(t, "20 seconds", all["$SYS/broker/uptime"])
	require.NotContains(t, all, "$SYS/broker/clients/total")
}

func TestLoadIsAMovingAverage(t *testing.T) {
	s := newScene(t)
	all := s.told()
	for range 60 { // ten minutes of 600 packets a minute
		s.counters.PacketsReceived.Add(101)
		maps.Copy(all, s.round())
	}
	require.Regexp(t, `^(599|600)\.`, all["$SYS/broker/load/messages/received/1min"])
	require.Regexp(t, `^5\d\d\.`, all["$SYS/broker/load/messages/received/5min"])
	require.Regexp(t, `^[23]\d\d\.`, all["$SYS/broker/load/messages/received/15min"])
}

func TestNobodyIsPressed(t *testing.T) {
	s := newScene(t)
	s.told()
	s.reader.Deep = 5000
	s.counters.Sessions.Store(1)
	require.Contains(t, s.round(), "$SYS/broker/clients/total")
	s.counters.Sessions.Store(2)
	require.Empty(t, s.round(), "the reader has not caught up")
	s.reader.Deep = 0
	require.Equal(t, "2", s.round()["$SYS/broker/clients/total"])
}

func TestRestart(t *testing.T) {
	s := newScene(t)
	s.told()
	s.Send(s.sys, (*message.Credit)(nil))
	require.Len(t, s.Failures, 1)
	require.Contains(t, s.told(), "$SYS/broker/version")
	require.Contains(t, s.round(), "$SYS/broker/uptime")
	require.Empty(t, s.round()["$SYS/broker/version"])
}
