package system

import (
	"context"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/internal/eventloop"
)

// host is the actor.ActorSystem of a program, with what it has to say.
type host struct {
	*actor.ActorSystem
	logged atomic.Int64 // lines beyond the debug level
}

func newHost() *host {
	h := new(host)
	h.ActorSystem = actor.NewActorSystem(actor.WithMetricProviders(nil), actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
		return slog.New(h)
	}))
	h.logged.Store(0) // it says that it has started
	return h
}

func (h *host) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }
func (h *host) WithAttrs([]slog.Attr) slog.Handler           { return h }
func (h *host) WithGroup(string) slog.Handler                { return h }
func (h *host) Handle(context.Context, slog.Record) error    { h.logged.Add(1); return nil }

// names is how many names the host's own map has.
func (h *host) names() (n int) {
	for _, bucket := range h.ProcessRegistry.LocalPIDs.LocalPIDs {
		n += bucket.Count()
	}
	return n
}

// house makes a system in the host, on a loop of its own.
func (h *host) house(t testing.TB) *world {
	t.Helper()
	g, err := eventloop.New(1, zap.NewNop())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close(context.Background())) })
	return &world{loops: g.Loops(), System: New(Options{Actors: h.ActorSystem, Log: zap.NewNop()})}
}

// spy is an actor of the host that tells what it receives.
func (h *host) spy(t testing.TB) (*actor.PID, <-chan any) {
	t.Helper()
	got := make(chan any, 64)
	pid := h.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *actor.Started:
		case *actor.PID:
			ctx.Watch(m)
		default:
			got <- m
		}
	}))
	t.Cleanup(func() { require.NoError(t, h.Root.StopFuture(pid).Wait()) })
	return pid, got
}

func echo() actor.Actor {
	return actor.ReceiveFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case ask:
			close(m.done)
		case string:
			ctx.Respond(m)
		}
	})
}

func TestSeveralSystemsInOneHost(t *testing.T) {
	h := newHost()
	names, resolvers := h.names(), len(h.ProcessRegistry.RemoteHandlers)
	buckets := len(h.ProcessRegistry.LocalPIDs.LocalPIDs)
	worlds := []*world{h.house(t), h.house(t), h.house(t)}
	var pids []*actor.PID
	for _, w := range worlds {
		pid, err := w.Spawn(w.Kind("echo", Supervision{}), w.loops[0], "same", Supervision{}, func(*Mailbox) actor.Actor { return echo() })
		require.NoError(t, err)
		pids = append(pids, pid)
	}
	require.Equal(t, names+1, h.names(), "one directory for all of them")
	require.Len(t, h.ProcessRegistry.RemoteHandlers, resolvers+1)
	require.Len(t, h.ProcessRegistry.LocalPIDs.LocalPIDs, buckets, "the map of the host is not ours to shrink")
	for i, pid := range pids {
		for j, w := range worlds {
			require.Equal(t, i == j, w.Mailbox(pid) != nil)
		}
		got, err := h.Root.RequestFuture(pid, "hello", within).Result()
		require.NoError(t, err)
		require.Equal(t, "hello", got)
		// A PID that was made of what is written in another finds the same.
		copied := &actor.PID{Address: pid.Address, Id: pid.Id, RequestId: pid.RequestId}
		got, err = h.Root.RequestFuture(copied, "again", within).Result()
		require.NoError(t, err)
		require.Equal(t, "again", got)
	}

	// One ends; the others go on, and what is sent to it comes to nobody, also when another takes its place.
	worlds[1].stop(t, pids[1])
	worlds[1].Close()
	late := h.house(t)
	_, err := late.Spawn(late.Kind("echo", Supervision{}), late.loops[0], "same", Supervision{}, func(*Mailbox) actor.Actor { return echo() })
	require.NoError(t, err)
	for _, pid := range []*actor.PID{pids[1], {Address: pids[1].Address, Id: pids[1].Id, RequestId: pids[1].RequestId}} {
		_, err := h.Root.RequestFuture(pid, "anybody?", within).Result()
		require.ErrorIs(t, err, actor.ErrDeadLetter, "who asks waits for nothing")
	}
	_, err = h.Root.RequestFuture(pids[2], "hello", within).Result()
	require.NoError(t, err)
	require.Len(t, h.ProcessRegistry.RemoteHandlers, resolvers+1)
	require.Equal(t, names+1, h.names())
}

func TestFirstSystemsOfAHostAtOnce(t *testing.T) {
	h := newHost()
	systems := make([]*System, 16)
	addresses := make(map[string]bool)
	var all sync.WaitGroup
	for i := range systems {
		all.Go(func() { systems[i] = New(Options{Actors: h.ActorSystem, Log: zap.NewNop()}) })
	}
	all.Wait()
	for _, s := range systems {
		require.Same(t, systems[0].directory, s.directory)
		addresses[s.cells.address] = true
	}
	require.Len(t, addresses, len(systems))
	require.Len(t, h.ProcessRegistry.RemoteHandlers, 1)
}

