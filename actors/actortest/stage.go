package actortest

import (
	"strconv"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/internal/eventloop"
)

// Stage is a system with one simulated loop, to try single actors on: what
// surrounds them are witnesses. All of it is used by one goroutine.
type Stage struct {
	*Scheduler
	System   *system.System
	Root     *actor.RootContext
	Loop     eventloop.Loop
	Failures []system.Failure

	witnesses int
}

// NewStage makes a stage with nobody on it.
func NewStage() *Stage {
	s := &Stage{Scheduler: New(Options{Loops: 1})}
	s.Loop = s.Loops()[0]
	s.System = system.New(system.Options{Log: zap.NewNop(), Failed: func(f system.Failure) { s.Failures = append(s.Failures, f) }})
	s.Root = s.System.Root()
	return s
}

// Spawn starts an actor that is restarted whenever it fails, and lets it settle.
func (s *Stage) Spawn(name string, produce func(*system.Mailbox) actor.Actor) *actor.PID {
	kind := s.System.Kind(name, system.Supervision{Action: system.Restart, Limit: 1000})
	pid, err := s.System.Spawn(kind, s.Loop, name, system.Supervision{Action: system.Restart, Limit: 1000}, produce)
	if err != nil {
		s.breach("cannot spawn %s: %v", name, err)
	}
	s.Settle()
	return pid
}

// Send sends messages to an actor and lets everybody settle.
func (s *Stage) Send(to *actor.PID, messages ...any) {
	for _, m := range messages {
		s.Root.Send(to, m)
	}
	s.Settle()
}

// Witness is somebody who keeps what is sent to him.
type Witness struct {
	PID  *actor.PID
	Deep int // what his mailbox says of its depth

	got []any
}

// Witness puts one on the stage.
func (s *Stage) Witness() *Witness {
	s.witnesses++
	w := new(Witness)
	w.PID, _ = s.System.Actors().ProcessRegistry.Add(w, "witness"+strconv.Itoa(s.witnesses))
	return w
}

// Receiver makes a subscriber of the witness. Its number is unique on the stage.
func (s *Stage) Receiver(w *Witness) *message.Receiver {
	s.witnesses++
	return &message.Receiver{ID: uint64(s.witnesses), Mailbox: w}
}

// Got gives what was sent since the last call.
func (w *Witness) Got() []any {
	got := w.got
	w.got = nil
	return got
}

// Post implements message.Mailbox.
func (w *Witness) Post(m any) (waiting int) {
	w.SendUserMessage(w.PID, m)
	return w.Deep
}

// Warm implements message.Mailbox.
func (w *Witness) Warm() {}

// UserMessageCount implements message.Mailbox.
func (w *Witness) UserMessageCount() int { return w.Deep }

// SendUserMessage implements actor.Process.
func (w *Witness) SendUserMessage(_ *actor.PID, m any) {
	w.got = append(w.got, actor.UnwrapEnvelopeMessage(m))
}

// SendSystemMessage implements actor.Process.
func (w *Witness) SendSystemMessage(*actor.PID, any) {}

// Stop implements actor.Process.
func (w *Witness) Stop(*actor.PID) {}
