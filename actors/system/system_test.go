package system

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/troupemq/troupe/internal/eventloop"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// within bounds how long a test waits.
const within = 20 * time.Second

func await[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(within):
		require.FailNow(t, "nothing came")
		panic("unreachable")
	}
}

// world is a system on real loops, with the failures that were reported.
type world struct {
	*System
	loops []eventloop.Loop

	mu       sync.Mutex
	failures []Failure
}

func newWorld(t testing.TB, loops int) *world {
	t.Helper()
	g, err := eventloop.New(loops, zap.NewNop())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close(context.Background())) })
	w := &world{loops: g.Loops()}
	w.System = New(Options{Log: zap.NewNop(), Failed: func(f Failure) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.failures = append(w.failures, f)
	}})
	return w
}

// judged is the failures so far.
func (w *world) judged() []Failure {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Failure(nil), w.failures...)
}

// top starts a function as an actor at the top, on loop 0.
func (w *world) top(t testing.TB, v Supervision, produce func() actor.Actor) *actor.PID {
	t.Helper()
	pid, err := w.Spawn(w.Kind("test", Supervision{}), w.loops[0], t.Name(), v, func(*Mailbox) actor.Actor { return produce() })
	require.NoError(t, err)
	return pid
}

func (w *world) stop(t testing.TB, pid *actor.PID) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	require.NoError(t, w.Stop(ctx, pid))
}

// ask has an actor answer a message of its own in its turn, and thus waits for all that was sent before.
type ask struct{ done chan struct{} }

func (w *world) settle(t testing.TB, pid *actor.PID) {
	t.Helper()
	a := ask{make(chan struct{})}
	w.Send(pid, a)
	await(t, a.done)
}

type boom struct{}

// script is an actor that notes what it receives and panics on boom.
type script struct {
	name  string
	notes chan<- any // nil: nobody wants them
}

func (s *script) note(v any) {
	if s.notes != nil {
		s.notes <- v
	}
}

func (s *script) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case ask:
		close(m.done)
	case boom:
		panic("on purpose")
	case Drained, *actor.Started:
	case *actor.Restarting:
		s.note(s.name + " restarting")
	case *actor.Stopped:
		s.note(s.name + " stopped")
	case *actor.Stopping, *actor.Terminated:
	default:
		s.note(m)
	}
}

func TestLifeFromSpawnToStop(t *testing.T) {
	w := newWorld(t, 2)
	notes := make(chan any, 100)
	pid := w.top(t, Supervision{}, func() actor.Actor { return &script{"a", notes} })
	_, err := w.Spawn(w.Kind("test", Supervision{}), w.loops[0], t.Name(), Supervision{}, nil)
	require.ErrorIs(t, err, actor.ErrNameExists)
	w.Send(pid, 1)
	require.Equal(t, 1, await(t, notes))
	select {
	case <-w.Ended(pid):
		t.Error("it is alive")
	default:
	}
	ended := w.Ended(pid)
	w.stop(t, pid)
	w.stop(t, pid)
	await(t, ended)
	await(t, w.Ended(pid))
	require.Equal(t, "a stopped", await(t, notes))
	require.Nil(t, w.Mailbox(pid))
	w.Send(pid, 2) // dropped
	require.Empty(t, notes)
	again := w.top(t, Supervision{}, func() actor.Actor { return &script{"b", notes} }) // the name is free
	w.stop(t, again)
}

func TestStopGivesUpWithItsContext(t *testing.T) {
	w := newWorld(t, 1)
	hold := make(chan struct{})
	pid := w.top(t, Supervision{}, func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			if _, ok := ctx.Message().(*actor.Started); ok {
				<-hold
			}
		})
	})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := w.Stop(ctx, pid)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, pid.GetId())
	close(hold)
	w.stop(t, pid)
}

// TestStopEndsTheTree has children on other loops end before their parent.
func TestStopEndsTheTree(t *testing.T) {
	w := newWorld(t, 2)
	notes := make(chan any, 100)
	child := w.Kind("child", Supervision{})
	ready := make(chan struct{})
	pid := w.top(t, Supervision{}, func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch ctx.Message().(type) {
			case *actor.Started:
				for i := range 10 {
					child.SpawnChild(ctx, w.loops[i%2], "", func(m *Mailbox) actor.Actor {
						if m.Loop() != w.loops[i%2] {
							t.Error("the mailbox is on another loop")
						}
						return &script{"child", notes}
					})
				}
				close(ready)
			case *actor.Stopped:
				notes <- "parent stopped"
			}
		})
	})
	await(t, ready)
	w.stop(t, pid)
	for range 10 {
		require.Equal(t, "child stopped", await(t, notes))
	}
	require.Equal(t, "parent stopped", await(t, notes))
}

func TestProtoactorLogsThroughZap(t *testing.T) {
	core, logs := observer.New(zapcore.DebugLevel)
	s := New(Options{Log: zap.New(core)})
	require.Equal(t, 1, logs.Len(), "what it says when it starts")
	require.Equal(t, zapcore.DebugLevel, logs.All()[0].Level)
	logger := s.Actors().Logger()
	logger.With("a", 1).WithGroup("g").Error("bad", "b", 2)
	last := logs.TakeAll()[1]
	require.Equal(t, zapcore.ErrorLevel, last.Level)
	require.Equal(t, "bad", last.Message)
	require.Equal(t, map[string]any{"a": int64(1), "g": map[string]any{"b": int64(2)}}, last.ContextMap())
	quiet := New(Options{Log: zap.New(zapcore.NewNopCore())})
	require.False(t, quiet.Actors().Logger().Enabled(context.Background(), 8))
}
