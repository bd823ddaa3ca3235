package local

import (
	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/protocol/packet"
)

// What the program publishes is a part of what comes into the instance: it waits
// for its turn as what Clients send, and the caller gets his answer later.

// turn comes when it is the program's turn.
type turn struct{}

// Turn implements rate.Waiter.
func (p *Publisher) Turn() { p.turn() }

// take publishes m at once if the rate of the instance allows.
func (p *Publisher) take(m *message.Publish) {
	switch {
	case len(p.line)+len(p.waiting) >= waitingMost:
		m.Reply <- packet.QuotaExceeded
	case !p.rate.On() && len(p.line) == 0:
		p.publish(m)
	case len(p.line) == 0 && p.rate.May(p.loop.Now()):
		p.publish(m)
		p.rate.Took(1, len(m.Run.Frames), p.loop.Now())
	default:
		p.line = append(p.line, m)
		p.rate.Wait(p, p.loop.Now())
	}
}

// takeTurn publishes a turn's worth of what waits.
func (p *Publisher) takeTurn() {
	now := p.loop.Now()
	defer p.rate.Taken(p, now)
	bytes, messages := p.rate.Bytes(now), p.rate.Messages(now)
	for ; len(p.line) > 0 && bytes > 0 && messages > 0; messages-- {
		m := p.line[0]
		p.line[0] = nil
		p.line = p.line[1:]
		p.publish(m)
		p.rate.Took(1, len(m.Run.Frames), now)
		bytes -= len(m.Run.Frames)
	}
	if len(p.line) > 0 {
		p.rate.Wait(p, now)
		return
	}
	p.line = nil
}

// leave gives up what waits.
func (p *Publisher) leave() {
	p.rate.Leave(p, p.loop.Now())
	for _, m := range p.line {
		m.Reply <- packet.UnspecifiedError // it was not published
	}
	p.line = nil
}
