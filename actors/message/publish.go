package message

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// Deliver brings the messages of one read of a publisher to one receiver. It
// is shared by all receivers on the same terms: one allocation per batch,
// however many receive it. Runs is in the order of publication.
type Deliver struct {
	Runs  []*packet.Run
	Terms *session.Terms
	Lent  *packet.Slab // what Runs are views of, if each receiver is to release it; may be nil
	Only  bool         // it has one receiver, which may give it back
	// Ticket is to be released by each receiver once it has taken account of the
	// messages; nil if nobody waits for that.
	Ticket *Ticket
}

// Undelivered releases for a receiver that has ended.
func (d *Deliver) Undelivered() { d.Ticket.Release() }

// Barrier asks a receiver whose mailbox is deep, or which is strained, to answer
// with [Credit] once it has come to this message, and so has handled everything
// sent before, and is not strained any more. The
// publisher reads nothing more until then: that bounds every mailbox.
type Barrier struct {
	Publisher *actor.PID
	Receiver  *Receiver
}

// Credit is the answer to one [Barrier].
type Credit struct {
	Receiver *Receiver
}

// Continue is what a publisher sends itself to go on with a fan-out to more
// receivers than one turn may serve.
type Continue struct{}

// Retain hands a message with RETAIN set to the retained actor of its topic.
// It is sent before the publisher reads the shards' snapshots, so that a
// subscription sees it either as retained or as live, never not at all.
type Retain struct {
	Run    *packet.Run // one frame
	Now    int64       // Unix ms
	Ticket *Ticket     // to be released once the change is noted; nil if nobody waits
}

// Undelivered releases for a retained actor that has ended.
func (r *Retain) Undelivered() { r.Ticket.Release() }

// Publish hands a message of the embedding program to an instance.
type Publish struct {
	Run   *packet.Run
	Reply chan<- packet.ReasonCode // buffered; gets one value
}
