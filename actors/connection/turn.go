package connection

import "github.com/troupemq/troupe/internal/rate"

// The instance may have a rate for all that its Clients send. Who comes when it
// is used up is not read from until it is his turn: nothing is lost, TCP slows
// the Client. The time that he waits is ours, and counts against neither his
// Keep Alive nor his time for CONNECT.

// turn comes to a connection whose turn it is.
type turn struct{}

var _ rate.Waiter = (*Connection)(nil)

// Turn implements rate.Waiter.
func (c *Connection) Turn() { c.mailbox.Post(turn{}) }

// wait puts the connection in line.
func (c *Connection) wait() {
	if c.waits || c.closed {
		return
	}
	c.waits = true
	c.interest()
	c.env.Rate.Wait(c, c.on().Now())
}

// turn reads a turn's worth, or goes on with packets that were read before.
func (c *Connection) turn() {
	if c.closed {
		return
	}
	loop := c.on()
	now := loop.Now()
	c.heard = now // it may have spoken while nobody listened
	c.waits = false
	defer c.env.Rate.Taken(c, now) // also when it fails
	switch {
	case c.deaf || c.closing || c.held || c.opening != nil && c.opening.waiting:
	case c.partial != nil && c.partial.whole:
		c.consume(c.takePartial())
	default:
		c.readMost(min(loop.ReadBudget(), c.env.Rate.Bytes(now)))
	}
	if c.on() == loop { // or CONNECT was read, and the connection is another loop's now
		c.interest()
	}
}

// resume goes on when the session gave the credit to read, or took it.
func (c *Connection) resume() {
	if !c.held && !c.deaf && c.partial != nil && c.partial.whole {
		c.wait()
	}
	c.interest()
}

// leave is for a connection that ends.
func (c *Connection) leave() {
	if c.waits {
		c.env.Rate.Leave(c, c.on().Now())
	}
}

// took counts what was taken of the instance's rate.
func (c *Connection) took(messages, bytes int) {
	if r := c.env.Rate; r.On() {
		r.Took(messages, bytes, c.on().Now())
	}
}

// messagesMost is how many messages may be passed on now; -1: all.
func (c *Connection) messagesMost() int {
	if r := c.env.Rate; r.On() {
		return r.Messages(c.on().Now())
	}
	return -1
}
