package troupe

import (
	"crypto/rand"
	"strconv"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/connection"
	"github.com/troupemq/troupe/actors/journal"
	"github.com/troupemq/troupe/actors/listener"
	"github.com/troupemq/troupe/actors/local"
	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/registry"
	"github.com/troupemq/troupe/actors/retained"
	"github.com/troupemq/troupe/actors/router"
	"github.com/troupemq/troupe/actors/session"
	"github.com/troupemq/troupe/actors/sys"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/internal/eventloop"
	"github.com/troupemq/troupe/internal/tlsserver"
	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/protocol/packet"
	core "github.com/troupemq/troupe/protocol/session"
)

// growJournal spawns who commits, if there is a store.
func (t *tree) growJournal(ctx actor.Context) {
	s := t.storage
	if s == nil {
		return
	}
	options := journal.Options{
		Store: s.store, Sync: s.config.Durability == configs.DurabilityDisk, Ended: s.ended, Unused: s.first,
		Counters: t.counters, Log: t.broker.log, Disk: s.disk, Tight: s.tight,
		Failed: func(err error) {
			t.tables.ReadOnly.Store(true)
			if s.config.Persistence.OnError == configs.OnErrorStop {
				t.end(system.Failure{Path: "instance/journal", Kind: "journal", Reason: err})
			}
		},
	}
	if !s.waits() {
		options.Interval = s.config.Persistence.FlushInterval.Std().Milliseconds()
		options.Full = t.tables.ReadOnly.Store // nobody waits, so that there would be no end to what is lost
		options.Began, options.Done = s.window.began, func() { t.tables.Behind.Store(s.window.done()) }
		s.window.most, s.window.full = int64(s.config.Persistence.FlushMessages), func() { t.tables.Behind.Store(true) }
	}
	t.journal = t.system.Kind("journal", stop).SpawnChild(ctx, t.loops[0], "journal", func(*system.Mailbox) actor.Actor {
		return journal.New(options, t.loops[0])
	})
	t.tables.Journal = t.journal
}

func (t *tree) growRetained(ctx actor.Context) {
	limits := t.retainedLimits()
	var disk retained.Disk
	if t.storage != nil {
		disk = retained.Disk{Journal: t.journal, Wrote: t.storage.due, Read: t.storage.records}
	}
	kind := t.system.Kind("keeper", stop)
	for i := range t.tables.Retained {
		store, loop := t.retained[i], t.loop(i)
		t.tables.Retained[i] = kind.SpawnChild(ctx, loop, strconv.Itoa(i), func(*system.Mailbox) actor.Actor {
			return retained.New(store, loop, limits, disk, t.counters, t.broker.log)
		})
	}
}

func (t *tree) growRouter(ctx actor.Context) {
	kind := t.system.Kind("shard", stop)
	for i := range t.tables.Shards {
		t.tables.Shards[i] = kind.SpawnChild(ctx, t.loop(i), strconv.Itoa(i), func(*system.Mailbox) actor.Actor {
			return router.NewShard(i, t.tables, t.told, t.counters)
		})
	}
}

// told are the actors that subscribe, or know who does.
func (t *tree) told() []*actor.PID {
	return append([]*actor.PID{t.program}, t.clients.Registries...)
}

func (t *tree) growSessions(ctx actor.Context) {
	registryKind := t.system.Kind("registry", restartAlone)
	sessionKind := t.system.Kind("session", stop)
	var ticket func(*actor.PID) *message.Ticket
	if t.tables.Waits {
		ticket = func(session *actor.PID) *message.Ticket {
			return message.NewTicket(t.system.Root(), t.journal, session)
		}
	}
	for i := range t.clients.Registries {
		env := t.envs[i%len(t.envs)]
		begin := func(ctx actor.Context, name string, state *session.State) *actor.PID {
			return sessionKind.SpawnChild(ctx, env.Loop, name, func(m *system.Mailbox) actor.Actor {
				return session.New(env, state, m)
			})
		}
		options := registry.Options{
			Loop: env.Loop,
			Spawn: func(ctx actor.Context, name, clientID string) *actor.PID {
				return begin(ctx, name, session.NewState(env, clientID))
			},
			House: t.houses[i], Restored: t.restored[i], Ticket: ticket,
			Awake: func(ctx actor.Context, name string, m *message.Woken) *actor.PID {
				return begin(ctx, name, session.Awoken(env, m.Door, m.Saved))
			},
		}
		if t.storage != nil {
			options.Read = t.storage.awaken
		}
		t.clients.Registries[i] = registryKind.SpawnChild(ctx, env.Loop, strconv.Itoa(i), func(*system.Mailbox) actor.Actor {
			return registry.New(options)
		})
	}
	t.restored = nil
}

