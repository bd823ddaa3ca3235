package session

import (
	"slices"

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

// persist makes a new Session durable if its first CONNECT asks for that.
func (s *Session) persist(m *message.Connect) {
	if s.env.Durability != nil && s.epoch <= 1 && s.durable == nil && s.core.Outlives(m.Packet) {
		s.lodge(m.House)
	}
}

// lodge makes a new Session durable, with a door in a house.
func (s *Session) lodge(house *message.House) {
	d := s.env.Durability
	s.core.Persist(d.Waits)
	door := house.NewDoor(s.own.ID, d.Number(), s.core.ClientID())
	door.Open(s.own.Mailbox.(message.Within))
	s.durable = &durable{door: door, number: door.Number, begun: true, taken: s.core.Taken()}
	s.env.Root.Send(s.registry(), &message.Kept{Session: s.self(), Door: door})
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

// written tells whether the store has all of the Session, which may then be forgotten.
func (s *Session) written() bool {
	d := s.durable
	return d == nil || !s.core.Dirty() && d.last <= d.safe
}
