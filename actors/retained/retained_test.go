package retained_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/troupemq/troupe/actors/actortest"
	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/retained"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/internal/telemetry"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

type scene struct {
	*testing.T
	*actortest.Stage
	counters telemetry.Counters
	keeper   *actor.PID
	asker    *actortest.Witness
	logs     *observer.ObservedLogs
}

func newScene(t *testing.T, limits retained.Limits) *scene {
	s := &scene{T: t, Stage: actortest.NewStage()}
	core, logs := observer.New(zap.InfoLevel)
	s.logs = logs
	store := retained.NewStore()
	s.keeper = s.Spawn("keeper", func(*system.Mailbox) actor.Actor {
		return retained.New(store, s.Loop, limits, retained.Disk{}, &s.counters, zap.New(core))
	})
	s.asker = s.Witness()
	t.Cleanup(func() { require.Empty(t, s.Broken()) })
	return s
}

// message is one to be kept; seconds is its Message Expiry Interval, 0: none.
func (s *scene) message(topic, payload string, seconds uint32) *message.Retain {
	p := &packet.Publish{Retain: true, Topic: []byte(topic), Payload: []byte(payload), HasMessageExpiry: seconds > 0, MessageExpiry: seconds}
	run := packet.NewRun(p, packet.V5)
	if seconds > 0 {
		run.Deadline = s.Now() + int64(seconds)*1000
	}
	return &message.Retain{Run: run, Now: s.Now()}
}

func (s *scene) replay(filter string) *message.Replay {
	return &message.Replay{Subscriber: s.asker.PID, Retained: s.keeper, Filter: filter, Terms: &session.Terms{Retained: true}}
}

// slice is the next part of a replay.
func (s *scene) slice() *message.Retained {
	s.Helper()
	got := s.asker.Got()
	require.Len(s, got, 1)
	return got[0].(*message.Retained)
}

// kept asks for all that matches, as topic=payload.
func (s *scene) kept(filter string) (all []string) {
	s.Helper()
	s.Send(s.keeper, s.replay(filter))
	for {
		slice := s.slice()
		all = append(all, texts(s.T, slice)...)
		if slice.Next == nil {
			return all
		}
		s.Send(slice.Next.Retained, slice.Next)
	}
}

func texts(t *testing.T, slice *message.Retained) (all []string) {
	t.Helper()
	for _, run := range slice.Runs {
		var p packet.Publish
		require.NoError(t, p.Decode(run.Frames, run.Version))
		all = append(all, string(p.Topic)+"="+string(p.Payload))
	}
	return all
}

func TestLastMessageOfEachTopicIsKept(t *testing.T) {
	s := newScene(t, retained.Limits{})
	s.Send(s.keeper, s.message("a", "1", 0), s.message("b", "1", 0), s.message("a", "22", 0))
	require.ElementsMatch(t, []string{"a=22", "b=1"}, s.kept("#"))
	require.EqualValues(t, 2, s.counters.RetainedMessages.Load())
	size := len(s.message("a", "22", 0).Run.Frames) + len(s.message("b", "1", 0).Run.Frames)
	require.EqualValues(t, size, s.counters.RetainedBytes.Load())
	s.Send(s.keeper, s.message("a", "", 0), s.message("never/there", "", 0))
	require.Equal(t, []string{"b=1"}, s.kept("#"))
	s.Send(s.keeper, s.message("b", "", 0))
	require.Empty(t, s.kept("#"))
	require.EqualValues(t, 0, s.counters.RetainedMessages.Load())
	require.EqualValues(t, 0, s.counters.RetainedBytes.Load())
}

func TestWhatIsKeptPinsNoReceiveBuffer(t *testing.T) {
	s := newScene(t, retained.Limits{})
	m := s.message("a", "x", 0)
	m.Run.Slab = 1 << 20
	s.Send(s.keeper, m)
	s.Send(s.keeper, s.replay("a"))
	require.Less(t, s.slice().Runs[0].Slab, 1024)
}

func TestBoundOfMessages(t *testing.T) {
	s := newScene(t, retained.Limits{Messages: 2})
	s.Send(s.keeper, s.message("a", "1", 0), s.message("b", "1", 0), s.message("c", "1", 0), s.message("d", "1", 0))
	require.ElementsMatch(t, []string{"a=1", "b=1"}, s.kept("#"))
	require.EqualValues(t, 2, s.counters.DroppedRetained.Load())
	require.Equal(t, 1, s.logs.Len(), "logged once per episode")
	s.Send(s.keeper, s.message("a", "replaced", 0)) // no more than before
	require.ElementsMatch(t, []string{"a=replaced", "b=1"}, s.kept("#"))
	s.Send(s.keeper, s.message("b", "", 0), s.message("c", "2", 0), s.message("d", "2", 0))
	require.ElementsMatch(t, []string{"a=replaced", "c=2"}, s.kept("#"))
	require.EqualValues(t, 3, s.counters.DroppedRetained.Load())
	require.Equal(t, 2, s.logs.Len())
}

