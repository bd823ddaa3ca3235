package router_test

import (
	"fmt"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/actors/actortest"
	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/router"
	"github.com/troupemq/troupe/actors/routing"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/internal/telemetry"
	"github.com/troupemq/troupe/protocol/packet"
)

type scene struct {
	*actortest.Stage
	tables   *routing.Tables
	counters telemetry.Counters
	shard    *actor.PID
	told     *actortest.Witness
	keepers  []*actortest.Witness
}

const number = 1

func newScene() *scene {
	s := &scene{Stage: actortest.NewStage()}
	s.tables = routing.New(s.Root, 2, 4)
	for i := range s.tables.Retained {
		s.keepers = append(s.keepers, s.Witness())
		s.tables.Retained[i] = s.keepers[i].PID
	}
	s.told = s.Witness()
	told := func() []*actor.PID { return []*actor.PID{s.told.PID} }
	s.shard = s.Spawn("shard", func(*system.Mailbox) actor.Actor {
		return router.NewShard(number, s.tables, told, &s.counters)
	})
	return s
}

func (s *scene) has(r *message.Receiver, filter string) bool {
	edit := s.tables.Snapshot(number).Edit()
	return edit.Delete(filter, r.ID)
}

func subscribe(r *message.Receiver, token uint64, filters ...string) *message.Subscribe {
	m := &message.Subscribe{Receiver: r, Subscriber: r.Mailbox.(*actortest.Witness).PID, Token: token}
	for _, f := range filters {
		m.Filters = append(m.Filters, message.Filter{Name: f, Options: packet.SubscriptionOptions{QoS: packet.QoS1}})
	}
	return m
}

func unsubscribe(r *message.Receiver, token uint64, filters ...string) *message.Subscribe {
	m := subscribe(r, token, filters...)
	m.Remove = true
	return m
}

func TestManyChangesMakeOneSnapshot(t *testing.T) {
	s := newScene()
	before := s.tables.Snapshot(number)
	w := s.Witness()
	receiver := s.Receiver(w)

	// Whoever is told of a change looks at what publishers see then.
	seen := make(map[*message.Index]int)
	spy := &spy{look: func() { seen[s.tables.Snapshot(number)]++ }}
	spying, _ := s.System.Actors().ProcessRegistry.Add(spy, "spy")
	watcher := &message.Receiver{ID: 1_000_000, Mailbox: w}
	const n = 200
	var all []any
	for i := range n {
		m := subscribe(watcher, uint64(i), fmt.Sprintf("f/%d", i))
		m.Subscriber = spying
		all = append(all, m)
	}
	all = append(all, subscribe(receiver, 1, "a", "b"), unsubscribe(receiver, 2, "b"))
	s.Send(s.shard, all...)
	require.Equal(t, map[*message.Index]int{s.tables.Snapshot(number): n}, seen, "confirmed before publishers see it, or in many snapshots")
	require.NotSame(t, before, s.tables.Snapshot(number))
	require.Equal(t, n+1, s.tables.Snapshot(number).Len())
	require.EqualValues(t, n+1, s.counters.Subscriptions.Load())
	require.Equal(t, []any{&message.Subscribed{Shard: number, Token: 1}, &message.Subscribed{Shard: number, Token: 2}}, w.Got())
	require.True(t, s.has(receiver, "a"))
	require.False(t, s.has(receiver, "b"))
	require.Zero(t, before.Len(), "an old snapshot has changed")
	require.Empty(t, s.Broken())
}

type spy struct {
	actortest.Witness
	look func()
}

func (s *spy) SendUserMessage(*actor.PID, any) { s.look() }

func TestReplayIsAskedForBehindTheSnapshot(t *testing.T) {
	s := newScene()
	w := s.Witness()
	receiver := s.Receiver(w)
	m := subscribe(receiver, 1, "a/b", "a/+", "not/wanted")
	m.Filters[0].Replay, m.Filters[0].ID = true, 9
	m.Filters[1].Replay = true
	s.Send(s.shard, m)
	asked := make(map[string]int)
	for i, keeper := range s.keepers {
		for _, got := range keeper.Got() {
			r := got.(*message.Replay)
			asked[r.Filter]++
			require.Equal(t, w.PID, r.Subscriber)
			require.Equal(t, s.tables.Retained[i], r.Retained)
			require.True(t, r.Terms.Retained)
			require.Equal(t, packet.QoS1, r.Terms.QoS)
			if r.Filter == "a/b" {
				require.Equal(t, []uint32{9}, r.Terms.IDs)
				require.Equal(t, s.tables.RetainedShard([]byte("a/b")), r.Retained)
			}
			require.Nil(t, r.Position)
		}
	}
	require.Equal(t, map[string]int{"a/b": 1, "a/+": len(s.keepers)}, asked)
}

func TestShardGoesOnFromItsLastSnapshot(t *testing.T) {
	s := newScene()
	w := s.Witness()
	receiver := s.Receiver(w)
	s.Send(s.shard, subscribe(receiver, 1, "kept"))
	w.Got()
	lost := subscribe(receiver, 2, "lost")
	s.Send(s.shard, lost, (*message.Subscribe)(nil), subscribe(receiver, 3, "after"))
	require.Len(t, s.Failures, 1)
	require.Equal(t, "shard", s.Failures[0].Kind)
	require.Equal(t, []any{&message.Resubscribe{Shard: number}}, s.told.Got())
	require.Equal(t, []any{&message.Subscribed{Shard: number, Token: 3}}, w.Got(), "what was lost is not confirmed")
	require.True(t, s.has(receiver, "kept"))
	require.False(t, s.has(receiver, "lost"))
	require.True(t, s.has(receiver, "after"))

	// Sent again it takes effect, also what had done so already.
	s.Send(s.shard, lost, subscribe(receiver, 3, "after"))
	require.Equal(t, []any{&message.Subscribed{Shard: number, Token: 2}, &message.Subscribed{Shard: number, Token: 3}}, w.Got())
	require.True(t, s.has(receiver, "lost"))
	require.EqualValues(t, 3, s.counters.Subscriptions.Load())
}

func TestSharedSubscriptionsAreCounted(t *testing.T) {
	s := newScene()
	one, two := s.Receiver(s.Witness()), s.Receiver(s.Witness())
	s.Send(s.shard, subscribe(one, 1, "$share/g/a", "a"), subscribe(two, 1, "$share/g/a"), subscribe(two, 2, "$share/g/a"))
	require.EqualValues(t, 2, s.counters.SharedSubscriptions.Load())
	require.EqualValues(t, 3, s.counters.Subscriptions.Load())
	s.Send(s.shard, unsubscribe(one, 2, "$share/g/a", "never/there"), unsubscribe(two, 3, "$share/g/a"), unsubscribe(two, 4, "$share/g/a"))
	require.EqualValues(t, 0, s.counters.SharedSubscriptions.Load())
	require.EqualValues(t, 1, s.counters.Subscriptions.Load())
}
