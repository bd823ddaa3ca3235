package registry_test

import (
	"strings"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/actors/actortest"
	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/registry"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/protocol/packet"
)

// scene is a registry whose sessions only note what they get.
type scene struct {
	*actortest.Stage
	registry *actor.PID
	sessions []*session // in the order in which they were spawned
}

type session struct {
	pid      *actor.PID
	clientID string
	got      []any
	stopped  bool
}

func (s *session) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		s.pid = ctx.Self()
	case *actor.Stopping:
		s.stopped = true
	case *actor.Stopped, *actor.Restarting, system.Drained:
	default:
		s.got = append(s.got, m)
	}
}

func (s *session) take() []any {
	got := s.got
	s.got = nil
	return got
}

func newScene(t *testing.T) *scene {
	s := &scene{Stage: actortest.NewStage()}
	kind := s.System.Kind("session", system.Supervision{})
	s.registry = s.Spawn("registry", func(*system.Mailbox) actor.Actor {
		return registry.New(registry.Options{Loop: s.Loop, Spawn: func(ctx actor.Context, name, clientID string) *actor.PID {
			one := &session{clientID: clientID}
			s.sessions = append(s.sessions, one)
			require.True(t, strings.HasSuffix(name, ":"+clientID))
			return kind.SpawnChild(ctx, s.Loop, name, func(*system.Mailbox) actor.Actor { return one })
		}})
	})
	t.Cleanup(func() { require.Empty(t, s.Broken()) })
	return s
}

func connect(id string, clean bool) *message.Connect {
	return &message.Connect{Packet: &packet.Connect{ClientID: []byte(id), CleanStart: clean}}
}

func TestSameClientSameSession(t *testing.T) {
	s := newScene(t)
	first, second, other := connect("c", false), connect("c", false), connect("d", false)
	s.Send(s.registry, first, second, other)
	require.Len(t, s.sessions, 2)
	require.Equal(t, []any{first, second}, s.sessions[0].take())
	require.Equal(t, []any{other}, s.sessions[1].take())
}

func TestCleanStartEndsTheSessionBefore(t *testing.T) {
	s := newScene(t)
	old, clean, next := connect("c", false), connect("c", true), connect("c", false)
	s.Send(s.registry, old, clean, next)
	require.Len(t, s.sessions, 2)
	require.Equal(t, []any{old, &message.End{Code: packet.SessionTakenOver}}, s.sessions[0].take())
	require.Equal(t, []any{clean, next}, s.sessions[1].take())

	// The old one reports its end late: the new one stays.
	s.Send(s.registry, &message.Ended{ClientID: "c", Session: s.sessions[0].pid, Connects: 1})
	require.True(t, s.sessions[0].stopped)
	require.False(t, s.sessions[1].stopped)
	again := connect("c", false)
	s.Send(s.registry, again)
	require.Len(t, s.sessions, 2)
	require.Equal(t, []any{again}, s.sessions[1].take())
}

func TestEndedSessionIsForgotten(t *testing.T) {
	s := newScene(t)
	s.Send(s.registry, connect("c", false), connect("c", false))
	s.Send(s.registry, &message.Ended{ClientID: "c", Session: s.sessions[0].pid, Connects: 2})
	require.True(t, s.sessions[0].stopped)
	s.Send(s.registry, connect("c", false))
	require.Len(t, s.sessions, 2)
	require.Equal(t, s.sessions[1].clientID, "c")
}

