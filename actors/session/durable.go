package session

import (
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/protocol/packet"
	core "github.com/troupemq/troupe/protocol/session"
)

// Durability is how the sessions of an instance reach the store; nil where
// nothing is kept.
type Durability struct {
	// Number makes numbers for sessions and bodies that were never used before,
	// also by an earlier process.
	Number func() uint64
	// Load reads pages of a session from that which holds a seq on, and calls back
	// from another goroutine.
	Load func(session, from uint64, loaded func(*message.Loaded))
	// Wrote is told how many messages were taken that have to be written, and says
	// whether they are so many by now that a group is due.
	Wrote func(messages int) (due bool)
	// RestAfter is how long a Session of a Client that is away stays awake when
	// nothing happens to it, in milliseconds; 0: for ever.
	RestAfter int64
	// Waits says that acknowledgements wait for the commit.
	Waits bool
}

// durable is what a durable Session's actor has under way with the journal.
type durable struct {
	door   *message.Door
	number uint64          // of the Session in the store
	restAt int64           // Unix ms when to look whether it may sleep; 0: not
	begun  bool            // the actor has started before
	asleep bool            // the door is closed
	dirty  bool            // the journal was told
	urgent bool            // and that somebody waits
	last   uint64          // the last group that collected something
	safe   uint64          // the last group that was committed
	held   []held          // what the Client is told when it is safe, in order
	gated  bool            // all the Client is told goes through held
	over   bool            // a group has come by since the Session ended
	ending *message.Ticket // of the end of the Session, as long as that cannot be collected
	taken  uint64          // frames that Wrote was told of
}

// held is output that waits for a group.
type held struct {
	bytes []byte
	gate  bool   // it may tell of the Record
	group uint64 // the group that it is safe with; 0: none has collected it
	waits bool   // none could: what it tells of waits for a ticket, which the journal hears of
}

// uncommitted is what was published and is not committed, oldest first.
type uncommitted struct {
	list  []awaited
	bytes int // of frames

	// gate is the end of the Session before this one; until it is committed those
	// who connect wait.
	gate     *message.Ticket
	connects []*message.Connect
	next     *message.Ticket // of the end of this Session, while the gate is closed: who waits for that waits for the gate too
}

// any tells whether something that was published is not committed.
func (u *uncommitted) any() bool { return u != nil }

// full tells whether it is so much that the Client is not to be read from.
func (u *uncommitted) full() bool { return u != nil && u.bytes >= uncommittedMost }

// take removes and returns what is committed with a group.
func (u *uncommitted) take(group uint64) (taken []awaited) {
	if u == nil {
		return nil
	}
	n := 0
	for ; n < len(u.list) && u.list[n].ticket.In(group); n++ {
		for _, r := range u.list[n].runs {
			u.bytes -= len(r.Frames)
		}
	}
	taken, u.list = u.list[:n:n], u.list[n:]
	return taken
}

// has tells whether a Run is safe with a group.
func (u *uncommitted) has(r *packet.Run, group uint64) bool {
	return u != nil && slices.ContainsFunc(u.list, func(a awaited) bool { return a.ticket.In(group) && slices.Contains(a.runs, r) })
}

// wills tells whether there is a Will that is not safe with a group.
func (u *uncommitted) wills(group uint64) bool {
	return u != nil && slices.ContainsFunc(u.list, func(a awaited) bool { return a.wills && !a.ticket.In(group) })
}

// awaited is what the Client published and is acknowledged once its ticket is
// committed.
type awaited struct {
	ticket *message.Ticket
	runs   []*packet.Run
	codes  []packet.ReasonCode
	wills  bool
}

// persist makes a new Session durable if its first CONNECT asks for that.
func (s *Session) persist(m *message.Connect) {
	d := s.env.Durability
	if d == nil || s.epoch > 1 || s.durable != nil || !s.core.Outlives(m.Packet) {
		return
	}
	s.core.Persist(d.Waits)
	door := m.House.NewDoor(s.own.ID, d.Number(), s.core.ClientID())
	door.Open(s.own.Mailbox.(message.Within))
	s.durable = &durable{door: door, number: door.Number, begun: true, taken: s.core.Taken()}
	s.receiver = &door.Receiver // nobody has seen the other one
	s.env.Root.Send(s.registry(), &message.Kept{Session: s.self(), Door: door})
}

// await keeps what was published until it is safe. It reports false if nothing
// has to be written.
func (s *Session) await(runs []*packet.Run, wills bool) bool {
	ticket := s.publisher.Ticket()
	if ticket == nil {
		return false
	}
	if s.uncommitted == nil {
		s.uncommitted = new(uncommitted)
	}
	s.uncommitted.list = append(s.uncommitted.list, awaited{ticket, runs, slices.Clone(s.env.codes), wills})
	for _, r := range runs {
		r.Lent.Keep()
		s.uncommitted.bytes += len(r.Frames)
	}
	s.note() // the Packet Identifiers belong into the same group
	ticket.Release()
	return true
}

