package system

import (
	"sync/atomic"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestStopOnFailure(t *testing.T) {
	w := newWorld(t, 1)
	notes := make(chan any, 100)
	pid := w.top(t, Supervision{}, func() actor.Actor { return &script{"a", notes} })
	hold := make(chan struct{})
	w.Send(pid, 1)
	w.Send(pid, boom{})
	w.Send(pid, 2)
	close(hold)
	await(t, w.Ended(pid))
	require.Equal(t, 1, await(t, notes))
	require.Equal(t, "a stopped", await(t, notes))
	require.Empty(t, notes, "what waited is not handled")
	failures := w.judged()
	require.Len(t, failures, 1)
	f := failures[0]
	require.Equal(t, pid.GetId(), f.PID.GetId())
	require.Equal(t, "test", f.Kind)
	require.Equal(t, "on purpose", f.Reason)
	require.Equal(t, boom{}, f.Message)
	require.Equal(t, Stop, f.Action)
	require.Contains(t, string(f.Stack), "(*script).Receive")
}

// TestRestartIsBlankAndKeepsTheMailbox: the failing message is gone, what waited is handled by the new instance.
func TestRestartIsBlankAndKeepsTheMailbox(t *testing.T) {
	w := newWorld(t, 1)
	notes := make(chan any, 100)
	names := []string{"a", "b", "c", "d"}
	made := 0
	exhausted := make(chan Failure, 10)
	pid := w.top(t, Supervision{Action: Restart, Limit: 2, Exhausted: func(f Failure) { exhausted <- f }}, func() actor.Actor {
		made++
		return &script{names[made-1], notes}
	})
	for i := range 3 {
		w.Send(pid, i)
		w.Send(pid, boom{})
	}
	for _, want := range []any{0, "a restarting", 1, "b restarting", 2, "c stopped"} {
		require.Equal(t, want, await(t, notes))
	}
	require.Equal(t, Stop, await(t, exhausted).Action)
	await(t, w.Ended(pid))
	require.Equal(t, 3, made)
	var actions []Action
	for _, f := range w.judged() {
		actions = append(actions, f.Action)
	}
	require.Equal(t, []Action{Restart, Restart, Stop}, actions)
	require.Equal(t, []string{"restart", "restart", "stop", "resume"}, []string{actions[0].String(), actions[1].String(), actions[2].String(), Resume.String()})
}

func TestResumeGoesOn(t *testing.T) {
	w := newWorld(t, 1)
	notes := make(chan any, 2000)
	pid := w.top(t, Supervision{Action: Resume}, func() actor.Actor { return &script{"a", notes} })
	for i := range 500 {
		w.Send(pid, boom{})
		w.Send(pid, i)
	}
	for i := range 500 {
		require.Equal(t, i, await(t, notes))
	}
	require.Len(t, w.judged(), 500)
	w.stop(t, pid)
}

// TestFailureInDrained: it is a message as any other, and comes again after the actor was resumed.
func TestFailureInDrained(t *testing.T) {
	w := newWorld(t, 1)
	drained := make(chan struct{}, 10)
	var times atomic.Int32
	pid := w.top(t, Supervision{Action: Resume}, func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			if _, ok := ctx.Message().(Drained); ok {
				if times.Add(1) == 1 {
					panic("on purpose")
				}
				drained <- struct{}{}
			}
		})
	})
	await(t, drained)
	require.Equal(t, Drained{}, w.judged()[0].Message)
	w.stop(t, pid)
}

// TestSuspendedUntilJudged has the supervisor on another loop, held up: meanwhile the child handles nothing, then everything in order.
func TestSuspendedUntilJudged(t *testing.T) {
	w := newWorld(t, 2)
	notes := make(chan any, 100)
	held, hold, spawned := make(chan struct{}), make(chan struct{}), make(chan *actor.PID, 1)
	kind := w.Kind("child", Supervision{})
	parent := w.Kind("parent", Supervision{Action: Restart, Limit: 1})
	pid, err := w.Spawn(parent, w.loops[0], "parent", Supervision{}, func(*Mailbox) actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch ctx.Message().(type) {
			case *actor.Started:
				spawned <- kind.SpawnChild(ctx, w.loops[1], "", func(*Mailbox) actor.Actor { return &script{"child", notes} })
			case string:
				close(held)
				<-hold
			}
		})
	})
	require.NoError(t, err)
	child := await(t, spawned)
	w.Send(pid, "hold")
	await(t, held)
	mailbox := w.Mailbox(child)
	w.Send(child, boom{})
	for i := range 10 {
		w.Send(child, i)
	}
	turn(w.loops[1])
	turn(w.loops[1])
	require.Empty(t, notes)
	require.Equal(t, 10, mailbox.Depth())
	close(hold)
	require.Equal(t, "child restarting", await(t, notes))
	for i := range 10 {
		require.Equal(t, i, await(t, notes))
	}
	require.Equal(t, "child", w.judged()[0].Kind)
	w.stop(t, pid)
}

