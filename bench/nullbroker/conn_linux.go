package nullbroker

import (
	"golang.org/x/sys/unix"

	"github.com/troupemq/troupe/protocol/packet"
)

const (
	// readSize is what one read takes at most: all that a pair has on the way in most workloads. With half of it, or a quarter, a
	// saturated pair costs 1.4 times as much; with four times as much nothing is gained, and the buffer leaves the cache.
	readSize = 256 << 10
	// heldSmall is up to which size a frame that is not whole is copied before what the next read brings.
	heldSmall = 64 << 10
	// gatherMax is how much is gathered for a receiver of several before it is written within a turn.
	gatherMax = 256 << 10
)

// conn is one connection.
type conn struct {
	member
	fd      int
	version packet.Version // of its CONNECT; 0 before

	held []byte // the beginning of a frame; its capacity is enough for all of it if that is more than heldSmall
	out  []byte // what could not be written yet

	blocked bool // out waits for the socket, and nothing more is read from who sends to it
	waits   int  // receivers that are blocked
	unread  bool // its socket may have more; told once
	ended   bool // its other end has closed
	listed  bool // in loop.ready
	gathers bool // in loop.dirty
	closed  bool
}

// read takes what the socket has, up to readSize, and hands it on. A connection whose receivers cannot follow is left as it is,
// and with it, in the end, the sender.
func (lp *loop) read(c *conn) {
	if c.closed {
		return
	}
	c.unread = true
	if c.waits > 0 {
		return
	}
	b := lp.buffer
	whole := b
	kept := len(c.held)
	if cap(c.held) > heldSmall && kept > 0 { // a big frame gathers in a buffer of its own
		whole = c.held[:cap(c.held)]
	} else {
		copy(b, c.held)
	}
	n, err := sysRead(c.fd, whole[kept:])
	switch {
	case err == unix.EAGAIN:
		c.unread = false
		return
	case err == unix.EINTR:
		lp.list(c)
		return
	case err != nil || n == 0:
		lp.drop(c)
		return
	}
	if n < len(whole)-kept && !c.ended {
		c.unread = false // the socket is empty, and its next edge is told
	}
	whole = whole[:kept+n]
	used, err := lp.digest(c, whole)
	if err != nil {
		lp.drop(c)
		return
	}
	if c.closed {
		return
	}
	c.hold(whole[used:])
	if c.unread && c.waits == 0 {
		lp.list(c)
	}
}

// hold keeps what is the beginning of a frame. Who sends a big frame will send another: its buffer stays.
func (c *conn) hold(rest []byte) {
	if size, _ := frameSize(rest); size > heldSmall && cap(c.held) < size {
		c.held = make([]byte, 0, size)
	}
	c.held = append(c.held[:0], rest...)
}

// list has a connection read again in the next turn.
func (lp *loop) list(c *conn) {
	if !c.listed {
		c.listed = true
		lp.ready = append(lp.ready, c)
	}
}

// digest forwards and answers the whole frames that b begins with, and returns their length.
func (lp *loop) digest(c *conn, b []byte) (used int, err error) {
	for {
		if c.version != 0 {
			if n := run(b[used:]); n > 0 {
				lp.forward(c, b[used:used+n])
				used += n
			}
		}
		size, err := frameSize(b[used:])
		if err != nil || size == 0 || size > len(b)-used {
			return used, err
		}
		if err := lp.answer(c, b[used:used+size]); err != nil || c.closed {
			return used, err
		}
		used += size
	}
}

// forward gives frames to all receivers of c: directly, if c is the only one who sends to them, and else gathered with what
// others send in the same turn.
func (lp *loop) forward(c *conn, b []byte) {
	if c.group == nil {
		return
	}
	if c.group.changed {
		lp.link(c.group)
	}
	for _, r := range c.receivers {
		if r.blocked || len(r.feeders) > 1 {
			lp.gather(r, b)
		} else {
			lp.write(r, b)
		}
	}
}

func (lp *loop) gather(r *conn, b []byte) {
	r.out = append(r.out, b...)
	if r.blocked {
		return
	}
	if len(r.out) >= gatherMax {
		lp.flush(r)
	} else if !r.gathers {
		r.gathers = true
		lp.dirty = append(lp.dirty, r)
	}
}

// write sends b, behind what waits, and keeps what the socket does not take.
func (lp *loop) write(r *conn, b []byte) {
	if len(r.out) > 0 {
		r.out = append(r.out, b...)
		if !r.blocked {
			lp.flush(r)
		}
		return
	}
	if n := lp.send(r, b); n < len(b) && !r.closed {
		r.out = append(r.out, b[n:]...)
		lp.block(r, true)
	}
}

// flush writes what waits.
func (lp *loop) flush(r *conn) {
	if r.closed || len(r.out) == 0 {
		return
	}
	n := lp.send(r, r.out)
	if r.closed {
		return
	}
	r.out = r.out[:copy(r.out, r.out[n:])]
	lp.block(r, len(r.out) > 0)
}

// send returns how much of b the socket took.
func (lp *loop) send(r *conn, b []byte) (n int) {
	for n < len(b) && !r.closed {
		wrote, err := sysWrite(r.fd, b[n:])
		switch err {
		case nil:
			n += wrote
		case unix.EAGAIN:
			return n
		case unix.EINTR:
		default:
			lp.drop(r)
		}
	}
	return n
}

// block notes whether a receiver can follow, for those who send to it.
func (lp *loop) block(r *conn, blocked bool) {
	if r.blocked == blocked {
		return
	}
	r.blocked = blocked
	for _, f := range r.feeders {
		if blocked {
			f.waits++
		} else if f.waits--; f.waits == 0 && f.unread {
			lp.list(f)
		}
	}
}

// link pairs a group anew, and counts anew who waits for whom.
func (lp *loop) link(g *group) {
	if !g.changed {
		return
	}
	g.link()
	if len(g.publishers) == 0 && len(g.subscribers) == 0 {
		delete(lp.groups, g.name)
		return
	}
	for _, side := range [][]*conn{g.publishers, g.subscribers} {
		for _, c := range side {
			if c == nil {
				continue
			}
			c.waits = 0
			for _, r := range c.receivers {
				if r.blocked {
					c.waits++
				}
			}
			if c.waits == 0 && c.unread {
				lp.list(c)
			}
		}
	}
}

// drop closes a connection and forgets it.
func (lp *loop) drop(c *conn) {
	if c.closed {
		return
	}
	c.closed = true
	lp.conns[c.fd] = nil
	_ = unix.Close(c.fd)
	if g := c.group; g != nil {
		g.leave(c)
		lp.changed = append(lp.changed, g)
	}
	c.held, c.out = nil, nil
}
