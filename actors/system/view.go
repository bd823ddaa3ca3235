package system

import (
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/ctxext"
)

// view is a cell as its actor sees it while it receives: the actor.Context. It does not do what the package's comment tells actors to
// leave alone; who calls that fails.
type view cell

func (v *view) cell() *cell { return (*cell)(v) }

func (v *view) root() *actor.RootContext { return v.kind.system.root }

// Self implements actor.Context, as do the others.
func (v *view) Self() *actor.PID { return &v.pid }

// Parent is the supervisor.
func (v *view) Parent() *actor.PID {
	if v.parent == nil {
		return v.kind.system.guardian.pid
	}
	return &v.parent.pid
}

// Children are those that have not ended, in the order of their birth.
func (v *view) Children() []*actor.PID {
	if v.extra == nil {
		return nil
	}
	pids := make([]*actor.PID, 0, v.extra.count)
	for child := v.extra.first; child != nil; child = child.next {
		pids = append(pids, &child.pid)
	}
	return pids
}

// Actor is who receives.
func (v *view) Actor() actor.Actor { return v.actor }

// ActorSystem is protoactor's, with a Root that is ours alone.
func (v *view) ActorSystem() *actor.ActorSystem { return v.kind.system.inside }

// Logger is protoactor's.
func (v *view) Logger() *slog.Logger { return v.ActorSystem().Logger() }

func (v *view) envelope() any {
	if v.queue == nil {
		return nil
	}
	return v.queue.current
}

// Message is what is being received.
func (v *view) Message() any { return actor.UnwrapEnvelopeMessage(v.envelope()) }

// MessageHeader is that of an envelope.
func (v *view) MessageHeader() actor.ReadonlyMessageHeader {
	return actor.UnwrapEnvelopeHeader(v.envelope())
}

// Sender is known of requests.
func (v *view) Sender() *actor.PID { return actor.UnwrapEnvelopeSender(v.envelope()) }

// Send posts a message.
func (v *view) Send(pid *actor.PID, message any) { v.root().Send(pid, message) }

// Request posts a message that names its sender.
func (v *view) Request(pid *actor.PID, message any) { v.RequestWithCustomSender(pid, message, &v.pid) }

// RequestWithCustomSender posts a message that names somebody as its sender.
func (v *view) RequestWithCustomSender(pid *actor.PID, message any, sender *actor.PID) {
	v.root().RequestWithCustomSender(pid, message, sender)
}

// RequestFuture asks; actors should not.
func (v *view) RequestFuture(pid *actor.PID, message any, timeout time.Duration) *actor.Future {
	return v.root().RequestFuture(pid, message, timeout)
}

// Respond answers a request, and does nothing if the message was none.
func (v *view) Respond(response any) {
	if sender := v.Sender(); sender != nil {
		v.Send(sender, response)
	}
}

// Forward passes the message on.
func (v *view) Forward(pid *actor.PID) { v.Send(pid, v.envelope()) }

// Watch asks for an actor.Terminated when the other actor ends.
func (v *view) Watch(pid *actor.PID) { v.kind.system.tell(pid, &actor.Watch{Watcher: &v.pid}) }

// Unwatch takes Watch back.
func (v *view) Unwatch(pid *actor.PID) { v.kind.system.tell(pid, &actor.Unwatch{Watcher: &v.pid}) }

// Stop ends an actor; what waits in its mailbox is not handled.
func (v *view) Stop(pid *actor.PID) { v.root().Stop(pid) }

// StopFuture stops and tells when that is done; actors should not wait for it.
func (v *view) StopFuture(pid *actor.PID) *actor.Future { return v.root().StopFuture(pid) }

// Poison stops an actor behind what waits in its mailbox.
func (v *view) Poison(pid *actor.PID) { v.root().Poison(pid) }

// PoisonFuture poisons and tells when that is done.
func (v *view) PoisonFuture(pid *actor.PID) *actor.Future { return v.root().PoisonFuture(pid) }

// Receive handles an envelope at once.
func (v *view) Receive(envelope *actor.MessageEnvelope) { v.cell().invoke(envelope) }

func missing(what, instead string) { panic("system: " + what + " is not there for actors, " + instead) }

// Spawn is not there: see Kind.SpawnChild.
func (v *view) Spawn(*actor.Props) *actor.PID { missing("Spawn", "use Kind.SpawnChild"); return nil }

// SpawnPrefix is not there: see Kind.SpawnChild.
func (v *view) SpawnPrefix(p *actor.Props, _ string) *actor.PID { return v.Spawn(p) }

// SpawnNamed is not there: see Kind.SpawnChild.
func (v *view) SpawnNamed(p *actor.Props, _ string) (*actor.PID, error) { return v.Spawn(p), nil }

// ReceiveTimeout is never set.
func (v *view) ReceiveTimeout() time.Duration { return 0 }

// SetReceiveTimeout is not there: use a Timer of the loop.
func (v *view) SetReceiveTimeout(time.Duration) { missing("ReceiveTimeout", "use a timer of the loop") }

// CancelReceiveTimeout has nothing to cancel.
func (v *view) CancelReceiveTimeout() {}

// Stash is not there.
func (v *view) Stash() { missing("Stash", "keep the message yourself") }

// ReenterAfter is not there.
func (v *view) ReenterAfter(*actor.Future, func(any, error)) {
	missing("ReenterAfter", "have the answer sent as a message")
}

// Get finds no extension.
func (v *view) Get(ctxext.ContextExtensionID) ctxext.ContextExtension { return nil }

// Set is not there.
func (v *view) Set(ctxext.ContextExtension) { missing("an extension", "keep it in the actor") }

var _ actor.Context = (*view)(nil)
