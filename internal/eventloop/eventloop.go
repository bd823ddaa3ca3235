// Package eventloop runs the broker's work on a few loops. A loop owns sockets, timers and a run queue, and does one thing at a time: what
// belongs to one loop needs no lock. On Linux a loop is an epoll descriptor parked in Go's own poller, and an idle connection holds neither
// a goroutine nor a buffer; elsewhere, and for connections that are no TCP sockets, goroutines stand behind the same [Stream].
//
// Start with [New], which makes a [Group] of loops; bind a connection to one of them with [Group.Attach]; accept with [Listen].
//
// The package knows nothing of MQTT and nothing of actors: a [Task] is whatever wants a turn.
package eventloop

import (
	"errors"
	"time"
)

// ErrAgain is what [Stream.Read] and [Stream.Write] return when they would have to wait: ask for the event with [Stream.Interest].
var ErrAgain = errors.New("eventloop: the stream is not ready")

// ErrClosed is returned for what is asked of a closed [Stream] or [Group].
var ErrClosed = errors.New("eventloop: closed")

// ScratchSize is the size in bytes of a loop's read buffer.
const ScratchSize = 128 << 10

// What a connection that was finished still takes from its peer before it is closed.
const (
	farewellTime  = time.Second
	farewellBytes = 1 << 20
)

// Task is a piece of work that wants a turn on a loop: a mailbox.
type Task interface {
	// Run does a bounded amount of work; who has more schedules itself again. It must not block.
	Run()
}

// Loop runs tasks one at a time, in the order they were scheduled, and fires timers between them.
// It is an interface so that a deterministic scheduler can stand in for it.
type Loop interface {
	// Schedule gives t a turn. From any goroutine; it wakes the loop only if it sleeps. The same Task must not be scheduled a second time
	// before it has begun to run. Once the loop has ended the Task is dropped.
	Schedule(t Task)
	// Flooded tells whether this turn is for sockets that have more than they may read, so that what they bring to others comes in many
	// pieces soon after one another. On the loop only.
	Flooded() bool
	// Later gives t a turn once those sockets were read, a few turns from now at most: for what gets cheaper when more has gathered. As with
	// Schedule, the same Task must not be put off a second time before it has begun to run. On the loop only, when Flooded.
	Later(t Task)
	// Now is the time in Unix milliseconds as the loop read it at the start of the turn. It never goes back.
	Now() int64
	// Start arms t to fire at the Unix millisecond `at` or soon after, never before it; an armed timer is moved. On the loop only.
	Start(t *Timer, at int64)
	// Stop disarms t; nothing happens if it is not armed. On the loop only.
	Stop(t *Timer)
	// Scratch is the loop's read buffer of [ScratchSize] bytes, the caller's until the Task returns. On the loop only.
	Scratch() []byte
	// ReadBudget is how many bytes one connection may read in this turn, so that many ready connections share it. On the loop only.
	ReadBudget() int
}

// Events is a set of what has happened on a [Stream].
type Events uint8

const (
	// Readable: Read has bytes, the end of the stream or an error to give.
	Readable Events = 1 << iota
	// Writable: Write would take something, or give its error.
	Writable
	// Hangup: the connection is gone in both directions. It comes even if no event is wanted, and then only once; when reading is wanted,
	// what was received before the end can still be read.
	Hangup
)

// Handler is told of events, on the turn of the loop that owns the stream. It must be cheap: it marks what happened and schedules a Task.
// Events are levels and not edges: as long as one is wanted and true it comes again every turn.
type Handler interface {
	Ready(Events)
}

// Stream is a byte stream bound to a loop. It is for that loop's turns only (or, before the first call of Interest, for
// whoever has attached it). Nothing blocks. No event comes before the first Interest.
type Stream interface {
	// Read reads what is there, up to len(p) bytes: [ErrAgain] if nothing is, io.EOF at the end.
	Read(p []byte) (int, error)
	// Write takes as much of p as there is room for; n < len(p) comes with [ErrAgain] or the error of the connection.
	Write(p []byte) (int, error)
	// Interest says which events are wanted from now on. Asking for what is asked for already costs nothing.
	Interest(read, write bool)
	// Move gives the stream to another loop of the group: from then on its events come there, and it is to be used there alone.
	Move(to Loop)
	// Close ends the connection; bytes that Write took are still delivered if the peer takes them. No event comes afterwards.
	// A second Close does nothing.
	Close() error
	// Finish is Close for who has had the last word: it also keeps the connection long enough for the peer to read that, if the peer
	// does not send without end. The stream is not to be used afterwards.
	Finish() error
}