// A CONNECT that crosses the end of its session comes back, and gets a new one.
func TestEndCrossesAConnect(t *testing.T) {
	s := newScene(t)
	s.Send(s.registry, connect("c", false))
	old := s.sessions[0]
	old.take()
	crossing := connect("c", false)
	s.Send(s.registry, crossing, &message.Ended{ClientID: "c", Session: old.pid, Connects: 1})
	require.False(t, old.stopped, "there is a CONNECT on the way to it")
	require.Equal(t, []any{crossing}, old.take())

	crossing.Ended = old.pid // as the session passes it back
	s.Send(s.registry, crossing)
	require.Len(t, s.sessions, 2)
	require.Equal(t, []any{crossing}, s.sessions[1].take())
	require.Nil(t, crossing.Ended)

	// A second one that crossed as well goes to the same new session.
	second := connect("c", false)
	second.Ended = old.pid
	s.Send(s.registry, second)
	require.Len(t, s.sessions, 2)
	require.Equal(t, []any{second}, s.sessions[1].take())

	// The old one has its work to finish, and may have a CONNECT to pass back.
	resubscribe := &message.Resubscribe{Shard: 3}
	s.Send(s.registry, resubscribe)
	require.Equal(t, []any{resubscribe}, old.take())
	s.Send(s.registry, &message.Ended{ClientID: "c", Session: old.pid, Connects: 1})
	require.False(t, old.stopped)
	s.Send(s.registry, &message.Ended{ClientID: "c", Session: old.pid, Connects: 2})
	require.True(t, old.stopped)
	s.sessions[1].take()

	s.Send(s.registry, &message.Ended{ClientID: "c", Session: s.sessions[1].pid, Connects: 1})
	require.False(t, s.sessions[1].stopped, "it was sent two CONNECTs and has seen one")
	s.Send(s.registry, &message.Ended{ClientID: "c", Session: s.sessions[1].pid, Connects: 2})
	require.True(t, s.sessions[1].stopped)
}

func TestConnectionThatWasAbandoned(t *testing.T) {
	s := newScene(t)
	gone := &message.Abandoned{ClientID: "c", Connection: s.Witness().PID}
	s.Send(s.registry, gone) // nobody there
	c := connect("c", false)
	s.Send(s.registry, c, gone)
	require.Equal(t, []any{c, gone}, s.sessions[0].take())
}

func TestSessionThatWasStoppedForGood(t *testing.T) {
	s := newScene(t)
	s.Send(s.registry, connect("a:b:c", false), connect("other", false))
	s.Root.Stop(s.sessions[0].pid)
	s.Settle()
	s.Send(s.registry, connect("a:b:c", false), connect("other", false))
	require.Len(t, s.sessions, 3)
	require.Equal(t, "a:b:c", s.sessions[2].clientID)
}

func TestEverybodyIsTold(t *testing.T) {
	s := newScene(t)
	s.Send(s.registry, connect("a", false), connect("b", false))
	for _, one := range s.sessions {
		one.take()
	}
	drain, shutdown := &message.Drain{}, &message.Shutdown{}
	s.Send(s.registry, &message.Resubscribe{Shard: 3}, drain)
	for _, one := range s.sessions {
		require.Equal(t, []any{&message.Resubscribe{Shard: 3}, drain}, one.take())
	}
	late := connect("late", false) // who comes in the middle of a shutdown hears of it too
	s.Send(s.registry, late, shutdown)
	require.Equal(t, []any{late, drain, shutdown}, s.sessions[2].take())
}

// A registry answers itself and has all of its sessions answer, those too that
// their Clients have no more.
func TestAllSessionsAreJudged(t *testing.T) {
	s := newScene(t)
	s.Send(s.registry, connect("c", false), connect("d", false), connect("d", true))
	revoked := int64(-1)
	j := message.NewJudge(1, func(n int64) { revoked = n })
	s.Send(s.registry, j)
	require.Len(t, s.sessions, 3)
	for _, one := range s.sessions {
		require.EqualValues(t, -1, revoked)
		require.Contains(t, one.take(), any(j))
		j.Answer(1)
	}
	require.EqualValues(t, 3, revoked)
}

func TestDisconnectFindsTheSession(t *testing.T) {
	s := newScene(t)
	found := make(chan bool, 1)
	m := &message.Disconnect{ClientID: "c", Found: found}
	s.Send(s.registry, m)
	require.False(t, <-found, "nobody is there")
	s.Send(s.registry, connect("c", false), m)
	require.Contains(t, s.sessions[0].take(), any(m))
	require.Empty(t, found)
}
