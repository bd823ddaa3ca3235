package troupe

import (
	"fmt"

	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/retained"
	"github.com/troupemq/troupe/actors/session"
	core "github.com/troupemq/troupe/protocol/session"
	"github.com/troupemq/troupe/protocol/topic"
)

// restore makes what the tree begins with: the environment of the sessions, and
// out of the store the doors of those that are asleep, the topic index and the retained messages. No
// actor runs yet, so that Clients, publishers and Wills find all of it there.
func (t *tree) restore() error {
	limits, buffers := t.broker.limits(), new(session.Buffers)
	limits.Instance = t.identity()
	durability := t.storage.durability()
	for _, loop := range t.loops {
		t.envs = append(t.envs, &session.Env{
			Root: t.system.Root(), Loop: loop, Tables: t.tables, Clients: &t.clients, Limits: limits, Bridge: t.bridgeLimits, Durability: durability,
			Total: core.Left{Messages: t.broker.config.Session.Total.MaxMessages, Bytes: int64(t.broker.config.Session.Total.MaxBytes), Memory: int64(t.broker.config.Session.Total.Memory)},
			Hooks: t.hooks,
			Auth:  &t.broker.judge, AuthTimeout: t.broker.config.Limits.ConnectTimeout.Std(),
			Counters: t.counters, Numbers: &t.numbers, Buffers: buffers, Log: t.broker.log,
		})
	}
	t.bound(t.broker.config.Bridges)
	t.release = buffers.Put
	t.restored = make([][]message.Asleep, len(t.clients.Registries))
	t.houses = make([]*message.House, len(t.clients.Registries))
	if t.storage == nil {
		for range t.tables.Retained {
			t.retained = append(t.retained, retained.NewStore())
		}
		return nil
	}
	for i := range t.houses {
		t.houses[i] = message.NewHouse(t.system.Root())
	}
	t.restoreSessions()
	var err error
	t.retained, err = retained.Load(t.storage.store, len(t.tables.Retained), t.retainedLimits(), t.loops[0].Now(), t.counters, func(name string, err error) {
		t.broker.log.Error("a retained message is damaged and is removed", zap.String("topic", name), zap.Error(err))
	})
	if err != nil {
		return fmt.Errorf("data directory %s: %w", t.broker.config.DataDir, err)
	}
	return nil
}

// restoreSessions gives each session that was found to its registry, asleep, and its
// subscriptions to the shards' first snapshots.
func (t *tree) restoreSessions() {
	edits := make([]*topic.Editor[message.Subscription], len(t.tables.Shards))
	for _, saved := range t.storage.sessions {
		registry := t.clients.Number([]byte(saved.Record.ClientID))
		env := t.envs[registry%len(t.envs)]
		at, messages, bytes, stale := session.Sleeping(env, &saved)
		if stale {
			at = env.Loop.Now()
		}
		door := t.houses[registry].NewDoor(t.numbers.Add(1), saved.ID, saved.Record.ClientID)
		t.restored[registry] = append(t.restored[registry], message.Asleep{Door: door, At: at})
		if !door.Bridge {
			t.counters.Sessions.Add(1)
		}
		t.counters.MessagesQueued.Add(int64(messages))
		t.counters.BytesQueued.Add(bytes)
		if door.Bridge && t.orphaned(&saved) {
			continue // it gets nothing more
		}
		for _, sub := range saved.Subscriptions {
			filter := message.Filter{Name: sub.Filter, ID: sub.ID, Options: sub.Options, Raise: sub.Raise}
			shard := t.tables.Shard(sub.Filter)
			if edits[shard] == nil {
				edits[shard] = t.tables.Snapshot(shard).Edit()
			}
			edits[shard].Put(sub.Filter, door.ID, t.tables.Subscription(&door.Receiver, &filter))
			if sub.Shared {
				t.counters.SharedSubscriptions.Add(1)
			}
		}
	}
	t.storage.sessions = nil
	for shard, edit := range edits {
		if edit != nil {
			index := edit.Commit()
			t.tables.Publish(shard, index)
			t.counters.Subscriptions.Add(int64(index.Len()))
		}
	}
}

func (t *tree) retainedLimits() retained.Limits {
	c := t.broker.config.Retained
	return retained.Limits{Messages: int64(c.MaxMessages), Bytes: int64(c.MaxBytes), Memory: int64(c.Memory)}
}
