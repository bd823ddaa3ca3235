package message

import (
	"sync/atomic"

	"github.com/troupemq/troupe/protocol/packet"
)

// Drain asks every attached session to deliver what waits and then to tell its
// Client good-bye (0x8B). It spreads from the instance over the registries.
type Drain struct{}

// Shutdown asks every attached session to say good-bye now.
type Shutdown struct{}

// Judge asks every session whose Client is connected to ask again whether that is
// let in and what it may subscribe to: users or rules have changed. All that are
// asked have the same one.
type Judge struct {
	asked   atomic.Int64 // that have not answered
	revoked atomic.Int64
	done    func(revoked int64)
}

// NewJudge makes a Judge for so many registries. With the last answer done is
// called, on the goroutine of whoever gives it: revoked are the Clients that were
// disconnected.
func NewJudge(registries int, done func(revoked int64)) *Judge {
	j := &Judge{done: done}
	j.asked.Store(int64(registries))
	return j
}

// Ask is called by a registry before it hands j to one more.
func (j *Judge) Ask() { j.asked.Add(1) }

// Answer is called once by each that was asked.
func (j *Judge) Answer(revoked int) {
	j.revoked.Add(int64(revoked))
	if j.asked.Add(-1) == 0 {
		j.done(j.revoked.Load())
	}
}

// Undelivered answers for an actor that has ended.
func (j *Judge) Undelivered() { j.Answer(0) }

// Disconnect asks the session of a Client, by way of its registry, to end the
// Network Connection.
type Disconnect struct {
	ClientID string
	Code     packet.ReasonCode
	Reason   string      // for the Client and the log; may be empty
	Found    chan<- bool // has room; gets one value: whether a Client was connected
}

// Undelivered answers for a session that has ended.
func (d *Disconnect) Undelivered() { d.Found <- false }

// Hush asks a listener to accept no more connections, and a connection to end
// if its Client has no session yet.
type Hush struct{}

// Quiesce asks a supervisor of connections to hush them, and to answer on Done,
// which has room for it, once it has none left. A listener asks all of its
// supervisors, one per event loop. A subscription of the program answers once
// nothing waits for it.
type Quiesce struct {
	Done chan<- struct{}
}