func TestFailureWhenStarting(t *testing.T) {
	w := newWorld(t, 1)
	notes := make(chan any, 10)
	made := 0
	pid := w.top(t, Supervision{Action: Restart, Limit: 5}, func() actor.Actor {
		made++
		mine := made
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch ctx.Message().(type) {
			case *actor.Started:
				if mine < 3 {
					panic("not yet")
				}
				notes <- mine
			case int:
				notes <- mine
			}
		})
	})
	w.Send(pid, 1)
	require.Equal(t, 3, await(t, notes))
	require.Equal(t, 3, await(t, notes))
	require.Len(t, w.judged(), 2)
	w.stop(t, pid)
}

// TestFailureWhileStoppingStillEnds: protoactor alone would restart the actor or never end it, and whoever stops it would wait for ever.
func TestFailureWhileStoppingStillEnds(t *testing.T) {
	always := func(any) bool { return true }
	for name, fails := range map[string]func(any) bool{
		"Stopping": func(m any) bool { _, ok := m.(*actor.Stopping); return ok },
		"Stopped":  func(m any) bool { _, ok := m.(*actor.Stopped); return ok },
		"Terminated": func(m any) bool {
			_, ok := m.(*actor.Terminated)
			return ok
		},
		"everything": always,
	} {
		for _, action := range []Action{Stop, Restart, Resume} {
			t.Run(name+"/"+action.String(), func(t *testing.T) {
				w := newWorld(t, 2)
				notes := make(chan any, 100)
				ready := make(chan struct{})
				armed := false
				kind := w.Kind("child", Supervision{})
				pid := w.top(t, Supervision{Action: action, Limit: 100}, func() actor.Actor {
					return actor.ReceiveFunc(func(ctx actor.Context) {
						m := ctx.Message()
						if _, ok := m.(Drained); ok {
							return
						}
						if armed && fails(m) {
							panic("on purpose")
						}
						if _, ok := m.(*actor.Started); ok {
							for i := range 2 {
								kind.SpawnChild(ctx, w.loops[i], "", func(*Mailbox) actor.Actor { return &script{"child", notes} })
							}
							armed = true
							close(ready)
						}
					})
				})
				await(t, ready)
				w.stop(t, pid)
				require.Nil(t, w.Mailbox(pid))
				for range 2 {
					require.Equal(t, "child stopped", await(t, notes))
				}
				require.NotEmpty(t, w.judged())
			})
		}
	}
}

func TestFailureIsLoggedByDefault(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	w := newWorld(t, 1)
	s := New(Options{Log: zap.New(core)})
	pid, err := s.Spawn(s.Kind("glass", Supervision{}), w.loops[0], "vase", Supervision{}, func(*Mailbox) actor.Actor {
		return &script{notes: make(chan any, 10)}
	})
	require.NoError(t, err)
	s.Send(pid, boom{})
	await(t, s.Ended(pid))
	require.Equal(t, 1, logs.Len())
	fields := logs.All()[0].ContextMap()
	require.Equal(t, "glass", fields["kind"])
	require.Equal(t, "stop", fields["action"])
	require.Contains(t, fields["stack"], "(*script).Receive")
}

// A child that an actor spawns while it stops ends too: it would be waited for.
func TestChildOfAnActorThatStops(t *testing.T) {
	w := newWorld(t, 2)
	notes := make(chan any, 100)
	ready := make(chan struct{})
	kind := w.Kind("child", Supervision{})
	spawned := false
	pid := w.top(t, Supervision{}, func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			spawn := func(loop int, name string) {
				kind.SpawnChild(ctx, w.loops[loop], name, func(*Mailbox) actor.Actor { return &script{name, notes} })
			}
			switch ctx.Message().(type) {
			case *actor.Started:
				spawn(0, "first")
				close(ready)
			case *actor.Terminated:
				if !spawned {
					spawned = true
					spawn(1, "late")
				}
			}
		})
	})
	await(t, ready)
	w.stop(t, pid)
	require.Equal(t, "first stopped", await(t, notes))
	require.Equal(t, "late stopped", await(t, notes))
}
