// Package router holds the actors that write the topic index.
//
// A shard is the single writer of one part of the index. It gathers the
// changes of one drain of its mailbox in a transient copy, publishes that as
// one immutable snapshot, and only then confirms them and asks for retained
// messages. Publishers read the snapshots without a lock, see actors/routing.
//
// A shard that fails starts again from its last snapshot and asks the
// subscribers to repeat what it had not confirmed.
package router

import (
	"strings"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/routing"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/internal/telemetry"
	"github.com/troupemq/troupe/protocol/topic"
)

// Shard is the actor of one part of the topic index.
type Shard struct {
	number   int
	tables   *routing.Tables
	told     func() []*actor.PID // who subscribes, or knows who does
	counters *telemetry.Counters

	edit   *topic.Editor[message.Subscription] // nil: nothing changed since the last snapshot
	shared int64                               // shared subscriptions that edit has more than it
	done   []*message.Subscribe                // to be confirmed with the next snapshot
}

// NewShard makes the actor of shard number. told are told when it comes back
// from a failure.
func NewShard(number int, tables *routing.Tables, told func() []*actor.PID, counters *telemetry.Counters) *Shard {
	return &Shard{number: number, tables: tables, told: told, counters: counters}
}

// Receive implements actor.Actor.
func (s *Shard) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *message.Subscribe:
		s.change(m)
	case system.Drained:
		s.publish(ctx)
	case *actor.Restarting:
		for _, pid := range s.told() {
			ctx.Send(pid, &message.Resubscribe{Shard: s.number})
		}
	}
}

func (s *Shard) change(m *message.Subscribe) {
	if s.edit == nil {
		s.edit = s.tables.Snapshot(s.number).Edit()
	}
	for i := range m.Filters {
		f := &m.Filters[i]
		change := int64(0)
		if m.Remove {
			if s.edit.Delete(f.Name, m.Receiver.ID) {
				change = -1
			}
		} else if !s.edit.Put(f.Name, m.Receiver.ID, s.tables.Subscription(m.Receiver, f)) {
			change = 1
		}
		if strings.HasPrefix(f.Name, "$share/") {
			s.shared += change
		}
	}
	s.done = append(s.done, m)
}

func (s *Shard) publish(ctx actor.Context) {
	if s.edit == nil {
		return
	}
	before := s.tables.Snapshot(s.number).Len()
	index := s.edit.Commit()
	s.edit = nil
	s.tables.Publish(s.number, index)
	s.counters.Subscriptions.Add(int64(index.Len() - before))
	s.counters.SharedSubscriptions.Add(s.shared)
	s.shared = 0

	for _, m := range s.done {
		ctx.Send(m.Subscriber, &message.Subscribed{Shard: s.number, Token: m.Token})
		if m.Remove {
			continue
		}
		for i := range m.Filters {
			if m.Filters[i].Replay {
				s.replay(ctx, m.Subscriber, &m.Filters[i])
			}
		}
	}
	clear(s.done)
	s.done = s.done[:0]
	if cap(s.done) > 1024 {
		s.done = nil
	}
}

// replay asks for the retained messages of a new subscription, after the
// snapshot that holds it: what is published from now on comes live.
func (s *Shard) replay(ctx actor.Context, subscriber *actor.PID, f *message.Filter) {
	terms := s.tables.ReplayTerms(f)
	for _, retained := range s.tables.RetainedFor(f.Name) {
		ctx.Send(retained, &message.Replay{Subscriber: subscriber, Retained: retained, Filter: f.Name, Terms: terms})
	}
}
