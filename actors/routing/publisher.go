package routing

import (
	"bytes"
	"math"
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
	"github.com/troupemq/troupe/protocol/topic"
)

const (
	// depthHigh is the number of messages waiting in a receiver's mailbox at
	// which its publishers stop reading until it caught up. A message there is
	// at most one read of one publisher.
	depthHigh = 1024
	// routeKept is the number of receivers from which a route is worth keeping:
	// below, making it again costs less. routesKept bounds the cache.
	routeKept  = 32
	routesKept = 64
	// fanOutSlice is the number of receivers that a publisher serves before it
	// gives its loop to others.
	fanOutSlice = 4096
)

// Publisher routes the messages of one actor. Its zero value is not usable;
// make it with [NewPublisher]. It is part of that actor's state. A nil Publisher
// has published nothing, and is asked and told accordingly.
type Publisher struct {
	tables *Tables
	self   *actor.PID
	id     uint64 // own number as a receiver, for No Local; 0: none

	last      *route // of lastTopic
	lastTopic []byte
	routes    map[string]*route // those with many receivers
	build     *builder

	ticket  *message.Ticket     // of the Publish under way or just done; nil: nothing of it has to be written
	blocked []*message.Receiver // owe a Credit
	slowed  []*message.Receiver // of the program's publisher: those of them that the last Publish came to
	jobs    []job               // fan-outs under way or waiting behind one, in order
}

// job is a batch on its way to more receivers than one turn may serve.
type job struct {
	route    *route
	runs     []*packet.Run
	target   int // the next target, and the next of its receivers
	receiver int
	deliver  *message.Deliver // of that target
	ticket   *message.Ticket  // held until all have got it; may be nil
}

// ByProgram is the number of the publisher of the embedding program, whose
// subscriptions have one each.
const ByProgram = math.MaxUint64

// NewPublisher makes the publishing side of the actor self. receiver is its
// own number in the index, or 0 if it never subscribes.
func NewPublisher(tables *Tables, self *actor.PID, receiver uint64) Publisher {
	return Publisher{tables: tables, self: self, id: receiver}
}

// Publish routes runs in their order and appends one Reason Code for each to
// codes: Success, NoMatchingSubscribers, or QuotaExceeded when a receiver
// refuses what comes beyond its queue; then nobody got the run.
//
// Order holds in whole for each pair of publisher and receiver: a batch is
// closed as soon as a run goes elsewhere, and batches are posted in order.
func (p *Publisher) Publish(runs []*packet.Run, now int64, codes []packet.ReasonCode) []packet.ReasonCode {
	p.slowed = nil
	start := 0
	var open *route // of runs[start:i]
	var ahead *ahead
	if len(runs) > 1 {
		ahead = p.tables.ahead()
		defer p.tables.looked(ahead)
	}
	for i, run := range runs {
		if ahead != nil && i == ahead.to {
			ahead.look(p, runs, i)
		}
		r := p.route(run.Topic, ahead.of(i))
		if run.QoS > 0 && (p.tables.Refusing && r.refuses(p.tables.Crowded.Load()) || (r.durable || run.Retain) && p.tables.ReadOnly.Load()) {
			codes = append(codes, packet.QuotaExceeded)
			p.post(open, runs[start:i])
			open, start = nil, i+1
			continue
		}
		if run.Retain {
			run.Lent.Keep()
			ticket := p.hold(run.QoS > packet.QoS0)
			ticket.Hold(1)
			p.tables.root.Send(p.tables.RetainedShard(run.Topic), &message.Retain{Run: run, Now: now, Ticket: ticket})
			// Read again: the snapshot must not be older than the post.
			r = p.route(run.Topic, ahead.of(i))
		}
		if r.empty() {
			codes = append(codes, packet.NoMatchingSubscribers)
		} else {
			codes = append(codes, packet.Success)
		}
		if open != nil && !open.same(r) {
			p.post(open, runs[start:i])
			start = i
		}
		open = r
	}
	p.post(open, runs[start:])
	return codes
}

// Ticket hands over the ticket of what was published since the last call, nil if
// nothing of it has to be written: then it can be acknowledged at once. Who gets
// one acknowledges when it is committed, and releases it when it has taken
// account of that itself.
func (p *Publisher) Ticket() *message.Ticket {
	t := p.ticket
	p.ticket = nil
	return t
}

