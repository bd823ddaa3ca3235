// Package local holds the actors through which the embedding program publishes
// and subscribes. They take part like any session: the same snapshots, the
// same batches, the same bounds; only no packet is ever encoded for a wire.
package local

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/routing"
	"github.com/troupemq/troupe/internal/eventloop"
	"github.com/troupemq/troupe/internal/rate"
	"github.com/troupemq/troupe/protocol/packet"
)

// recheckAfter is how long, in milliseconds, a publisher waits at most for a
// receiver that died before it answered.
const recheckAfter = 100

// waitingMost is how many messages wait for their answer. Callers wait for it, so
// that there are more only when many of them have given up.
const waitingMost = 1 << 16

// Publisher is the actor that routes what the program publishes.
type Publisher struct {
	tables *routing.Tables
	loop   eventloop.Loop
	rate   *rate.Share // of the instance; nil: any

	line      []*message.Publish // that wait for their turn, see turn.go
	turn      func()             // says that it is
	publisher routing.Publisher
	waiting   []reply
	committed uint64                   // the last group
	current   chan<- packet.ReasonCode // of the message that is being routed
	codes     []packet.ReasonCode
	timer     *eventloop.Timer
}

// reply is owed for a message: once none of its receivers is too far behind, and
// what has to be written is.
type reply struct {
	to     chan<- packet.ReasonCode
	code   packet.ReasonCode
	ticket *message.Ticket     // nil: nothing has to be written
	slowed []*message.Receiver // that were too far behind
	fanned bool                // it may not have come to all of them yet
}

// NewPublisher makes the actor. It runs on loop, and keeps to a rate with all others who have it.
func NewPublisher(tables *routing.Tables, loop eventloop.Loop, share *rate.Share) *Publisher {
	return &Publisher{tables: tables, loop: loop, rate: share}
}

type tick struct{}

// Receive implements actor.Actor.
func (p *Publisher) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		self, root := ctx.Self(), ctx.ActorSystem().Root
		p.publisher = routing.NewPublisher(p.tables, self, routing.ByProgram)
		p.timer = eventloop.NewTimer(func() { root.Send(self, tick{}) })
		p.turn = func() { root.Send(self, turn{}) }
	case *actor.Stopping, *actor.Restarting:
		p.loop.Stop(p.timer)
		p.leave()
		if p.current != nil { // it made this actor fail
			p.current <- packet.UnspecifiedError
		}
		code := packet.Success
		if p.publisher.Busy() {
			code = packet.UnspecifiedError // some receivers have not got theirs
		}
		for _, r := range p.waiting {
			if r.ticket != nil {
				r.to <- packet.UnspecifiedError // nobody knows whether it was written
			} else {
				r.to <- code
			}
		}
		p.waiting = nil
		p.publisher.End()
	case *message.Publish:
		p.take(m)
	case turn:
		p.takeTurn()
	case *message.Committed:
		p.committed = m.Group
		p.answer()
	case *message.Settled:
		p.answer()
	case *message.Credit:
		p.publisher.Credit(m.Receiver)
		p.answer()
	case message.Continue:
		p.publisher.Continue()
		p.answer()
	case tick:
		p.publisher.Recheck()
		p.answer()
	}
}

// publish routes one message. The caller gets its answer when there is room
// for more: that is how a program is slowed down to the pace of its receivers.
func (p *Publisher) publish(m *message.Publish) {
	p.current = m.Reply
	now := p.loop.Now()
	if m.Run.HasExpiry {
		m.Run.Deadline = now + int64(m.Run.Expiry)*1000
	}
	p.codes = p.publisher.Publish([]*packet.Run{m.Run}, now, p.codes[:0])
	p.current = nil
	r := reply{m.Reply, p.codes[0], p.publisher.Ticket(), p.publisher.Slowed(), p.publisher.Busy()}
	if r.code == packet.QuotaExceeded || r.ticket == nil && p.ready(&r) {
		r.ticket.Release()
		r.to <- r.code
		return
	}
	p.waiting = append(p.waiting, r)
	r.ticket.Release()
	p.recheck()
}

// ready tells whether the answer can be given.
func (p *Publisher) ready(r *reply) bool {
	if r.fanned && p.publisher.Blocked() {
		return false
	}
	r.fanned = false
	for len(r.slowed) > 0 && !p.publisher.Waits(r.slowed[0]) {
		r.slowed = r.slowed[1:]
	}
	return len(r.slowed) == 0 && r.ticket.In(p.committed) && !r.ticket.Owed()
}

// answer gives the answers that are owed and can be given.
func (p *Publisher) answer() {
	p.recheck()
	kept := p.waiting[:0]
	for _, r := range p.waiting {
		if p.ready(&r) {
			r.to <- r.code
		} else {
			kept = append(kept, r)
		}
	}
	clear(p.waiting[len(kept):])
	p.waiting = kept
}

// recheck looks at the receivers that are behind some time later.
func (p *Publisher) recheck() {
	if p.publisher.Blocked() {
		p.loop.Start(p.timer, p.loop.Now()+recheckAfter)
	}
}
