package nullbroker

import (
	"strconv"
	"strings"
)

// member is what pairing knows of a connection.
type member struct {
	group      *group
	number     int
	subscribes bool

	receivers []*conn // who gets what it sends
	feeders   []*conn // who sends to it
}

// group are the publishers and subscribers of one name.
type group struct {
	name        string
	publishers  []*conn // by number; nil where there is none
	subscribers []*conn
	changed     bool // since the last link
}

// side is the slice in which a member stands.
func (m *member) side() *[]*conn {
	if m.subscribes {
		return &m.group.subscribers
	}
	return &m.group.publishers
}

// numberMax bounds the numbers in Client Identifiers: groups are slices.
const numberMax = 1 << 17

// parseID takes a Client Identifier apart. It is no member of anything if it does not follow the convention.
func parseID(id string) (name string, number int, subscribes, ok bool) {
	at := strings.LastIndexByte(id, '-')
	if at < 0 {
		return "", 0, false, false
	}
	number, err := strconv.Atoi(id[at+1:])
	if err != nil || number < 0 || number >= numberMax {
		return "", 0, false, false
	}
	if name, ok = strings.CutSuffix(id[:at], "-pub"); ok {
		return name, number, false, true
	}
	name, ok = strings.CutSuffix(id[:at], "-sub")
	return name, number, true, ok
}

// join puts a connection into its place, and returns the one that had it.
func (g *group) join(c *conn, number int, subscribes bool) (before *conn) {
	c.group, c.number, c.subscribes = g, number, subscribes
	side := c.side()
	for len(*side) <= number {
		*side = append(*side, nil)
	}
	before, (*side)[number] = (*side)[number], c
	g.changed = true
	return before
}

// leave clears a connection's place, unless another has it by now.
func (g *group) leave(c *conn) {
	side := c.side()
	if (*side)[c.number] != c {
		return
	}
	(*side)[c.number] = nil
	for n := len(*side); n > 0 && (*side)[n-1] == nil; n-- {
		*side = (*side)[:n-1]
	}
	g.changed = true
}

// link pairs anew.
func (g *group) link() {
	g.changed = false
	for _, side := range [][]*conn{g.publishers, g.subscribers} {
		for _, c := range side {
			if c != nil {
				c.receivers, c.feeders = c.receivers[:0], c.feeders[:0]
			}
		}
	}
	many, few := g.publishers, g.subscribers
	if len(many) < len(few) {
		many, few = few, many
	}
	if len(few) == 0 {
		return
	}
	pairs := len(many) == len(few)
	for n, one := range many {
		other := few[n%len(few)]
		if one == nil || other == nil {
			continue
		}
		publisher, subscriber := one, other
		if one.subscribes {
			publisher, subscriber = other, one
		}
		connect(publisher, subscriber)
		if pairs {
			connect(subscriber, publisher)
		}
	}
}

func connect(from, to *conn) {
	from.receivers = append(from.receivers, to)
	to.feeders = append(to.feeders, from)
}
