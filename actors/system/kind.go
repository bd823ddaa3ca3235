package system

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe/internal/eventloop"
)

// throughput is how many messages a mailbox handles before it lets the others on its loop have their turn.
const throughput = 256

// Kind is what all actors of one sort share.
type Kind struct {
	system   *System
	name     string
	children supervisor
}

// Kind makes a kind of actors. Failures carry its name; children says how its actors deal with those of their children.
func (s *System) Kind(name string, children Supervision) *Kind {
	return &Kind{system: s, name: name, children: supervisor{system: s, Supervision: children}}
}

// SpawnChild starts an actor of the kind on a loop as a child of the one whose turn ctx is. name is for logs and may be anything; with an
// empty one a number is made up. produce makes a blank actor, at first and after every restart; it is given the actor's mailbox.
//
// What a produce function refers to is kept as long as the actor, if it may be restarted.
func (k *Kind) SpawnChild(ctx actor.Context, loop eventloop.Loop, name string, produce func(*Mailbox) actor.Actor) *actor.PID {
	if name == "" {
		name = k.system.actors.ProcessRegistry.NextId()
	}
	parent := ctx.(*view).cell()
	c := k.newCell(parent, loop, name, &parent.kind.children.Supervision, produce)
	parent.adopt(c)
	c.start()
	if parent.life >= stopping { // its children were told already
		c.SendSystemMessage(&c.pid, halt{})
	}
	return &c.pid
}
