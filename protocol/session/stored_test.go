package session_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// stored is what the broker of a script has under way with the store for a durable Session.
type stored struct {
	shelf   *shelf
	changes *session.Changes // collected, and not committed
	next    []byte           // what the Client is told with the next group
	held    []byte           // with the one that was collected
	gated   bool             // so is all else
	wants   *session.Load
}

// persist makes a new Session durable.
func (b *broker) persist(c *client, connect *packet.Connect) {
	if b.durable && c.stored == nil && c.s.Outlives(connect) {
		c.s.Persist(true)
		c.stored = &stored{shelf: newShelf()}
	}
}

// lose forgets what a connection was to be told that is gone.
func (c *client) lose() {
	if d := c.stored; d != nil {
		d.next, d.held, d.gated = nil, nil, false
	}
}

// guard keeps what is not safe.
func (b *broker) guard(c *client, out *session.Output) {
	d := c.stored
	if d == nil {
		return
	}
	d.gated = d.gated || out.Gate
	if d.gated {
		out.Packets, out.Held = nil, append(slices.Clip(out.Packets), out.Held...)
	}
	d.next = append(d.next, out.Held...)
	if out.Load != nil {
		b.printf("%s wants pages from %d on", c.id, out.Load.From)
		d.wants = out.Load
	}
}

// kept are the durable Sessions, in the order in which they began.
func (b *broker) kept() []*client {
	var all []*client
	for _, c := range b.sessions {
		if c.stored != nil {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(x, y *client) int { return int(x.number) - int(y.number) })
	return all
}

// collect begins a group.
func (b *broker) collect() {
	for _, c := range b.kept() {
		if d := c.stored; d.changes == nil && c.s.Dirty() {
			changes := c.s.Collect(b.number, func(any) bool { return true }, func(*packet.Run) bool { return true }, nil, false)
			d.changes = &changes
			d.held, d.next = append(d.held, d.next...), nil
			b.printf("%s: %s", c.id, describeChanges(&changes))
		}
	}
}

// commit ends it.
func (b *broker) commit() {
	for _, c := range b.kept() {
		d := c.stored
		if d.changes == nil {
			continue
		}
		d.shelf.apply(b, d.changes, false)
		d.changes = nil
		told := d.held
		d.held, d.gated = nil, len(d.next) > 0 && d.gated
		b.show(c.link, &session.Output{Packets: told})
		b.do(c, func(s *session.Session, out *session.Output) { s.Committed(b.number, b.now, out) })
	}
}

// Fatalf lets a script show what is wrong.
func (b *broker) Fatalf(format string, a ...any) { b.printf("WRONG: "+format, a...) }

// load brings pages to who wants them, one to each.
func (b *broker) load() {
	for _, c := range b.kept() {
		if d := c.stored; d.wants != nil {
			pages, last := d.shelf.read(d.wants.From, 1)
			d.wants = nil
			b.do(c, func(s *session.Session, out *session.Output) { s.Loaded(pages, last, b.now, out) })
		}
	}
}

// crash ends the process and begins it again.
func (b *broker) crash() {
	for _, l := range b.links {
		l.open = false
	}
	kept := b.kept()
	clear(b.sessions)
	for _, c := range kept {
		h := c.stored.shelf
		if h.record == nil {
			continue
		}
		b.number++
		c = &client{id: c.id, number: c.number, s: session.New(c.id, &b.limits), stored: &stored{shelf: h}}
		b.sessions[c.id] = c
		filters := make([]session.Subscription, 0, len(h.filters))
		for _, sub := range h.filters {
			filters = append(filters, sub)
		}
		c.s.Restore(h.record, h.head, slices.Values(filters), true, b.now)
	}
}

// describeChanges is what a group has of one Session.
func describeChanges(c *session.Changes) string {
	var parts []string
	add := func(format string, a ...any) { parts = append(parts, fmt.Sprintf(format, a...)) }
	if c.Ended {
		return "ended"
	}
	if c.Record != nil {
		add("record")
	}
	for _, f := range c.Filters {
		if f.Subscription == nil {
			add("without %s", f.Filter)
		} else {
			add("filter %s", f.Filter)
		}
	}
	for _, p := range c.Pages {
		n := 0
		for _, e := range p.Page {
			n += int(e.Count)
		}
		add("page %d of %d", p.First, n)
	}
	for _, g := range c.Gone {
		add("page %d gone", g.First)
	}
	if h := c.Head; h != nil {
		add("%d wait", h.Messages)
		for _, f := range h.Inflight {
			add("%d waits for %s", f.ID, []string{"nothing", "PUBACK", "PUBREC", "PUBCOMP"}[min(3, f.Step)])
		}
		if len(h.Received) > 0 {
			add("received %d", h.Received)
		}
	}
	return strings.Join(parts, ", ")
}
