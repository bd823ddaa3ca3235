package message

import (
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// Ticket goes with the messages of one read of a publisher to all that keep
// them: durable sessions and retained actors. Its holders are those that have
// not taken account of them yet, and the publisher while it routes. The last to
// let go tells the journal; from then on all of them write what they hold in one
// and the same group, and the publisher acknowledges when that is safe.
type Ticket struct {
	Publisher *actor.PID
	journal   *actor.PID
	root      *actor.RootContext
	holders   atomic.Int32
	group     atomic.Uint64
	waived    atomic.Bool
	owed      atomic.Int32
}

// NewTicket makes a ticket with one holder: who is about to publish.
func NewTicket(root *actor.RootContext, journal, publisher *actor.PID) *Ticket {
	t := &Ticket{Publisher: publisher, root: root, journal: journal}
	t.holders.Store(1)
	return t
}

// Hold adds n holders; who calls is one. It may be called on nil.
func (t *Ticket) Hold(n int) {
	if t != nil {
		t.holders.Add(int32(n))
	}
}

// Release is a holder's word that it will write what it got as soon as it is
// asked, or has nothing to write. It may be called on nil.
func (t *Ticket) Release() {
	switch {
	case t == nil || t.holders.Add(-1) != 0:
	case t.waived.Load():
		t.root.Send(t.Publisher, &Waived{t})
	default:
		t.root.Send(t.journal, &Ready{t})
	}
}

// Waive is a holder's word for all of them that nothing has to be written: the
// last to let go tells who waits, and that is not held up by the store. It may be
// called on nil.
func (t *Ticket) Waive() {
	if t != nil {
		t.waived.Store(true)
	}
}

// Owe says, before the ticket is let go, that what came with it is not to be
// acknowledged before Settle, though it is committed: a receiver hands it on to
// somebody who has to acknowledge it.
func (t *Ticket) Owe() { t.owed.Add(1) }

// Settle takes one Owe back. With the last the publisher is told.
func (t *Ticket) Settle() {
	if t.owed.Add(-1) == 0 {
		t.root.Send(t.Publisher, &Settled{})
	}
}

// Owed tells whether somebody owes an acknowledgement.
func (t *Ticket) Owed() bool { return t != nil && t.owed.Load() > 0 }

// Enter gives the ticket to a group. Only the journal calls it.
func (t *Ticket) Enter(group uint64) { t.group.Store(group) }

// In tells whether the messages may be written with a group, or were before. A
// nil ticket is in every group.
func (t *Ticket) In(group uint64) bool {
	if t == nil {
		return true
	}
	g := t.group.Load()
	return g != 0 && g <= group
}

// Ready tells the journal that all holders of a ticket have let go.
type Ready struct{ Ticket *Ticket }

// Settled tells a publisher that nobody owes an acknowledgement any more for one
// of its tickets.
type Settled struct{}

// Waived tells who waits for a ticket that there is nothing to wait for.
type Waived struct{ Ticket *Ticket }

// Dirty tells the journal that an actor has something to write. It is said once
// until the next Collect. Urgent: somebody waits for it.
type Dirty struct {
	Source *actor.PID
	Urgent bool
}

// Collect asks an actor that said Dirty for all that it has to write with a
// group: what tickets In that group brought, and what is its own. It answers
// with exactly one [Staged].
type Collect struct {
	Group   uint64
	Journal *actor.PID
	Root    *actor.RootContext
	Source  *actor.PID
	// Tight says that there is little room: messages are left for a later group. No
	// ticket is in this one.
	Tight bool
}

// Undelivered answers for an actor that has ended.
func (c *Collect) Undelivered() {
	c.Root.Send(c.Journal, &Staged{Group: c.Group, Source: c.Source})
}

// Staged is the answer to a [Collect].
type Staged struct {
	Group  uint64
	Source *actor.PID
	Batch  *persistence.Batch // nil: nothing
	Bodies []Body             // references to bodies that the changes of Batch make and drop
	Ended  []uint64           // numbers of sessions that are over: Batch has their end, the rest is to be removed
	Wants  bool               // wants to be told of the commit by [Committed]
}

// Body is a change of the number of references to a body that pages share.
type Body struct {
	ID    uint64
	Run   *packet.Run // the body, for a reference that is made; nil for one that is dropped
	Count int         // references made, negative: dropped
}

// Committed tells that a group is as safe as the instance promises, and all
// groups before it.
type Committed struct{ Group uint64 }

// Loaded brings pages of a session's queue that were read from the store.
type Loaded struct {
	Pages []session.LoadedPage
	Last  bool // there are none behind them
}

// Flush asks the journal to write everything, and to close Done when that is
// safe or has failed.
type Flush struct{ Done chan<- struct{} }
