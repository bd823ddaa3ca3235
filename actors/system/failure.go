package system

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"
)

// Failure is a panic of an actor, and what its supervisor made of it.
type Failure struct {
	PID     *actor.PID
	Path    string // of the actor: the names from the top down, with slashes between them
	Kind    string // the name of the actor's Kind
	Reason  any    // what it panicked with
	Message any    // what it was handling; it is not handled again
	Stack   []byte // of the panic
	// Action is what was done. Stop where Restart was to be done means that the actor had failed too often.
	Action Action
}

// Error makes a failure fit for a log line and for errors.
func (f *Failure) Error() string { return fmt.Sprintf("%s failed: %v", f.Path, f.Reason) }

// Unwrap is the reason, if that is an error.
func (f *Failure) Unwrap() error {
	err, _ := f.Reason.(error)
	return err
}

func (f *Failure) log(log *zap.Logger) {
	log.Error("an actor failed", zap.String("actor", f.Path), zap.String("kind", f.Kind), zap.Any("reason", f.Reason),
		zap.Stringer("action", f.Action), zap.ByteString("stack", f.Stack))
}

// escalate hands a panic to the supervisor. The actor is suspended until that has decided. If the actor is stopping, there is nothing left to
// decide.
func (c *cell) escalate(message, reason any, stack []byte) {
	f := &Failure{PID: &c.pid, Path: c.path(), Kind: c.kind.name, Reason: reason, Message: message, Stack: stack}
	if c.life >= stopping {
		c.kind.system.failed(*f)
		return
	}
	e := c.more()
	if e.failures == nil {
		e.failures = actor.NewRestartStatistics()
	}
	c.SendSystemMessage(&c.pid, &actor.SuspendMailbox{})
	m := &failed{child: c, failure: f, failures: e.failures}
	if c.parent != nil {
		c.parent.SendSystemMessage(&c.parent.pid, m)
	} else {
		c.kind.system.guardian.judge(m)
	}
}
