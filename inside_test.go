package troupe

import (
	"runtime"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/internal/eventloop"
)

// inside is a message that runs a function in the turn of whatever actor it is
// sent to: protoactor asks it for an answer after the actor's own Receive, which
// does not know it. What it panics with is a failure of that actor.
type inside func(ctx actor.Context)

// GetAutoResponse implements actor.AutoRespond.
func (f inside) GetAutoResponse(ctx actor.Context) any {
	f(ctx)
	return nil
}

// panics makes an actor fail.
func panics() inside { return func(actor.Context) { panic("boom") } }

func (b *Broker) send(pid *actor.PID, m any) { b.tree.system.Send(pid, m) }

// visit runs f in an actor's turn and waits for it: whatever was sent to the
// actor before is handled then.
func visit(t testing.TB, b *Broker, pid *actor.PID, f func(ctx actor.Context)) {
	t.Helper()
	done := make(chan struct{})
	b.send(pid, inside(func(ctx actor.Context) {
		f(ctx)
		close(done)
	}))
	wait(t, done, "an actor does not answer: "+pid.GetId())
}

// settle waits until an actor has handled what was sent to it.
func settle(t testing.TB, b *Broker, pid *actor.PID) {
	t.Helper()
	visit(t, b, pid, func(actor.Context) {})
}

// hold stops an actor, and the loop that it is on, until the returned function
// is called.
func hold(t testing.TB, b *Broker, pid *actor.PID) (release func()) {
	t.Helper()
	held, goOn := make(chan struct{}), make(chan struct{})
	b.send(pid, inside(func(actor.Context) {
		close(held)
		<-goOn
	}))
	wait(t, held, "an actor is not held: "+pid.GetId())
	return func() { close(goOn) }
}

func wait[T any](t testing.TB, done <-chan T, late string) (v T) {
	t.Helper()
	select {
	case v = <-done:
	case <-time.After(patience):
		require.FailNow(t, late)
	}
	return v
}

// children of an actor, in the order of their names.
func children(t testing.TB, b *Broker, pid *actor.PID) (pids []*actor.PID) {
	t.Helper()
	visit(t, b, pid, func(ctx actor.Context) { pids = append(pids, ctx.Children()...) })
	sort.Slice(pids, func(i, j int) bool { return pids[i].Id < pids[j].Id })
	return pids
}

// member is the child of an actor whose name ends so.
func member(t testing.TB, b *Broker, pid *actor.PID, suffix string) *actor.PID {
	t.Helper()
	for _, child := range children(t, b, pid) {
		if strings.HasSuffix(child.Id, suffix) {
			return child
		}
	}
	require.FailNow(t, "no such actor", "%s below %s", suffix, pid.Id)
	return nil
}

// sessionOf is the actor of a Client's Session.
func sessionOf(t testing.TB, b *Broker, id string) *actor.PID {
	t.Helper()
	registry, _ := b.tree.clients.Registry([]byte(id))
	return member(t, b, registry, ":"+id)
}

// connections are the actors of all open Network Connections.
func connections(t testing.TB, b *Broker) (pids []*actor.PID) {
	t.Helper()
	for _, supervisor := range children(t, b, b.tree.listeners[0]) {
		pids = append(pids, children(t, b, supervisor)...)
	}
	return pids
}

// connectionOf is the connection that came since before was taken.
func connectionOf(t testing.TB, b *Broker, before []*actor.PID) *actor.PID {
	t.Helper()
	for _, pid := range connections(t, b) {
		known := false
		for _, old := range before {
			known = known || old.Equal(pid)
		}
		if !known {
			return pid
		}
	}
	require.FailNow(t, "no new connection")
	return nil
}

// heldActor is an actor that has left its loop to the others, and handles
// nothing until it is released.
type heldActor struct {
	mailbox *system.Mailbox
	loop    eventloop.Loop
	task    eventloop.Task
	once    sync.Once
}

// parking is a loop on which nothing ever runs.
type parking struct {
	eventloop.Loop
	parked chan eventloop.Task
}

func (p *parking) Schedule(task eventloop.Task) { p.parked <- task }

// park stops an actor without its loop.
func park(t testing.TB, b *Broker, pid *actor.PID) *heldActor {
	t.Helper()
	mailbox := b.tree.system.Mailbox(pid)
	idle := &parking{mailbox.Loop(), make(chan eventloop.Task, 1)}
	b.send(pid, inside(func(actor.Context) { mailbox.Move(idle) }))
	h := &heldActor{mailbox: mailbox, loop: idle.Loop, task: wait(t, idle.parked, "an actor is not parked: "+pid.GetId())}
	t.Cleanup(h.release) // or the broker would never end
	return h
}

// until waits for the actor's n-th message since it was parked.
func (h *heldActor) until(t testing.TB, n int) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for h.mailbox.Depth() < n {
		require.True(t, time.Now().Before(deadline), "only %d messages came", h.mailbox.Depth())
		runtime.Gosched()
	}
}

// release lets the actor go on where it was.
func (h *heldActor) release() {
	h.once.Do(func() {
		h.mailbox.Move(h.loop)
		h.loop.Schedule(h.task)
	})
}
