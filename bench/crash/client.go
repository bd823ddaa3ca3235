package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupemq/troupe/bench/internal/message"
	"github.com/troupemq/troupe/protocol/packet"
)

// role is what a client is there for.
type role struct {
	publishes bool
	away      bool // stays away while the load lasts
	toggles   bool // subscribes and unsubscribes all the time
	shares    bool // is a member of the Shared Subscription
	fleeting  bool // its Session ends with its connection
	renews    bool // ends its Session when it comes back, every other time
	mortal    bool // has a Will
}

// client is one Client of the broker, from connection to connection. The
// protocol is spoken by a peer, which is foreign; what it says and hears is
// told to the ledger as it passes on the wire.
type client struct {
	role
	number  int
	id      string
	version packet.Version
	filters []packet.TopicFilter // that it has all the time, or toggles
	window  int                  // messages that may be open
	ledger  *ledger
	chance  *rand.Rand
	peer    peer
	own     *inbox
	group   *inbox          // of the Shared Subscription, if it shares
	leads   bool            // tells the ledger what the group subscribes
	will    []byte          // payload of its Will on the next connection; nil: none
	delay   int             // of the Will, seconds
	last    message.Message // that the Will is
	reading *reading

	wire   *wire // changes under mu
	up     bool  // connected, or not known to be gone
	visits int
	open   atomic.Int64

	mu       sync.Mutex
	present  state                      // whether the broker has a Session of ours
	expected state                      // what CONNACK has to say of that
	resumed  bool                       // Session Present of the last CONNACK
	queue    []*outgoing                // not on the wire yet, in order
	sent     map[uint16]*outgoing       // on the wire, by Packet Identifier
	asked    map[uint16][]string        // filters of SUBSCRIBE and UNSUBSCRIBE without an answer
	received map[uint16]message.Message // QoS 2, until PUBREL
}

// outgoing is a message whose conversation is not over.
type outgoing struct {
	message.Message
	payload []byte // without a byte: it deletes a Retained Message
}

// peer is a client library. A connection is over when gone is closed; then
// connect may be called again.
type peer interface {
	connect(ctx context.Context, conn net.Conn, cleanStart bool) error
	publish(ctx context.Context, topic string, qos packet.QoS, retain bool, payload []byte) (stored bool)
	subscribe(ctx context.Context, filter string, qos packet.QoS) error
	unsubscribe(ctx context.Context, filter string) error
	disconnect()
	recorded(id uint16) // PUBREC has come
	gone() <-chan struct{}
}

// patience is how long a broker or a library may take for an answer.
const patience = 30 * time.Second

// enter connects, and subscribes if there is no Session yet.
func (c *client) enter(ctx context.Context, address string) error {
	c.visits++
	dialer := net.Dialer{Timeout: patience}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	wire := newWire(conn, c)
	c.mu.Lock()
	c.wire = wire
	c.mu.Unlock()
	if c.ledger.isDown() {
		wire.cut()
	}
	if err := c.peer.connect(ctx, c.wire, c.renews && c.visits%2 == 1); err != nil {
		c.wire.cut()
		return fmt.Errorf("%s cannot connect: %w", c.id, err)
	}
	c.up = true
	c.mu.Lock()
	resumed := c.resumed
	c.mu.Unlock()
	if resumed || c.toggles || c.fleeting && c.visits%2 == 0 {
		return nil
	}
	for _, f := range c.filters {
		if err := c.peer.subscribe(ctx, string(f.Filter), f.QoS); err != nil {
			return fmt.Errorf("%s cannot subscribe: %w", c.id, err)
		}
	}
	return nil
}

// leave goes away, with a word or without one.
func (c *client) leave(politely bool) error {
	c.wire.left.Store(true)
	if politely {
		c.peer.disconnect()
	} else {
		c.wire.cut()
	}
	return c.rest()
}

// drop cuts the connection, if there is one.
func (c *client) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wire != nil {
		c.wire.cut()
	}
}

// rest waits until nothing of the last connection is under way.
func (c *client) rest() error {
	if !c.up {
		return nil
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-c.peer.gone():
		c.up = false
		c.wire.cut()
		return nil
	case <-timer.C:
		return fmt.Errorf("%s: its library has not ended the connection within %s", c.id, patience)
	}
}

// pace is how often a client looks whether there is something to do.
const pace = 5 * time.Millisecond

// publish says so many messages a second, or as many as are acknowledged, until
// the connection ends.
func (c *client) publish(ctx context.Context, rate float64) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	due := 0.0
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.peer.gone():
			return
		case <-tick.C:
		}
		for due += rate * pace.Seconds(); due >= 1; due-- {
			if c.open.Load() < int64(c.window) {
				c.say(ctx)
			}
		}
	}
}

// say publishes one message.
func (c *client) say(ctx context.Context) {
	s := message.Stream{Publisher: c.number, Topic: c.chance.IntN(plainTopics + 1), QoS: packet.QoS(1 + c.chance.IntN(2))}
	o := &outgoing{}
	withdraw := c.ledger.withdraw
	if c.chance.IntN(6) == 0 { // a topic that retains keeps to one QoS, so that its values have one order
		n := c.chance.IntN(keptTopics)
		s.Topic, s.QoS = keptTopic+n, packet.QoS(1+n%2)
		none := c.chance.IntN(4) == 0
		o.Message, withdraw = c.ledger.sayRetained(s, none), c.ledger.unsayRetained
		if !none {
			o.payload = o.Append(nil, c.chance.IntN(200))
		}
	} else {
		o.Message = c.ledger.say(s)
		filling := c.chance.IntN(200)
		if c.chance.IntN(300) == 0 {
			filling = 70_000 // more than a loop's buffer
		}
		o.payload = o.Append(nil, filling)
	}
	c.mu.Lock()
	c.queue = append(c.queue, o)
	c.mu.Unlock()
	c.open.Add(1)
	if c.peer.publish(ctx, topicName(c.ledger.root, s), s.QoS, s.Topic >= keptTopic, o.payload) {
		return
	}
	c.mu.Lock()
	at := slices.Index(c.queue, o)
	if at >= 0 {
		c.queue = slices.Delete(c.queue, at, at+1)
	}
	c.mu.Unlock()
	if at >= 0 {
		withdraw(o.Message)
		c.open.Add(-1)
	}
}

// toggle subscribes and unsubscribes until the connection ends.
func (c *client) toggle(ctx context.Context) {
	tick := time.NewTicker(3 * pace)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.peer.gone():
			return
		case <-tick.C:
		}
		f := c.filters[c.chance.IntN(len(c.filters))]
		is := c.ledger.state(c.own, string(f.Filter))
		var err error
		if is == granted || is == unknown && c.chance.IntN(2) == 0 {
			err = c.peer.unsubscribe(ctx, string(f.Filter))
		} else {
			err = c.peer.subscribe(ctx, string(f.Filter), f.QoS)
		}
		if err != nil {
			if ctx.Err() == nil && !c.ledger.isDown() {
				c.ledger.violate(refused, "%s cannot change its subscription to %s: %v", c.id, f.Filter, err)
			}
			return
		}
	}
}

// testament is the stream of its Wills.
func (c *client) testament() message.Stream {
	return message.Stream{Publisher: c.number, Topic: willTopic, QoS: packet.QoS2}
}
