package suite

import (
	"time"

	"github.com/troupemq/troupe/bench"
	"github.com/troupemq/troupe/bench/report"
)

// Event tells how far a comparison has come.
type Event struct {
	Kind     EventKind
	Workload string
	Broker   string

	Round, Rounds int // of this workload, from 1
	Step, Steps   int // of all runs, from 1

	// Progress is of the run; its Phase is Starting until the broker answers. Progressed.
	Progress bench.Progress
	// Remaining is how long the rest of the comparison is likely to take.
	Remaining time.Duration
	// Run is what came out. Ended.
	Run *report.Run
}

// EventKind is what an Event is about.
type EventKind int

// The events of a run, in their order: there may be any number of Progressed.
const (
	Began EventKind = iota
	Progressed
	Ended
)

// Starting is the phase before those of bench: a broker's process is started.
const Starting = "start"
