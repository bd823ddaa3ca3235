package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/troupemq/troupe/bench/internal/message"
	"github.com/troupemq/troupe/protocol/packet"
)

// client publishes and subscribes, and vanishes and comes back again and again.
// Its side of the Session lives here, from connection to connection.
type client struct {
	number  int
	id      string
	root    string // of all topics
	address string
	version packet.Version
	lasting bool // its Session is kept
	chance  *rand.Rand
	pace    time.Duration // between two messages
	plan    []packet.TopicFilter
	inbox   *inbox
	ledger  *ledger
	ready   *sync.WaitGroup // until all have subscribed
	talk    <-chan struct{} // closed when it has come to that
	quiet   <-chan struct{} // closed when no more is to be published

	present  bool // the broker holds a Session for us
	open     []*outgoing
	lastID   uint16
	window   int
	aliases  uint16            // that the broker lets us use
	alias    map[string]uint16 // that we set
	received map[uint16]bool   // QoS 2, until PUBREL
	names    map[uint16]string // aliases that the broker set
	c        *connection
}

// burst is how many messages are published at a time, so that a connection that
// is cut has some of them under way.
const burst = 8

// outgoing is a message with QoS 1 or 2 that was not acknowledged.
type outgoing struct {
	message.Message
	id       uint16
	filling  int
	received bool // PUBREC came: what is open is PUBREL
}

// run lives one life after the other until ctx is done.
func (c *client) run(ctx context.Context) {
	var old *connection // still open when the next one takes over
	subscribed := false
	for ctx.Err() == nil {
		if err := c.enter(&old); err != nil {
			c.ledger.violate("%s cannot connect: %v", c.id, err)
			if !subscribed {
				c.ready.Done()
			}
			return
		}
		if !subscribed || !c.lasting {
			if err := c.subscribe(); err != nil {
				c.ledger.violate("%s cannot subscribe: %v", c.id, err)
			}
			if !subscribed {
				subscribed = true
				c.ready.Done()
			}
		}
		if c.live(ctx) {
			old = c.leave()
		} else {
			old = nil
		}
		c.rest(ctx)
	}
	c.c.vanish(false)
}

// enter connects, and takes up what was open.
func (c *client) enter(old **connection) error {
	conn, err := dial(c.address, c.version)
	if err != nil {
		return err
	}
	p := &packet.Connect{Version: c.version, ClientID: []byte(c.id), KeepAlive: 30, RequestProblemInformation: true,
		CleanStart: !c.lasting || !c.present}
	if c.version == packet.V311 && c.lasting {
		p.CleanStart = false // it would mean: end with the connection
	}
	if c.version == packet.V5 {
		p.HasSessionExpiry, p.SessionExpiry = c.lasting, 3600
		p.ReceiveMaximum = uint16(1 + c.chance.IntN(50))
		p.TopicAliasMaximum = uint16(c.chance.IntN(4))
	}
	connack, err := conn.connect(p)
	if err != nil {
		return err
	}
	c.ledger.figures.connects.Add(1)
	if want := c.present && c.lasting; connack.SessionPresent != want {
		c.ledger.violate("%s: Session Present is %v, not %v", c.id, connack.SessionPresent, want)
	}
	if *old != nil {
		c.ledger.figures.takeovers.Add(1)
		(*old).vanish(false)
		*old = nil
	}
	c.c, c.window, c.aliases = conn, 20, connack.TopicAliasMaximum
	if connack.ReceiveMaximum != 0 {
		c.window = min(c.window, int(connack.ReceiveMaximum))
	}
	c.alias, c.names = make(map[string]uint16), make(map[uint16]string)
	c.present = c.lasting
	if connack.SessionPresent {
		c.ledger.figures.resumes.Add(1)
		for _, o := range c.open {
			c.sendOpen(o, true)
		}
		return nil
	}
	c.ledger.figures.open.Add(-int64(len(c.open)))
	c.open, c.received = nil, make(map[uint16]bool)
	return nil
}

// subscribe sends the plan and waits for the answer.
func (c *client) subscribe() error {
	c.write((&packet.Subscribe{PacketID: 65535, Filters: c.plan}).Append(nil, c.version))
	deadline := time.After(patience)
	for {
		select {
		case frame, ok := <-c.c.frames:
			if !ok {
				return fmt.Errorf("closed instead of SUBACK")
			}
			if packet.Type(frame[0]>>4) != packet.TypeSuback {
				c.take(frame)
				continue
			}
			var suback packet.Suback
			if err := suback.Decode(frame, c.version); err != nil {
				return err
			}
			for i, f := range c.plan {
				if suback.Codes[i] != packet.ReasonCode(f.QoS) {
					return fmt.Errorf("SUBACK says %v for %s", suback.Codes[i], f.Filter)
				}
			}
			return nil
		case <-deadline:
			return fmt.Errorf("no SUBACK")
		}
	}
}

// live publishes and receives for a while. It returns false when the broker
// ended it.
func (c *client) live(ctx context.Context) bool {
	span := time.Duration(float64(2*time.Second) * c.chance.ExpFloat64())
	end := time.NewTimer(span)
	defer end.Stop()
	next := time.NewTicker(c.pace)
	defer next.Stop()
	ping := time.NewTicker(10 * time.Second)
	defer ping.Stop()
	talk, quiet := c.talk, c.quiet
	talking := false
	for {
		select {
		case frame, ok := <-c.c.frames:
			if !ok {
				c.ledger.violate("%s was cut off", c.id)
				return false
			}
			if !c.take(frame) {
				return false
			}
		case <-next.C:
			if talking && c.chance.IntN(burst) == 0 {
				for range burst {
					if len(c.open) < c.window {
						c.publish()
					}
				}
				if c.chance.IntN(10) == 0 {
					return true // before anything was answered
				}
			}
		case <-ping.C:
			c.write((&packet.Pingreq{}).Append(nil, c.version))
		case <-talk:
			talk, talking = nil, true
		case <-quiet:
			quiet, talking, talk = nil, false, nil
			end.Stop() // stay, and finish what is open
		case <-end.C:
			if c.talking() {
				return true
			}
			end.Reset(span + time.Millisecond)
		case <-ctx.Done():
			return true
		}
	}
}

// talking tells that all have subscribed and publishing goes on.
func (c *client) talking() bool {
	select {
	case <-c.quiet:
		return false
	default:
	}
	select {
	case <-c.talk:
		return true
	default:
		return false
	}
}

// leave vanishes in one of the ways there are. A connection that it returns is
// left open for the next one to take over.
func (c *client) leave() *connection {
	switch c.chance.IntN(5) {
	case 0:
		c.write((&packet.Disconnect{}).Append(nil, c.version))
		c.c.vanish(false)
		c.ledger.figures.farewells.Add(1)
	case 1:
		return c.c
	case 2:
		c.c.vanish(false)
		c.ledger.figures.cuts.Add(1)
	default:
		c.c.vanish(true)
		c.ledger.figures.cuts.Add(1)
	}
	return nil
}

// rest stays away for a while, and for none at all quite often.
func (c *client) rest(ctx context.Context) {
	if c.chance.IntN(3) == 0 {
		return
	}
	timer := time.NewTimer(time.Duration(c.chance.IntN(500)) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.quiet:
	case <-ctx.Done():
	}
}

// write sends. An error is the end of the connection, which reading tells.
func (c *client) write(b []byte) { _, _ = c.c.Write(b) }
