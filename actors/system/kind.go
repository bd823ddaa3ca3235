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
	children actor.SupervisorStrategy
}

// Kind makes a kind of actors. Failures carry its name; children says how its actors deal with those of their children.
func (s *System) Kind(name string, children Supervision) *Kind {
	return &Kind{system: s, name: name, children: &supervisor{system: s, Supervision: children}}
}

// Props makes Props for actors of the kind on a loop. They may be used for any number of actors, and where there are many they should be:
// they hold 240 bytes. What an actor must know then comes as its first message, and [System.Mailbox] finds its mailbox.
// produce makes a blank actor, at first and after every restart.
func (k *Kind) Props(loop eventloop.Loop, produce func() actor.Actor) *actor.Props {
	return k.props(func() actor.Mailbox { return k.Mailbox(loop) }, produce)
}

// PropsWith makes Props for the one actor whose mailbox is m.
func (k *Kind) PropsWith(m *Mailbox, produce func() actor.Actor) *actor.Props {
	return k.props(func() actor.Mailbox { return m }, produce)
}

func (k *Kind) props(mailbox actor.MailboxProducer, produce func() actor.Actor) *actor.Props {
	return actor.PropsFromProducer(produce, actor.WithMailbox(mailbox), actor.WithSupervisor(k.children))
}

// Mailbox makes the mailbox of an actor that is to be spawned with [Kind.PropsWith].
func (k *Kind) Mailbox(loop eventloop.Loop) *Mailbox { return &Mailbox{kind: k, loop: loop} }

// SpawnChild starts an actor of the kind on a loop as a child of the one that ctx belongs to. name is unique among the children; with an
// empty one a name is made up. produce is given the actor's mailbox. The error is actor.ErrNameExists.
func (k *Kind) SpawnChild(ctx actor.Context, loop eventloop.Loop, name string, produce func(*Mailbox) actor.Actor) (*actor.PID, error) {
	m := k.Mailbox(loop)
	if name == "" {
		name = k.system.actors.ProcessRegistry.NextId()
	}
	return ctx.SpawnNamed(k.PropsWith(m, func() actor.Actor { return produce(m) }), name)
}
