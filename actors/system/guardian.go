package system

import (
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

// guardian is the parent of the actors at the top: it supervises them and knows when they have ended. It is no actor but runs where its
// children do.
type guardian struct {
	system *System
	pid    *actor.PID

	mu   sync.Mutex
	tops map[string]*top // by PID.Id
}

// top is an actor at the top.
type top struct {
	supervisor *supervisor
	ended      chan struct{}
}

func newGuardian(s *System) *guardian {
	g := &guardian{system: s, tops: make(map[string]*top)}
	g.pid, _ = s.actors.ProcessRegistry.Add(g, "guardian") // the system is new: the name is free
	return g
}

// parent is a spawner whose children are the guardian's.
type parent struct {
	actor.SpawnerContext
	self *actor.PID
}

func (p parent) Self() *actor.PID { return p.self }

func (g *guardian) spawn(props *actor.Props, name string, v Supervision) (pid *actor.PID, err error) {
	g.mu.Lock()
	if _, exists := g.tops[name]; exists {
		g.mu.Unlock()
		return nil, actor.ErrNameExists
	}
	g.tops[name] = &top{supervisor: &supervisor{system: g.system, Supervision: v}, ended: make(chan struct{})}
	g.mu.Unlock()
	defer func() {
		if pid == nil || err != nil { // also if the producer panics
			g.mu.Lock()
			delete(g.tops, name)
			g.mu.Unlock()
		}
	}()
	return actor.DefaultSpawner(g.system.actors, name, props, parent{g.system.actors.Root, g.pid})
}

// ended is closed when the actor has ended; nil if there is none.
func (g *guardian) ended(pid *actor.PID) <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t := g.tops[pid.GetId()]; t != nil {
		return t.ended
	}
	return nil
}

// SendSystemMessage implements actor.Process.
func (g *guardian) SendSystemMessage(_ *actor.PID, message any) {
	switch m := message.(type) {
	case *actor.Failure:
		g.mu.Lock()
		t := g.tops[m.Who.GetId()]
		g.mu.Unlock()
		if t != nil {
			t.supervisor.HandleFailure(g.system.actors, g, m.Who, m.RestartStats, m.Reason, m.Message)
		}
	case *actor.Terminated:
		g.mu.Lock()
		defer g.mu.Unlock()
		if t := g.tops[m.Who.GetId()]; t != nil {
			delete(g.tops, m.Who.GetId())
			close(t.ended)
		}
	}
}

// SendUserMessage implements actor.Process. Nobody has anything to say to the guardian.
func (g *guardian) SendUserMessage(*actor.PID, any) {}

// Stop implements actor.Process: the guardian does not stop.
func (g *guardian) Stop(*actor.PID) {}

// Children implements actor.Supervisor. No strategy of ours asks.
func (g *guardian) Children() []*actor.PID { return nil }

// EscalateFailure implements actor.Supervisor. There is nobody above, and no strategy of ours escalates.
func (g *guardian) EscalateFailure(any, any) {}

// RestartChildren implements actor.Supervisor.
func (g *guardian) RestartChildren(pids ...*actor.PID) { g.tell(pids, &actor.Restart{}) }

// StopChildren implements actor.Supervisor.
func (g *guardian) StopChildren(pids ...*actor.PID) { g.tell(pids, &actor.Stop{}) }

// ResumeChildren implements actor.Supervisor.
func (g *guardian) ResumeChildren(pids ...*actor.PID) { g.tell(pids, &actor.ResumeMailbox{}) }

func (g *guardian) tell(pids []*actor.PID, message any) {
	for _, pid := range pids {
		g.system.tell(pid, message)
	}
}
