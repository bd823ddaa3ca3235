package system

import (
	"runtime"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
)

// BenchmarkSend posts to an actor that is busy: the price of the sender and of the receiver, without a wake-up.
func BenchmarkSend(b *testing.B) {
	w := newWorld(b, 1)
	done := make(chan struct{})
	left := b.N
	pid := w.top(b, Supervision{}, func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			if _, ok := ctx.Message().(*int); ok {
				if left--; left == 0 {
					close(done)
				}
			}
		})
	})
	message := new(int)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		w.Send(pid, message)
	}
	<-done
	b.StopTimer()
	w.stop(b, pid)
}

// hop measures a message between two actors that wait for each other.
func hop(b *testing.B, loops int) {
	w := newWorld(b, loops)
	done := make(chan struct{})
	left := b.N
	var pids [2]*actor.PID
	message := new(int)
	for i, name := range []string{"ping", "pong"} {
		pids[i], _ = w.Spawn(w.Kind(name, Supervision{}), w.loops[i%loops], name, Supervision{}, func(*Mailbox) actor.Actor {
			return actor.ReceiveFunc(func(ctx actor.Context) {
				if _, ok := ctx.Message().(*int); !ok {
					return
				}
				if left--; left == 0 {
					close(done)
				} else if left > 0 {
					w.Send(pids[1-i], message)
				}
			})
		})
	}
	b.ReportAllocs()
	b.ResetTimer()
	w.Send(pids[0], message)
	<-done
	b.StopTimer()
	w.stop(b, pids[0])
	w.stop(b, pids[1])
}

func BenchmarkHopOnALoop(b *testing.B)      { hop(b, 1) }
func BenchmarkHopBetweenLoops(b *testing.B) { hop(b, 2) }

// blank is an actor without state.
type blank struct{ _ int64 }

func (*blank) Receive(actor.Context) {}

// BenchmarkIdleActor reports what an idle child costs its system and its parent, in bytes.
func BenchmarkIdleActor(b *testing.B) {
	const count = 20_000
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for b.Loop() {
		w := newWorld(b, 1)
		k := w.Kind("idle", Supervision{})
		before := heap()
		pid := w.top(b, Supervision{}, func() actor.Actor {
			return actor.ReceiveFunc(func(ctx actor.Context) {
				switch m := ctx.Message().(type) {
				case *actor.Started:
					for range count {
						k.SpawnChild(ctx, w.loops[0], "", func(*Mailbox) actor.Actor { return new(blank) })
					}
				case ask:
					close(m.done)
				}
			})
		})
		w.settle(b, pid)
		turn(w.loops[0])
		turn(w.loops[0])
		b.ReportMetric(float64(heap()-before)/count, "B/actor")
		w.stop(b, pid)
	}
}