// uncommittedMost bounds the bytes that a Client may have published and not
// acknowledged: then it is not read from.
const uncommittedMost = 1 << 20

// committed acknowledges what is safe, and tells the Client what waited for that.
func (s *Session) committed(m *message.Committed) {
	out := s.begin()
	for _, a := range s.uncommitted.take(m.Group) {
		for i, r := range a.runs {
			if r.QoS > packet.QoS0 {
				s.core.Acknowledge(r, a.codes[i], out)
			}
		}
	}
	if u := s.uncommitted; u != nil && len(u.list) == 0 && u.gate == nil {
		s.uncommitted = nil
	}
	if d := s.durable; d != nil {
		d.safe = m.Group
		s.core.Committed(m.Group, s.env.Loop.Now(), out)
	}
	s.apply()
	s.tellHeld()
	if u := s.uncommitted; u != nil && u.gate != nil && u.gate.In(m.Group) {
		s.ungate()
	}
}

// waived lets in who waits for the end of a Session of which the store has nothing.
func (s *Session) waived(m *message.Waived) {
	if u := s.uncommitted; u != nil && u.gate == m.Ticket {
		s.ungate()
	}
}

// ungate lets in who waited for the end of the Session before.
func (s *Session) ungate() {
	u := s.uncommitted
	connects, next := u.connects, u.next
	u.gate, u.connects, u.next = nil, nil, nil
	if len(u.list) == 0 {
		s.uncommitted = nil
	}
	next.Waive()
	next.Release()
	for _, c := range connects {
		c.Ticket = nil
		s.welcome(c)
	}
	if s.epoch == 0 && s.durable == nil { // nobody has waited until now
		s.end(packet.Success, nil)
	}
	s.finish()
}

// postpone keeps who connects until the end of the Session before is safe: no
// crash may bring that back once its Client was told that there is none.
func (s *Session) postpone(m *message.Connect) bool {
	u := s.uncommitted
	switch {
	case m.Ticket != nil:
		if u == nil {
			u = new(uncommitted)
			s.uncommitted = u
		}
		u.gate = m.Ticket
	case u == nil || u.gate == nil:
		return false
	}
	u.connects = append(u.connects, m)
	return true
}

// abandon forgets who waits no more.
func (s *Session) abandon(connection *actor.PID) {
	if u := s.uncommitted; u != nil {
		u.connects = slices.DeleteFunc(u.connects, func(m *message.Connect) bool { return m.Connection.Equal(connection) })
	}
}

// tellHeld writes what is safe by now.
func (s *Session) tellHeld() {
	d := s.durable
	if d == nil {
		return
	}
	n := 0
	for n < len(d.held) && d.held[n].group != 0 && d.held[n].group <= d.safe {
		s.say(d.held[n].bytes)
		n++
	}
	d.held = slices.Delete(d.held, 0, n)
	if len(d.held) == 0 {
		d.held, d.gated = nil, false
	}
}

// say adds bytes to what goes to the Client.
func (s *Session) say(b []byte) {
	if s.packets == nil {
		s.packets = s.env.Buffers.Get()
	}
	s.packets.B = append(s.packets.B, b...)
	if len(s.packets.B) >= flushAt {
		s.flush()
	}
}

// guard takes from out what must not be written yet.
func (s *Session) guard(out *core.Output) {
	d := s.durable
	if d == nil {
		return
	}
	if out.Gate {
		d.gated = true
	}
	var fresh []byte // what the core wrote now and is not to go out
	own := 0
	if s.packets != nil {
		own = len(s.packets.B)
	}
	if d.gated {
		fresh = append(append([]byte(nil), out.Packets[own:]...), out.Held...)
		out.Packets = out.Packets[:own]
	} else if len(out.Held) > 0 {
		fresh = append([]byte(nil), out.Held...)
	}
	if len(fresh) == 0 {
		return
	}
	h := held{bytes: fresh, gate: d.gated}
	if !s.core.Dirty() { // it tells of nothing new
		h.group = max(d.last, 1)
		if n := len(d.held); n == 0 && d.last <= d.safe {
			out.Packets = append(out.Packets, fresh...)
			d.gated = false
			return
		}
	}
	if s.env.Tables.ReadOnly.Load() {
		s.hopeless(out)
		return
	}
	if n := len(d.held); n > 0 && d.held[n-1].gate == h.gate && d.held[n-1].group == h.group && !d.held[n-1].waits {
		d.held[n-1].bytes = append(d.held[n-1].bytes, fresh...)
		return
	}
	d.held = append(d.held, h)
}