func TestBoundOfBytes(t *testing.T) {
	s := newScene(t, retained.Limits{Bytes: 100})
	s.Send(s.keeper, s.message("a", strings.Repeat("x", 80), 0))
	s.Send(s.keeper, s.message("b", strings.Repeat("x", 80), 0))
	require.EqualValues(t, 1, s.counters.DroppedRetained.Load())
	s.Send(s.keeper, s.message("a", strings.Repeat("x", 200), 0)) // keeps the message that it had
	require.Equal(t, []string{"a=" + strings.Repeat("x", 80)}, s.kept("#"))
	s.Send(s.keeper, s.message("a", "small", 0), s.message("b", strings.Repeat("x", 80), 0))
	require.Len(t, s.kept("#"), 2)
	require.LessOrEqual(t, s.counters.RetainedBytes.Load(), int64(100))
}

func TestExpiry(t *testing.T) {
	s := newScene(t, retained.Limits{})
	s.Send(s.keeper, s.message("short", "x", 1), s.message("long", "x", 100), s.message("ever", "x", 0))
	s.Elapse(999)
	s.Settle()
	require.Len(t, s.kept("#"), 3)
	s.Elapse(200) // the resolution of timers
	s.Settle()
	require.ElementsMatch(t, []string{"long=x", "ever=x"}, s.kept("#"))
	require.EqualValues(t, 2, s.counters.RetainedMessages.Load())
	require.EqualValues(t, 1, s.counters.DroppedExpired.Load())
	s.Elapse(100_000)
	s.Settle()
	require.Equal(t, []string{"ever=x"}, s.kept("#"))
	require.EqualValues(t, 1, s.counters.RetainedMessages.Load())
}

func TestExpiryOfAMessageThatWasReplaced(t *testing.T) {
	s := newScene(t, retained.Limits{})
	s.Send(s.keeper, s.message("a", "old", 1), s.message("b", "old", 1), s.message("c", "old", 5))
	s.Send(s.keeper, s.message("a", "for ever", 0), s.message("b", "longer", 10), s.message("c", "shorter", 2))
	s.Elapse(3000)
	s.Settle()
	require.ElementsMatch(t, []string{"a=for ever", "b=longer"}, s.kept("#"))
	s.Elapse(10_000)
	s.Settle()
	require.Equal(t, []string{"a=for ever"}, s.kept("#"))
	require.EqualValues(t, 2, s.counters.DroppedExpired.Load())
}

// A topic with a new message and a new expiry every time leaves notes that are
// no longer true; they are cleaned up, and what they said is not believed.
func TestExpiryWithFrequentUpdates(t *testing.T) {
	s := newScene(t, retained.Limits{})
	for i := range 20_000 {
		s.Send(s.keeper, s.message(fmt.Sprintf("t/%d", i%3), fmt.Sprint(i), uint32(10+i%7)))
		if i%100 == 0 {
			s.Elapse(1)
		}
	}
	require.EqualValues(t, 3, s.counters.RetainedMessages.Load())
	require.ElementsMatch(t, []string{"t/0=19998", "t/1=19999", "t/2=19997"}, s.kept("t/+"))
	s.Elapse(20_000)
	s.Settle()
	require.Empty(t, s.kept("#"))
	require.EqualValues(t, 3, s.counters.DroppedExpired.Load())
	require.EqualValues(t, 0, s.counters.RetainedBytes.Load())
}

func TestManyExpireAtOnce(t *testing.T) {
	s := newScene(t, retained.Limits{})
	for i := range 3000 { // more than one turn removes
		s.Send(s.keeper, s.message(fmt.Sprintf("t/%d", i), "x", 1))
	}
	s.Elapse(2000)
	for range 50 { // each turn goes on with the next when its timer fires
		s.Settle()
		s.Elapse(20)
	}
	require.EqualValues(t, 0, s.counters.RetainedMessages.Load())
	require.EqualValues(t, 3000, s.counters.DroppedExpired.Load())
}