func TestNameOfTheDirectoryIsTaken(t *testing.T) {
	h := newHost()
	_, free := h.ProcessRegistry.Add(nobody{h.ActorSystem}, directoryName)
	require.True(t, free)
	w, other := h.house(t), h.house(t)
	require.Same(t, w.directory, other.directory)
	pid := w.top(t, Supervision{}, echo)
	_, err := h.Root.RequestFuture(pid, "hello", within).Result()
	require.NoError(t, err)
	w.stop(t, pid)
}

// A remote takes every PID that is not local for its own.
func TestWhoKnowsEveryPIDIsAskedLast(t *testing.T) {
	h := newHost()
	h.ProcessRegistry.RegisterAddressResolver(func(*actor.PID) (actor.Process, bool) { return nobody{h.ActorSystem}, true })
	w := h.house(t)
	pid := w.top(t, Supervision{}, echo)
	_, err := h.Root.RequestFuture(pid, "hello", within).Result()
	require.NoError(t, err)
	w.stop(t, pid)
}

func TestWatchBetweenHostAndSystem(t *testing.T) {
	h := newHost()
	w := h.house(t)
	watched := w.top(t, Supervision{}, echo)
	spy, got := h.spy(t)
	h.Root.Send(spy, watched)
	h.Root.Send(spy, "settled")
	require.Equal(t, "settled", await(t, got))
	w.stop(t, watched)
	require.True(t, await(t, got).(*actor.Terminated).Who.Equal(watched))
	h.Root.Send(spy, watched)
	require.True(t, await(t, got).(*actor.Terminated).Who.Equal(watched), "it had ended before")
	w.Close()
	h.Root.Send(spy, &actor.PID{Address: watched.Address, Id: watched.Id, RequestId: watched.RequestId})
	require.True(t, await(t, got).(*actor.Terminated).Who.Equal(watched), "with its system")

	w = h.house(t)
	ended := make(chan *actor.PID, 2)
	pid := w.top(t, Supervision{}, func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *actor.PID:
				ctx.Watch(m)
			case *actor.Terminated:
				ended <- m.Who
			case ask:
				close(m.done)
			}
		})
	})
	theirs := h.Root.Spawn(actor.PropsFromFunc(func(actor.Context) {}))
	w.Send(pid, theirs)
	w.settle(t, pid)
	require.Empty(t, ended)
	require.NoError(t, h.Root.StopFuture(theirs).Wait())
	require.True(t, await(t, ended).Equal(theirs))
	w.Send(pid, actor.NewPID(theirs.Address, theirs.Id))
	require.True(t, await(t, ended).Equal(theirs), "it had ended before")
	w.stop(t, pid)
}

func TestHostKeepsWhatIsItsOwn(t *testing.T) {
	h := newHost()
	var seen atomic.Int64
	h.Root.WithSenderMiddleware(func(next actor.SenderFunc) actor.SenderFunc {
		return func(c actor.SenderContext, target *actor.PID, e *actor.MessageEnvelope) {
			seen.Add(1)
			next(c, target, e)
		}
	})
	before := h.logged.Load()
	w := h.house(t)
	done := make(chan struct{})
	pid := w.top(t, Supervision{}, func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case string:
				ctx.ActorSystem().Root.Send(ctx.Self(), 1)
			case int:
				ctx.Send(ctx.Self(), 2.0)
			case float64:
				close(done)
			case ask:
				close(m.done)
			}
		})
	})
	w.Send(pid, "go")
	await(t, done)
	require.EqualValues(t, 0, seen.Load(), "what the host hangs into its messages is not for ours")
	w.stop(t, pid)
	w.Send(pid, "too late")
	w.Close()
	w.Send(&actor.PID{Address: pid.Address, Id: pid.Id}, "too late")
	require.Equal(t, before, h.logged.Load(), "the host's log has nothing of it")
}

func TestHostForgetsASystem(t *testing.T) {
	h := newHost()
	gone := make(chan struct{})
	func() {
		w := h.house(t)
		pid := w.top(t, Supervision{}, echo)
		_, err := h.Root.RequestFuture(pid, "hello", within).Result()
		require.NoError(t, err)
		w.stop(t, pid)
		w.Close()
		runtime.AddCleanup(w.System, func(struct{}) { close(gone) }, struct{}{})
	}()
	require.Eventually(t, func() bool {
		runtime.GC()
		select {
		case <-gone:
			return true
		default:
			return false
		}
	}, within, 10*time.Millisecond, "the host keeps what has ended")
	runtime.KeepAlive(h)
}
