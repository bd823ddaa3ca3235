package session

import (
	"slices"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/internal/auth"
	"github.com/troupemq/troupe/persistence"
	core "github.com/troupemq/troupe/protocol/session"
)

// restAgain is how long a Session that could not sleep yet waits before it
// tries again, in milliseconds.
const restAgain = 1000

// Sleeping tells of a Session in the store what its registry has to know, and
// what waits for it. stale says that the store has to be told of changes: its
// Client was connected when the store was last written.
func Sleeping(env *Env, saved *persistence.SavedSession) (at int64, messages int, bytes int64, stale bool) {
	var s core.Session
	s.Init(saved.Record.ClientID, env.limits(saved.Record.ClientID))
	s.Restore(saved.Record, saved.Head, slices.Values[[]core.Subscription](nil), env.Durability.Waits, env.Loop.Now())
	messages, bytes = s.Backlog()
	return s.Next(), messages, bytes, s.Dirty()
}

// Awoken makes the state of a Session out of what the store has of it.
func Awoken(env *Env, door *message.Door, saved *persistence.SavedSession) *State {
	s := new(State)
	s.core.Init(door.ClientID, env.limits(door.ClientID))
	s.core.Restore(saved.Record, saved.Head, slices.Values(saved.Subscriptions), env.Durability.Waits, env.Loop.Now())
	if w := saved.Record.Will; w != nil && !message.OfBridge(door.ClientID) {
		s.core.Govern(env.Hooks.Govern(nil, auth.Client{ID: door.ClientID})) // it is to be shown as well
	}
	s.own.ID = door.ID
	s.durable = &durable{door: door, number: door.Number, taken: s.core.Taken()}
	if messages, bytes := s.core.Backlog(); messages > 0 { // it was counted before
		s.waiting = &waiting{messages: int64(messages), bytes: bytes}
	}
	return s
}

// awake lets in what has waited at the door. It runs for a Session that was
// asleep.
func (s *Session) awake() {
	s.durable.begun = true
	s.durable.door.Open(s.own.Mailbox.(message.Within))
	s.stir()
	s.note()
	s.arm()
}

// stir puts off the sleep of a Session whose Client is away.
func (s *Session) stir() {
	if d := s.durable; d != nil {
		d.restAt = 0
		if after := s.env.Durability.RestAfter; after > 0 && s.connection == nil && s.bridging == nil {
			d.restAt = s.env.Loop.Now() + after
		}
	}
}

// rest lets a Session sleep for which nothing has happened for long: its actor
// ends, and the store has all of it.
func (s *Session) rest() {
	d, now := s.durable, s.env.Loop.Now()
	switch {
	case d == nil || d.asleep || d.restAt == 0 || now < d.restAt:
		return
	case s.connection != nil:
		d.restAt = 0
		return
	}
	d.restAt = now + restAgain
	s.arm()
	if s.ended || s.draining || s.changes != nil || s.uncommitted != nil || s.publisher.Blocked() || len(d.held) > 0 || !s.written() || !s.core.Rest() {
		return
	}
	if w := s.waiting; w != nil && w.publishers != nil {
		return
	}
	if !d.door.Close() {
		return
	}
	d.asleep = true
	s.env.Root.Send(s.registry(), &message.Asleep{Session: s.self(), Door: d.door, At: s.core.Next(), Connects: s.connects})
}
