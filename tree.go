package troupe

import (
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/retained"
	"github.com/troupemq/troupe/actors/routing"
	"github.com/troupemq/troupe/actors/session"
	"github.com/troupemq/troupe/actors/sys"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/internal/eventloop"
	"github.com/troupemq/troupe/internal/hooks"
	"github.com/troupemq/troupe/internal/rate"
	"github.com/troupemq/troupe/internal/telemetry"
	"github.com/troupemq/troupe/internal/tlsserver"
	"github.com/troupemq/troupe/persistence"
)

// tree is the supervision tree of one running instance. On the right, what
// becomes of an actor that fails:
//
//	instance ─┬─ journal                                    none: the instance ends
//	          ├─ retained ── retained × 4                   restart with what it kept
//	          ├─ router ──── shard × 9                      restart from the last snapshot
//	          ├─ sessions ── registry × 8 per loop          resume: a restart would end all below
//	          │                └─ session                   restart as after a lost connection
//	          ├─ program ─── publisher, subscriber, sys     restart
//	          ├─ bridges ─── bridge                         restart: it finds its Session again
//	          │                └─ link                      stop: as a lost connection
//	          └─ listeners ─ listener                       resume
//	                           └─ connections, per loop     resume
//	                                └─ connection           stop: its Client comes back
//
// It starts from the top and stops from the bottom. What restarts too often
// ends the instance, with the reason in Broker.Err; a session ends alone.
// Failures are counted by kind and logged with their stack.
type tree struct {
	ground
	broker   *Broker
	system   *system.System
	top      *actor.PID // of the instance, for who planted it
	counters *telemetry.Counters
	numbers  atomic.Uint64 // of receivers
	tables   *routing.Tables
	clients  routing.Clients

	subscriptions subscriptions // of the program
	rate          *rate.Share   // of all who send
	maxDisk       atomic.Int64  // bytes that the data directory may take, 0: any number
	shares        []share       // of the instance
	figures       []sys.Figure  // of the shares
	hooks         *hooks.Hooks  // of the program; nil: none

	// Set while the tree grows.
	envs      []*session.Env     // by loop
	houses    []*message.House   // by registry; nil: nothing is kept
	restored  [][]message.Asleep // likewise, from the store
	retained  []*retained.Store  // by retained actor
	journal   *actor.PID
	root      *actor.PID
	program   *actor.PID
	publisher *actor.PID
	listeners []*actor.PID
	inlet     *actor.PID                   // the one of them that has no port
	secure    map[string]*tlsserver.Server // of the TLS listeners, by name
	bridges   bridges
	made      string                 // the identity of an instance that keeps nothing
	release   func(*message.Packets) // gives an output buffer back
	grown     chan struct{}          // closed when all that is set

	failed atomic.Pointer[system.Failure] // what ended the instance
}

// How many actors share a kind of work.
const (
	literalShards   = 8 // of the topic index; one more holds the filters with wildcards in front
	retainedShards  = 4
	registriesALoop = 8
)

// Supervision of the children of a kind of actors. Ten failures a minute are
// more than accidents.
func (t *tree) fatal() system.Supervision {
	return system.Supervision{Action: system.Restart, Exhausted: t.end}
}

func (t *tree) restart() system.Supervision {
	return system.Supervision{Action: system.Restart, Limit: 10, Within: time.Minute, Exhausted: t.end}
}

func (t *tree) restartBridge() system.Supervision {
	return system.Supervision{Action: system.Restart, Limit: 10, Within: time.Minute, Exhausted: t.bridgeLost}
}

var (
	restartAlone = system.Supervision{Action: system.Restart, Limit: 10, Within: time.Minute}
	resume       = system.Supervision{Action: system.Resume}
	stop         = system.Supervision{Action: system.Stop}
)

// ground is what a tree stands on and does not make itself: all that is not
// the same each time comes from here, so that a simulation can bring its own.
type ground struct {
	loops       []eventloop.Loop
	attach      func(eventloop.Conn, eventloop.Loop, eventloop.Handler) (eventloop.Stream, error)
	newClientID func() string  // for a Client that brings none
	slabs       *message.Slabs // for what connections read in bulk
	storage     *storage       // nil: nothing is kept
}

