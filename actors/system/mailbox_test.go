package system

import (
	"sync"
	"testing"
	"unsafe"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/internal/eventloop"
)

// TestActorIsSmall holds the size of what an idle actor has beside its own fields: a byte more, and the next size is 208.
func TestActorIsSmall(t *testing.T) {
	require.LessOrEqual(t, unsafe.Sizeof(cell{}), uintptr(192))
}

// TestMessagesKeepTheirOrder has several goroutines send, more than one turn's worth each; an actor's fields need no lock.
func TestMessagesKeepTheirOrder(t *testing.T) {
	w := newWorld(t, 2)
	const senders, each = 6, 3000
	type numbered struct{ sender, number int }
	last := [senders]int{}
	count, done := 0, make(chan struct{})
	pid := w.top(t, Supervision{}, func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			m, ok := ctx.Message().(numbered)
			if !ok {
				return
			}
			if m.number != last[m.sender]+1 {
				t.Errorf("sender %d: %d after %d", m.sender, m.number, last[m.sender])
			}
			last[m.sender] = m.number
			if count++; count == senders*each {
				close(done)
			}
		})
	})
	var wait sync.WaitGroup
	for s := range senders {
		wait.Go(func() {
			for i := range each {
				w.Send(pid, numbered{s, i + 1})
			}
		})
	}
	wait.Wait()
	await(t, done)
	w.stop(t, pid)
}

// TestDrained comes when the mailbox is empty, once per time that something was received, and its own messages are followed by another.
func TestDrained(t *testing.T) {
	w := newWorld(t, 1)
	notes := make(chan any, 2000)
	hold := make(chan struct{})
	again := true
	pid := w.top(t, Supervision{}, func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case chan struct{}:
				<-m
			case int:
				notes <- m
			case Drained:
				notes <- m
				if again {
					again = false
					w.Send(ctx.Self(), -1)
				}
			}
		})
	})
	require.Equal(t, Drained{}, await(t, notes), "after Started")
	require.Equal(t, -1, await(t, notes))
	require.Equal(t, Drained{}, await(t, notes))
	w.Send(pid, hold)
	const count = 3*throughput + 7
	for i := range count {
		w.Send(pid, i)
	}
	mailbox := w.Mailbox(pid)
	require.GreaterOrEqual(t, mailbox.Depth(), count)
	require.Equal(t, mailbox.Depth(), mailbox.UserMessageCount())
	close(hold)
	for i := range count {
		require.Equal(t, i, await(t, notes))
	}
	require.Equal(t, Drained{}, await(t, notes))
	w.stop(t, pid)
	require.Zero(t, mailbox.Depth())
	require.Empty(t, notes)
}

// TestBudgetLetsOthersHaveTheirTurn has an actor that sends itself messages for ever beside one that is asked.
func TestBudgetLetsOthersHaveTheirTurn(t *testing.T) {
	w := newWorld(t, 1)
	busy := w.top(t, Supervision{}, func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch ctx.Message().(type) {
			case *actor.Started, int:
				w.Send(ctx.Self(), 1)
			}
		})
	})
	calm, err := w.Spawn(w.Kind("test", Supervision{}), w.loops[0], "calm", Supervision{}, func(*Mailbox) actor.Actor { return &script{} })
	require.NoError(t, err)
	for range 100 {
		w.settle(t, calm)
	}
	w.stop(t, busy)
	w.stop(t, calm)
}

// TestActorMovesBetweenLoops has an actor that keeps a count on each loop, which the race detector knows to be that loop's own.
func TestActorMovesBetweenLoops(t *testing.T) {
	w := newWorld(t, 2)
	counts := [2]int{}
	done := make(chan struct{})
	at, left := 0, 5000
	var mailbox *Mailbox
	pid := w.top(t, Supervision{}, func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch ctx.Message().(type) {
			case *actor.Started:
				mailbox = w.Mailbox(ctx.Self())
			case int:
				counts[at]++
				if left--; left == 0 {
					close(done)
				}
				if left%7 == 0 {
					at = 1 - at
					mailbox.Move(w.loops[at])
				}
			}
		})
	})
	// Beside it each loop writes its own count.
	stop := make(chan struct{})
	var wait sync.WaitGroup
	for i := range 2 {
		beat := &beat{count: &counts[i], done: make(chan struct{}, 1)}
		wait.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					w.loops[i].Schedule(beat)
					<-beat.done
				}
			}
		})
	}
	for range 5000 {
		w.Send(pid, 1)
	}
	await(t, done)
	close(stop)
	wait.Wait()
	w.stop(t, pid)
}

// beat touches a loop's own count.
type beat struct {
	count *int
	done  chan struct{}
}

func (b *beat) Run() {
	*b.count++
	b.done <- struct{}{}
}

// TestMoveFromOutside moves a mailbox to and fro while it is sent to: nothing is lost and nothing runs twice at a time.
func TestMoveFromOutside(t *testing.T) {
	w := newWorld(t, 2)
	count, done := 0, make(chan struct{})
	const total = 20_000
	pid := w.top(t, Supervision{}, func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			if _, ok := ctx.Message().(int); ok {
				if count++; count == total {
					close(done)
				}
			}
		})
	})
	mailbox := w.Mailbox(pid)
	for i := range total {
		w.Send(pid, i)
		if i%50 == 0 {
			mailbox.Move(w.loops[(i/50)%2])
		}
	}
	await(t, done)
	w.stop(t, pid)
}

// TestQueueIsReleasedWhenIdle: what an idle mailbox holds is the mailbox.
func TestQueueIsReleasedWhenIdle(t *testing.T) {
	w := newWorld(t, 1)
	pid := w.top(t, Supervision{}, func() actor.Actor { return &script{} })
	w.settle(t, pid)
	mailbox := w.Mailbox(pid)
	turn(w.loops[0])
	mailbox.mu.Lock()
	require.Nil(t, mailbox.queue)
	require.False(t, mailbox.scheduled)
	mailbox.mu.Unlock()
	w.stop(t, pid)
}

// turn waits until a loop has run what was scheduled before.
func turn(l eventloop.Loop) {
	b := &beat{count: new(int), done: make(chan struct{}, 1)}
	l.Schedule(b)
	<-b.done
}