// hopeless sends a Client away that asked for something of which it can never be
// told that it is safe. Before CONNACK it is sent away without a word.
func (s *Session) hopeless(out *core.Output) {
	before := len(out.Packets)
	s.core.Disconnect(packet.QuotaExceeded, s.env.Loop.Now(), out)
	if s.durable.gated {
		out.Packets = out.Packets[:before]
	}
}

// note tells the journal that there is something to write.
func (s *Session) note() {
	d := s.durable
	if d == nil || !s.core.Dirty() {
		return
	}
	urgent := s.core.Urgent() || s.ended && !d.over
	if n := len(d.held); n > 0 {
		urgent = urgent || d.held[n-1].group == 0 && !d.held[n-1].waits
	}
	if taken := s.core.Taken(); taken > d.taken {
		urgent = s.env.Durability.Wrote(int(taken-d.taken)) || urgent
		d.taken = taken
	}
	if d.dirty && (d.urgent || !urgent) {
		return
	}
	d.dirty, d.urgent = true, urgent
	s.env.Root.Send(s.env.Tables.Journal, &message.Dirty{Source: s.self(), Urgent: urgent})
}

// collect gives the journal what the Session has to write.
func (s *Session) collect(m *message.Collect) {
	staged := &message.Staged{Group: m.Group, Source: s.self()}
	defer func() { s.env.Root.Send(m.Journal, staged) }() // also when it fails
	d := s.durable
	if d == nil {
		return
	}
	d.dirty, d.urgent = false, false
	// A Will that was published is not forgotten before its receivers have it.
	quiet := s.uncommitted.wills(m.Group) ||
		s.changes.lined() > 0 && slices.ContainsFunc(s.changes.line, func(st step) bool { return st.wills })
	routed := func(r *packet.Run) bool { return s.uncommitted.has(r, m.Group) }
	changes := s.core.Collect(m.Group, func(t any) bool { return t == nil || t.(*message.Ticket).In(m.Group) }, routed, s.env.Durability.Number, quiet)
	staged.Batch = stage(d.number, &changes, staged)
	d.last = m.Group
	for i := range d.held {
		h := &d.held[i]
		if h.gate && quiet {
			break // it tells of the Record
		}
		if h.group == 0 {
			h.group = m.Group
		}
	}
	// What is left waits for tickets: with them the journal begins a group without being hurried.
	for i := range d.held {
		d.held[i].waits = true
	}
	d.over = s.ended
	staged.Wants = true
	s.note()
}

// stage makes the changes of a Session those of a store.
func stage(number uint64, c *core.Changes, staged *message.Staged) *persistence.Batch {
	b := new(persistence.Batch)
	if c.Ended {
		b.Put(persistence.PartEnded.Key(number), nil)
		b.Delete(persistence.PartSession.Key(number))
		staged.Ended = append(staged.Ended, number)
		return b
	}
	if c.Record != nil {
		b.Put(persistence.PartSession.Key(number), persistence.AppendRecord(nil, c.Record))
	}
	for _, f := range c.Filters {
		key := persistence.SubscriptionKey(number, f.Filter)
		if f.Subscription == nil {
			b.Delete(key)
		} else {
			b.Put(key, persistence.AppendSubscription(nil, f.Subscription))
		}
	}
	for i := range c.Pages {
		p := &c.Pages[i]
		b.Put(persistence.PartPage.Key(number, p.First), persistence.AppendPage(nil, p.Page, func(r *packet.Run) uint64 { return r.Body.ID(nil) }))
		for i, id := range p.Bodies {
			staged.Bodies = append(staged.Bodies, message.Body{ID: id, Run: p.Runs[i], Count: 1})
		}
	}
	for _, g := range c.Gone {
		b.Delete(persistence.PartPage.Key(number, g.First))
		for _, id := range g.Bodies {
			staged.Bodies = append(staged.Bodies, message.Body{ID: id, Count: -1})
		}
	}
	if c.Head != nil {
		b.Put(persistence.PartHead.Key(number), persistence.AppendHead(nil, c.Head))
	}
	return b
}

// load asks for pages.
func (s *Session) load(l *core.Load) {
	self, root := s.self(), s.env.Root
	s.env.Durability.Load(s.durable.number, l.From, func(m *message.Loaded) { root.Send(self, m) })
}

// loaded takes pages that were asked for.
func (s *Session) loaded(m *message.Loaded) {
	s.core.Loaded(m.Pages, m.Last, s.env.Loop.Now(), s.begin())
	s.apply()
}

// unhold forgets what a Client was to be told that is gone.
func (s *Session) unhold() {
	if d := s.durable; d != nil {
		d.held, d.gated = nil, false
	}
}

// written tells whether the store has all of the Session, which may then be forgotten.
func (s *Session) written() bool {
	d := s.durable
	return d == nil || !s.core.Dirty() && d.last <= d.safe
}