// plant begins to bring up the tree of b over its open listeners. Once grown is
// closed every PID that somebody needs is set.
func plant(b *Broker, g ground, open []handedListener) (*tree, error) {
	t := &tree{ground: g, broker: b, counters: new(telemetry.Counters), grown: make(chan struct{}), made: persistence.NewIdentity()}
	var err error
	if t.bridges.settings, err = b.settingsOf(&b.config); err != nil {
		return nil, err
	}
	t.system = system.New(system.Options{Actors: b.actors(), Log: b.log, Failed: t.count})
	t.tables = routing.New(t.system.Root(), literalShards, retainedShards)
	t.tables.Refusing = b.refusing()
	t.hooks = b.hooking(t.counters)
	t.tables.Waits = g.storage.waits()
	t.rate = rate.New(t.loops[0], t.slowed)
	t.setShares(&b.config)
	t.shares = t.listShares()
	t.figures = t.shareFigures()
	t.clients.Registries = make([]*actor.PID, registriesALoop*len(t.loops))
	if err := t.restore(); err != nil {
		t.system.Close()
		return nil, err
	}

	instance := t.system.Kind("instance", t.fatal())
	top := &family{func(ctx actor.Context) {
		t.root = ctx.Self()
		t.growJournal(ctx)
		t.family(ctx, "retained", t.restart(), t.growRetained)
		t.family(ctx, "router", t.restart(), t.growRouter)
		t.family(ctx, "sessions", resume, t.growSessions)
		t.program = t.family(ctx, "program", t.restart(), t.growProgram)
		// Nobody is let in before the bridges get what he publishes.
		listen := adopt(func(ctx actor.Context) {
			t.family(ctx, "listeners", resume, func(ctx actor.Context) {
				t.growListeners(ctx, open)
				close(t.grown)
			})
		})
		t.bridges.family = t.family(ctx, "bridges", t.restartBridge(), func(ctx actor.Context) {
			t.growBridges(ctx, func() { t.system.Root().Send(t.root, listen) })
		})
	}}
	if t.top, err = t.system.Spawn(instance, t.loops[0], "instance", t.fatal(), func(*system.Mailbox) actor.Actor { return top }); err != nil {
		t.system.Close()
		return nil, err
	}
	return t, nil
}

// family spawns an actor that does nothing but supervise. All families are on
// the first loop, and so come up in the order in which they are spawned.
func (t *tree) family(ctx actor.Context, name string, members system.Supervision, grow func(actor.Context)) *actor.PID {
	return t.system.Kind(name, members).SpawnChild(ctx, t.loops[0], name, func(*system.Mailbox) actor.Actor { return &family{grow} })
}

// loop spreads actors over the loops.
func (t *tree) loop(i int) eventloop.Loop { return t.loops[i%len(t.loops)] }

// end stops the instance: a part failed that it cannot do without.
func (t *tree) end(f system.Failure) {
	if t.failed.CompareAndSwap(nil, &f) {
		t.broker.log.Error("the instance ends, a part of it failed that it cannot do without", zap.String("actor", f.Path), zap.Any("reason", f.Reason))
		t.system.Root().Stop(t.root)
	}
}

// ends tells whether the instance is to end, by Shutdown or because a part failed.
func (t *tree) ends() bool {
	t.broker.mu.Lock()
	defer t.broker.mu.Unlock()
	return t.broker.leaving || t.cause() != nil
}

// cause is the failure that ended the instance, if one did.
func (t *tree) cause() error {
	if f := t.failed.Load(); f != nil {
		return f
	}
	return nil
}

// count counts and logs each failure of an actor.
func (t *tree) count(f system.Failure) {
	counter := map[string]*atomic.Int64{
		"connection": &t.counters.FailedConnection,
		"session":    &t.counters.FailedSession,
		"registry":   &t.counters.FailedRegistry,
		"shard":      &t.counters.FailedShard,
		"keeper":     &t.counters.FailedRetained,
		"listener":   &t.counters.FailedListener,
		"bridge":     &t.counters.FailedBridge,
		"link":       &t.counters.FailedBridge,
	}[f.Kind]
	if counter == nil {
		counter = &t.counters.FailedOther
	}
	counter.Add(1)
	t.broker.log.Error("an actor failed",
		zap.String("actor", f.Path), zap.String("kind", f.Kind), zap.Stringer("action", f.Action),
		zap.Any("reason", f.Reason), zap.ByteString("stack", f.Stack))
}

// family is an actor that supervises others and does nothing else.
type family struct {
	grow func(ctx actor.Context)
}

// adopt asks a family for one more child.
type adopt func(ctx actor.Context)

// Receive implements actor.Actor.
func (f *family) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		f.grow(ctx)
	case adopt:
		m(ctx)
	case *message.Resubscribe:
		for _, child := range ctx.Children() {
			ctx.Send(child, m)
		}
	}
}