func TestReplayInSlicesOverChanges(t *testing.T) {
	s := newScene(t, retained.Limits{})
	const n = 500
	for i := range n {
		s.Send(s.keeper, s.message(fmt.Sprintf("t/%03d", i), "before", 0))
	}
	s.Send(s.keeper, s.replay("t/+"))
	seen := make(map[string]bool)
	slices := 0
	for round := 0; ; round++ {
		slice := s.slice()
		slices++
		require.LessOrEqual(t, len(slice.Runs), 64)
		for _, text := range texts(t, slice) {
			topic, _, _ := strings.Cut(text, "=")
			require.False(t, seen[topic], "%s comes twice", topic)
			seen[topic] = true
		}
		if slice.Next == nil {
			break
		}
		// Between two slices topics come, change and go.
		s.Send(s.keeper,
			s.message(fmt.Sprintf("t/%03d", 499-round), "", 0),
			s.message(fmt.Sprintf("t/%03d", 250), "changed", 0),
			s.message(fmt.Sprintf("t/new/%d", round), "x", 0))
		s.Send(slice.Next.Retained, slice.Next)
	}
	require.GreaterOrEqual(t, slices, n/64)
	for i := range n - slices { // what was there all the time comes
		require.True(t, seen[fmt.Sprintf("t/%03d", i)], "t/%03d is missing", i)
	}
}

func TestReplaySkipsWhatExpiredMeanwhile(t *testing.T) {
	s := newScene(t, retained.Limits{})
	for i := range 100 {
		s.Send(s.keeper, s.message(fmt.Sprintf("t/%03d", i), "x", 1))
	}
	s.Send(s.keeper, s.replay("#"))
	first := s.slice()
	require.Len(t, first.Runs, 64)
	s.Elapse(1000)
	for s.Loop.Now() < s.Now() { // until its next turn the loop has not noticed
		s.Send(s.keeper, s.message("other", "", 0))
	}
	s.Send(first.Next.Retained, first.Next)
	require.Empty(t, s.slice().Runs)
}

func TestSlicesAreBoundedInBytes(t *testing.T) {
	s := newScene(t, retained.Limits{})
	for i := range 10 {
		s.Send(s.keeper, s.message(fmt.Sprintf("t/%d", i), strings.Repeat("x", 40_000), 0))
	}
	s.Send(s.keeper, s.replay("t/+"))
	require.Len(t, s.slice().Runs, 2)
	require.Len(t, s.kept("t/+"), 10)
}

func TestKeeperThatFailedHasWhatItTook(t *testing.T) {
	s := newScene(t, retained.Limits{})
	s.Send(s.keeper, s.message("a", "1", 0))
	s.Send(s.keeper, s.message("a", "2", 0), s.message("b", "1", 3), &message.Retain{}, s.message("c", "1", 0))
	require.Len(t, s.Failures, 1)
	require.ElementsMatch(t, []string{"a=2", "b=1", "c=1"}, s.kept("#"))
	require.EqualValues(t, 3, s.counters.RetainedMessages.Load())
	s.Elapse(4000)
	s.Settle()
	require.ElementsMatch(t, []string{"a=2", "c=1"}, s.kept("#"), "it forgot to expire")
}

// What the broker says of itself takes nothing of what Clients may retain, and is
// kept however much that is.
func TestOwnMessagesTakeNothingOfTheBound(t *testing.T) {
	s := newScene(t, retained.Limits{Messages: 2, Bytes: 60})
	for _, topic := range []string{"$SYS/1", "$SYS/2", "$SYS/3", "a", "b", "c", "$SYS/4"} {
		s.Send(s.keeper, s.message(topic, "1", 0))
	}
	require.ElementsMatch(t, []string{"a=1", "b=1"}, s.kept("#"))
	require.Len(t, s.kept("$SYS/#"), 4)
	require.EqualValues(t, 1, s.counters.DroppedRetained.Load())
	s.Send(s.keeper, s.message("$SYS/1", string(make([]byte, 100)), 0), s.message("$SYS/2", "", 0), s.message("a", "", 0), s.message("c", "2", 0))
	require.ElementsMatch(t, []string{"b=1", "c=2"}, s.kept("#"))
	require.Len(t, s.kept("$SYS/#"), 3)
	require.EqualValues(t, 2, s.counters.RetainedForClients())
	for _, topic := range []string{"$SYS/1", "$SYS/3", "$SYS/4", "b", "c"} {
		s.Send(s.keeper, s.message(topic, "", 0))
	}
	require.Zero(t, s.counters.RetainedOwn.Load()+s.counters.RetainedOwnBytes.Load()+s.counters.RetainedMessages.Load()+s.counters.RetainedBytes.Load())
}