// hold gives the ticket of this Publish, if one is needed.
func (p *Publisher) hold(needed bool) *message.Ticket {
	if !needed || !p.tables.Waits && !p.tables.Behind.Load() {
		return nil
	}
	if p.ticket == nil {
		p.ticket = message.NewTicket(p.tables.root, p.tables.Journal, p.self)
	}
	return p.ticket
}

// durably gives the ticket for runs that go to a route, and marks those that
// several may store.
func (p *Publisher) durably(r *route, runs []*packet.Run) *message.Ticket {
	if !r.durable || !slices.ContainsFunc(runs, func(r *packet.Run) bool { return r.QoS > packet.QoS0 }) {
		return nil
	}
	if r.size+len(r.groups) > 1 {
		for _, run := range runs {
			if run.QoS > packet.QoS0 && run.Body == nil {
				run.Body = new(packet.Body)
			}
		}
	}
	return p.hold(true)
}

// Redistribute gives messages that an ended Session of a shared subscription
// did not deliver to another member. The Session itself, whose subscription the
// shard may still know, is none.
func (p *Publisher) Redistribute(lost []session.Redistribution) {
	for _, l := range lost {
		r := p.route(l.Run.Topic, nil)
		for _, g := range r.groups {
			if g.Filter == l.Filter {
				p.share(g, []*packet.Run{l.Run}, p.id, nil)
			}
		}
	}
}

// Blocked tells whether this publisher must not take more, because a fan-out
// is under way or a receiver is far behind. The actor passes each Credit that
// it gets to [Publisher.Credit], and calls [Publisher.Recheck] from time to
// time.
func (p *Publisher) Blocked() bool { return p != nil && (len(p.blocked) > 0 || p.Busy()) }

// Slowed is the receivers of the last Publish that are far behind, and Waits
// whether one of those still is. They are for the program, whose callers are not
// to wait for one another's receivers.
func (p *Publisher) Slowed() []*message.Receiver { return p.slowed }

// Waits tells whether a receiver has not come to this publisher's Barrier.
func (p *Publisher) Waits(r *message.Receiver) bool { return slices.Contains(p.blocked, r) }

// Busy tells whether a fan-out is under way: its actor must not end before.
func (p *Publisher) Busy() bool { return p != nil && len(p.jobs) > 0 }

// End lets go of what is under way, for an actor that will not go on with it:
// who has got the messages is not to wait for those who will not.
func (p *Publisher) End() {
	if p == nil {
		return
	}
	for i := range p.jobs {
		p.jobs[i].ticket.Release()
	}
	p.jobs = nil
	p.Ticket().Release()
}

// Continue goes on with a fan-out that took more than one turn: it is for each
// [message.Continue] that the actor gets.
func (p *Publisher) Continue() {
	if p == nil {
		return
	}
	for left := fanOutSlice; len(p.jobs) > 0; {
		j := &p.jobs[0]
		for j.target < len(j.route.targets) {
			t := &j.route.targets[j.target]
			if j.deliver == nil {
				j.deliver = &message.Deliver{Runs: j.runs, Terms: t.terms, Ticket: j.ticket}
			}
			for ; j.receiver < len(t.receivers); j.receiver++ {
				if left == 0 {
					p.tables.root.Send(p.self, message.Continue{})
					return
				}
				left--
				j.ticket.Hold(1)
				p.send(t.receivers[j.receiver], j.deliver, acknowledged(j.runs, t.terms))
			}
			j.target, j.receiver, j.deliver = j.target+1, 0, nil
		}
		for _, g := range j.route.groups {
			p.share(g, j.runs, 0, j.ticket)
		}
		j.ticket.Release()
		p.jobs[0] = job{}
		p.jobs = p.jobs[1:]
	}
	p.jobs = nil
}

// Credit says that a receiver has come to this publisher's Barrier.
func (p *Publisher) Credit(receiver *message.Receiver) {
	p.unblock(func(r *message.Receiver) bool { return r == receiver })
}

// Recheck looks at the receivers themselves, so that one that died without an
// answer holds nobody up for longer than the time between two calls.
func (p *Publisher) Recheck() {
	p.unblock(func(r *message.Receiver) bool {
		return r.Mailbox.UserMessageCount() < depthHigh/2 && !p.strained(r)
	})
}

func (p *Publisher) unblock(caughtUp func(*message.Receiver) bool) {
	if p == nil {
		return
	}
	p.blocked = slices.DeleteFunc(p.blocked, caughtUp)
	if len(p.blocked) == 0 {
		p.blocked = nil
	}
}

