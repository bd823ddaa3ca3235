package system

import (
	"sync"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe/internal/eventloop"
)

// guardian is the parent of the actors at the top: it supervises them and knows when they have ended. It is no actor but runs where its
// children do.
type guardian struct {
	system *System
	pid    *actor.PID

	mu   sync.Mutex
	tops map[string]*top // by name
}

// top is an actor at the top.
type top struct {
	supervisor supervisor
	cell       *cell
	ended      chan struct{}
}

func newGuardian(s *System) *guardian {
	return &guardian{system: s, pid: actor.NewPID(s.cells.address, "guardian"), tops: make(map[string]*top)}
}

func (g *guardian) spawn(k *Kind, loop eventloop.Loop, name string, v Supervision, produce func(*Mailbox) actor.Actor) (*actor.PID, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, exists := g.tops[name]; exists {
		return nil, actor.ErrNameExists
	}
	t := &top{supervisor: supervisor{system: g.system, Supervision: v}, ended: make(chan struct{})}
	t.cell = k.newCell(nil, loop, name, &v, produce) // a produce that panics leaves nothing behind
	g.tops[name] = t
	t.cell.start()
	return &t.cell.pid, nil
}

// endOf is closed when the actor has ended; nil if there is none.
func (g *guardian) endOf(pid *actor.PID) <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t := g.tops[pid.GetId()]; t != nil {
		return t.ended
	}
	return nil
}

// judge decides what becomes of an actor at the top that has failed.
func (g *guardian) judge(m *failed) {
	g.mu.Lock()
	t := g.tops[m.child.pid.Id]
	g.mu.Unlock()
	t.supervisor.judge(m)
}

// ended takes leave of an actor.
func (g *guardian) ended(c *cell) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.tops[c.pid.Id]
	delete(g.tops, c.pid.Id)
	close(t.ended)
}
