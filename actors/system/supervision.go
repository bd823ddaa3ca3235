package system

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Action is what becomes of an actor that has failed. The message that made it fail is gone in any case.
type Action uint8

const (
	// Stop ends it, with its children.
	Stop Action = iota
	// Restart replaces it by a blank one under the same PID, and ends its children; what waits in its mailbox is kept.
	Restart
	// Resume lets it go on as it is.
	Resume
)

// String names the action in log lines.
func (a Action) String() string {
	switch a {
	case Restart:
		return "restart"
	case Resume:
		return "resume"
	default:
		return "stop"
	}
}

// Supervision is how failures are dealt with. The zero value stops what has failed.
type Supervision struct {
	Action Action
	// Limit is how many failures within the time Within lead to a Restart; the next one stops the actor and calls Exhausted.
	// Within 0: ever. They mean nothing to other actions.
	Limit  int
	Within time.Duration
	// Exhausted takes over when restarting did not help: it may stop what depends on the actor. It is called as Options.Failed is, and
	// after it. nil: that the actor is stopped is enough.
	Exhausted func(Failure)
}

// supervisor carries out a Supervision.
type supervisor struct {
	system *System
	Supervision
}

// judge decides what becomes of an actor that has failed. It runs on the turn of its parent, or on its own if it is at the top.
func (v *supervisor) judge(m *failed) {
	f := *m.failure
	f.Action = v.Action
	exhausted := v.Action == Restart && v.tooOften(m.failures)
	if exhausted {
		f.Action = Stop
	}
	v.system.failed(f)
	switch f.Action {
	case Restart:
		m.child.SendSystemMessage(f.PID, &actor.Restart{})
	case Resume:
		m.child.SendSystemMessage(f.PID, &actor.ResumeMailbox{})
	default:
		m.child.Stop(f.PID)
	}
	if exhausted && v.Exhausted != nil {
		v.Exhausted(f)
	}
}

// tooOften counts a failure.
func (v *supervisor) tooOften(rs *actor.RestartStatistics) bool {
	if rs.NumberOfFailures(v.Within) == 0 {
		rs.Reset() // or it would keep every failure there ever was
	}
	rs.Fail()
	return rs.NumberOfFailures(v.Within) > v.Limit
}
