package system

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"
)

// Failure is a panic of an actor, and what its supervisor made of it.
type Failure struct {
	PID     *actor.PID
	Kind    string // the name of the actor's Kind
	Reason  any    // what it panicked with
	Message any    // what it was handling; it is not handled again
	Stack   []byte // of the panic
	// Action is what was done. Stop where Restart was to be done means that the actor had failed too often.
	Action Action
}

// Error makes a failure fit for a log line and for errors.
func (f *Failure) Error() string { return fmt.Sprintf("%s failed: %v", f.PID.GetId(), f.Reason) }

func (f *Failure) log(log *zap.Logger) {
	log.Error("an actor failed", zap.String("actor", f.PID.GetId()), zap.String("kind", f.Kind), zap.Any("reason", f.Reason),
		zap.Stringer("action", f.Action), zap.ByteString("stack", f.Stack))
}

// escalate hands a panic to the supervisor. The actor is suspended until that has decided.
func (m *Mailbox) escalate(message, reason any, stack []byte) {
	ctx := m.invoker.(actor.Context)
	f := &Failure{PID: ctx.Self(), Kind: m.kind.name, Reason: reason, Message: message, Stack: stack}
	if m.life == alive {
		m.invoker.EscalateFailure(f, message)
		return
	}
	// There is nothing left to decide: protoactor would restart an actor that is stopping, or forget about it.
	m.kind.system.failed(*f)
	m.bury(ctx)
}

// bury brings the stop of an actor to its end that failed while it stopped, so that nobody waits for it for ever.
func (m *Mailbox) bury(ctx actor.Context) {
	if m.life == stopped {
		return
	}
	if children := ctx.Children(); len(children) > 0 {
		for _, child := range children {
			ctx.Stop(child) // protoactor may not have come so far; each one's end comes back here or ends the actor
		}
		return
	}
	registered := m.registered()
	if registered && m.nudge(ctx.Self()) && !m.registered() {
		m.become(stopped)
		return
	}
	// It fails again and again. Its watchers will not hear of it, but its supervisor does.
	if m.registered() {
		m.kind.system.actors.ProcessRegistry.Remove(ctx.Self())
	}
	m.become(stopped)
	if parent := ctx.Parent(); parent != nil {
		m.kind.system.tell(parent, &actor.Terminated{Who: ctx.Self()})
	}
}

// nudge makes protoactor look again whether a stopping actor has children left, and end it if not. False if the actor fails once more.
func (m *Mailbox) nudge(self *actor.PID) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	m.invoker.InvokeSystemMessage(&actor.Terminated{Who: self})
	return true
}

// registered reports whether the actor can still be found. Its name may be another's already.
func (m *Mailbox) registered() bool {
	return m.kind.system.Mailbox(m.invoker.(actor.Context).Self()) == m
}