func (t *tree) growProgram(ctx actor.Context) {
	loop := t.loops[0]
	t.publisher = t.system.Kind("publisher", stop).SpawnChild(ctx, loop, "publisher", func(*system.Mailbox) actor.Actor {
		return local.NewPublisher(t.tables, loop, t.rate)
	})
	interval := t.broker.config.Sys.Interval.Std()
	if interval == 0 {
		return
	}
	t.system.Kind("sys", stop).SpawnChild(ctx, loop, "sys", func(*system.Mailbox) actor.Actor {
		return sys.New(t.tables, loop, t.counters, Version(), interval.Milliseconds(), t.figures...)
	})
}

func (t *tree) growListeners(ctx actor.Context, open []handedListener) {
	env := &connection.Env{
		Root: t.system.Root(), Loops: t.loops, Attach: t.attach, Clients: &t.clients,
		Limits: t.broker.limits(), Auth: &t.broker.judge, Refuse: t.refuse, Hooks: t.hooks,
		ConnectTimeout: t.broker.config.Limits.ConnectTimeout.Std().Milliseconds(),
		Counters:       t.counters, Release: t.release, Slabs: t.slabs, Rate: t.rate, NewClientID: t.newClientID, Log: t.broker.log,
	}
	t.secure = make(map[string]*tlsserver.Server)
	listenerKind := t.system.Kind("listener", resume)
	connectionsKind := t.system.Kind("connections", stop)
	connectionKind := t.system.Kind("connection", stop)
	inlet := handedListener{name: "program"} // for what the program hands in
	for _, l := range append(open[:len(open):len(open)], inlet) {
		log := t.broker.log.With(zap.String("listener", l.name))
		known := &connection.Listener{Name: l.name, AllowAnonymous: l.anonymous}
		if l.secure != nil {
			known.Username = l.secure.Username
			t.secure[l.name] = l.secure
		}
		children := func(ctx actor.Context) []*actor.PID {
			pids := make([]*actor.PID, len(t.loops))
			for i, loop := range t.loops {
				accept := func(ctx actor.Context, c eventloop.Conn) {
					known, c := known, c
					if g, ok := c.(*guest); ok {
						known, c = &g.listener, g.Conn
					}
					connectionKind.SpawnChild(ctx, loop, "", func(m *system.Mailbox) actor.Actor {
						return connection.New(env, known, loop, m, c)
					})
				}
				pids[i] = connectionsKind.SpawnChild(ctx, loop, strconv.Itoa(i), func(*system.Mailbox) actor.Actor {
					return listener.NewConnections(accept)
				})
			}
			return pids
		}
		t.listeners = append(t.listeners, listenerKind.SpawnChild(ctx, t.loops[0], l.name, func(*system.Mailbox) actor.Actor {
			return listener.New(t.loops[0], l.listener, t.broker.config.Limits.MaxConnections, children, t.counters, log)
		}))
	}
	t.inlet = t.listeners[len(t.listeners)-1]
}

// refuse refuses Clients that would be taken for a bridge of this instance, and those whose Session would have to be kept when nothing can be
// any more. Who comes for a Session that is there would change it: when it ends,
// say.
func (t *tree) refuse(c *packet.Connect) packet.ReasonCode {
	if message.OfBridge(string(c.ClientID)) {
		return packet.ClientIdentifierNotValid
	}
	if t.tables.Waits && t.tables.ReadOnly.Load() && t.envs[0].Limits.Outlives(c) {
		return packet.ServerUnavailable
	}
	return packet.Success
}

// newClientID makes an identifier for a Client that brings none.
func newClientID() string { return "auto-" + rand.Text() }

// qos0Most bounds the QoS 0 messages, in bytes, that wait for a Client which
// does not read fast enough. They are worth little by the time it does.
const qos0Most = 4 << 20

// limits are the configured bounds in the terms of the protocol.
func (b *Broker) limits() *core.Limits {
	l, q := b.config.Limits, b.config.Session.Queue
	return &core.Limits{
		ReceiveMaximum:    uint16(l.ReceiveMaximum),
		MaxInflight:       uint16(l.MaxInflight),
		TopicAliasMaximum: uint16(l.TopicAliasMaximum),
		MaxPacketSize:     uint32(l.MaxPacketSize),
		MaxQoS:            packet.QoS2,
		RetainAvailable:   true,
		ServerKeepAlive:   uint16(l.ServerKeepAlive.Std().Seconds()),
		ExpiryMaximum:     uint32(b.config.Session.ExpiryMaximum.Std().Seconds()),
		TopicLevels:       l.TopicLevels,
		TopicBytes:        persistence.TextMost,
		Queue: core.QueueLimits{
			Messages: q.MaxMessages, Bytes: int64(q.MaxBytes), Age: q.MaxAge.Std().Milliseconds(),
			Overflow: map[configs.Overflow]core.Overflow{
				configs.OverflowDropOldest: core.DropOldest, configs.OverflowDropNewest: core.DropNewest, configs.OverflowReject: core.Reject,
			}[q.Overflow],
			Patience:  q.Patience.Std().Milliseconds(),
			QoS0Bytes: min(int64(q.MaxBytes), qos0Most),
		},
	}
}

// refusing tells whether a full queue is the publisher's business.
func (b *Broker) refusing() bool { return b.config.Session.Queue.Overflow == configs.OverflowReject }