// route finds the receivers of a topic, by what was found ahead if that is still
// true. What it returns is good until the third call after this one: the batch
// that is open, the message that may close it, and a second look at the
// snapshots for that one.
func (p *Publisher) route(name []byte, ahead *found) *route {
	literal, wildcard := p.tables.current(name)
	if p.last != nil && p.last.current(literal, wildcard) && bytes.Equal(p.lastTopic, name) {
		return p.last
	}
	if p.build == nil {
		p.build = new(builder)
	}
	b := p.build
	r, kept := p.routes[string(name)]
	if !kept || !r.current(literal, wildcard) {
		b.match(literal, wildcard, name, ahead)
		if !kept || !b.renew(r, literal, wildcard) {
			b.used = (b.used + 1) % len(b.spare)
			r = &b.spare[b.used]
			b.build(p.tables, r, literal, wildcard, p.id)
			r = p.keep(r, name)
		}
		b.matches = nil
	}
	p.last, p.lastTopic = r, append(p.lastTopic[:0], name...)
	return r
}

// keep takes a route that was costly to build into the cache.
func (p *Publisher) keep(r *route, name []byte) *route {
	if r.size < routeKept {
		return r
	}
	kept := new(route)
	*kept, *r = *r, route{}
	kept.sets = slices.Clone(p.build.matches.Sets)
	if p.routes == nil {
		p.routes = make(map[string]*route)
	}
	if _, replaced := p.routes[string(name)]; !replaced && len(p.routes) >= routesKept {
		clear(p.routes)
	}
	p.routes[string(name)] = kept
	return kept
}

func (p *Publisher) post(r *route, runs []*packet.Run) {
	if r == nil || len(runs) == 0 {
		return
	}
	if len(p.jobs) > 0 || r.size > fanOutSlice {
		if r.size < routeKept {
			r = r.detached()
		}
		keep(runs)
		ticket := p.durably(r, runs)
		ticket.Hold(1)
		p.jobs = append(p.jobs, job{route: r, runs: runs, ticket: ticket})
		if len(p.jobs) == 1 {
			p.Continue()
		}
		return
	}
	ticket := p.durably(r, runs)
	for i := range r.targets {
		t := &r.targets[i]
		deliver := p.tables.deliver(runs, t.terms, len(t.receivers), ticket)
		acknowledged := acknowledged(runs, t.terms)
		for _, receiver := range t.receivers {
			p.send(receiver, deliver, acknowledged)
		}
	}
	for _, g := range r.groups {
		p.share(g, runs, 0, ticket)
	}
}

// share gives each message to one member of a shared subscription, other than
// the receiver except.
func (p *Publisher) share(g *topic.Group[message.Subscription], runs []*packet.Run, except uint64, ticket *message.Ticket) {
	for _, run := range runs {
		for one := range run.Each() {
			sub, ok := choose(g, except)
			if !ok {
				return
			}
			runs := []*packet.Run{one}
			p.send(sub.Receiver, p.tables.deliver(runs, sub.Terms, 1, ticket), acknowledged(runs, sub.Terms))
		}
	}
}

// acknowledged tells whether any of runs comes to a receiver with QoS 1 or 2.
func acknowledged(runs []*packet.Run, terms *session.Terms) bool {
	return terms.Raise > packet.QoS0 || terms.QoS > packet.QoS0 && slices.ContainsFunc(runs, func(r *packet.Run) bool { return r.QoS > packet.QoS0 })
}

// strained tells whether publishers with QoS 1 and 2 are to wait for a receiver.
func (p *Publisher) strained(r *message.Receiver) bool {
	return (r.Bridge || !p.tables.Refusing) && r.Full.Load()
}

// send posts m. A receiver that is far behind, or strained by what it has to
// acknowledge, holds this publisher up.
func (p *Publisher) send(receiver *message.Receiver, m any, acknowledged bool) {
	depth := receiver.Mailbox.Post(m)
	if (depth >= depthHigh || acknowledged && p.strained(receiver)) && receiver.ID != p.id {
		if p.id == ByProgram {
			p.slowed = append(p.slowed, receiver)
		}
		if slices.Contains(p.blocked, receiver) {
			return
		}
		p.blocked = append(p.blocked, receiver)
		receiver.Mailbox.Post(&message.Barrier{Publisher: p.self, Receiver: receiver})
	}
}
