// Package bridge holds the actor of one bridge to other brokers. It supervises the links to the upstreams: which one carries, which one is to take
// over, which one is tried, as bridge/failover decides; it has the Session of the bridge made and changed, obeys the operator, and says how the bridge
// is. Messages do not come by it: they go between the Session and the link that carries.
package bridge

import (
	"math/rand/v2"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/routing"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/bridge/failover"
	"github.com/troupemq/troupe/bridge/link"
	"github.com/troupemq/troupe/bridge/upstream"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/internal/eventloop"
	"github.com/troupemq/troupe/protocol/session"
)

// Settings are what of a bridge can be changed while it runs.
type Settings struct {
	Config    configs.Bridge
	Upstreams []*upstream.Upstream // one for each of Config.Endpoints, in their order
	ClientID  string               // the Client Identifier of the bridge, for $SYS/broker/connection
}

// Options are what a bridge is made of.
type Options struct {
	Settings
	Loop    eventloop.Loop   // that of its Session
	Clients *routing.Clients // where the registry of its Session is found
	Tables  *routing.Tables  // to publish how it is
	Limits  *session.Limits  // of the instance: those of the Session follow from them and the Config
	Handle  *Handle          // of its own
	// Spawn starts a link as a child of the bridge, by Kind.SpawnChild, under the name that l has.
	Spawn func(ctx actor.Context, l Link) *actor.PID
	// Up is called once, when publishers see the subscriptions of the bridge. nil: nobody waits for that.
	Up func()
	// Interval is how often figures are published, in milliseconds; 0: never.
	Interval int64
	Rand     *rand.Rand // nil: one is made
	Log      *zap.Logger
}

// Link says what a link is made of.
type Link struct {
	Name     string // of the actor; unique for the bridge
	Config   configs.Bridge
	Upstream *upstream.Upstream
	Probe    bool // it only tries the upstream
	Figures  *message.BridgeFigures
	// Former are Topic Filters that earlier settings subscribed to at upstreams and that no rule has any more. If the upstream has kept its Session,
	// they are in it.
	Former []string
}

// Bridge is the actor.
type Bridge struct {
	o        Options
	settings Settings
	log      *zap.Logger
	self     *actor.PID
	root     *actor.RootContext
	choice   *failover.Failover
	timer    *eventloop.Timer
	clock    *eventloop.Timer // of figures

	links       map[failover.ID]*running
	ids         map[string]failover.ID // by the name of the actor
	used        string                 // the upstream that carried last
	generation  int                    // of settings that links are made of
	former      []string
	established bool  // at least once
	askedAt     int64 // when the Session was asked for something; 0: it has answered
	due         bool  // it is to be established anew once no link from before carries
	draining    bool
	removing    bool
	retiring    bool
	ended       bool
	drained     []chan<- error // who waits
	reloaded    []chan<- error
	removed     []chan<- Removed
	quiesced    []chan<- struct{}
	current     undelivered // what is being handled

	told     told
	episodes map[string]*episode
	changed  int64 // when the state was last another
}

// running is a link.
type running struct {
	pid        *actor.PID
	began      int64
	name       string // of where it goes
	near       bool   // which is in this process
	generation int
	present    bool
}

// New makes the actor.
func New(o Options, _ *system.Mailbox) *Bridge { return &Bridge{o: o} }

// Messages of a bridge to itself.
type (
	tick  struct{} // the time of failover or of a guard has come
	round struct{} // the time of figures has come
	gone  struct{ name string }
	// unfollowed is the end of a link that could not be begun.
	unfollowed struct {
		id  failover.ID
		err error
	}
)

// Receive implements actor.Actor.
func (b *Bridge) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		b.start(ctx)
	case *actor.Restarting:
		b.stop()
	case *actor.Stopping:
		b.stop()
		b.end()
	case *actor.Terminated:
		ctx.Send(b.self, gone{m.Who.Id}) // behind what it said before
	case *message.Established:
		b.onEstablished(ctx)
	case *message.Retired:
		b.onRetired(ctx, m)
	case *message.Quiesce:
		b.quiesced = append(b.quiesced, m.Done)
		b.act(ctx, b.choice.Pause(b.now()))
	case *message.Credit:
		b.told.publisher.Credit(m.Receiver)
	case message.Continue:
		b.told.publisher.Continue()
	case *link.Ready:
		b.onReady(ctx, m)
	case *link.Carries:
		b.onCarries(ctx, m)
	case *link.Ended:
		b.onEnded(ctx, m)
	case gone:
		b.onGone(ctx, m)
	case unfollowed:
		b.over(ctx, m.id, failover.End{Text: m.err.Error()})
	case tick:
		b.onTick(ctx)
	case round:
		b.figures()
	case undelivered:
		b.current = m
		b.obey(ctx, m)
		b.current = nil
	}
}

func (b *Bridge) now() int64 { return b.o.Loop.Now() }

// start begins, or begins again after a failure: then with what was last asked for.
func (b *Bridge) start(ctx actor.Context) {
	self, root := ctx.Self(), ctx.ActorSystem().Root
	b.self, b.root = self, root
	kept := b.o.Handle.recall(b.o.Settings)
	b.settings, b.removing, b.former = kept.settings, kept.removing, kept.former
	b.log = b.o.Log.With(zap.String("bridge", b.settings.Config.Name))
	b.links, b.ids = make(map[failover.ID]*running), make(map[string]failover.ID)
	b.episodes = make(map[string]*episode)
	b.timer = eventloop.NewTimer(func() { root.Send(self, tick{}) })
	b.clock = eventloop.NewTimer(func() { root.Send(self, round{}) })
	b.told.publisher = routing.NewPublisher(b.o.Tables, self, 0)
	b.told.last = make(map[string]string)
	b.changed = b.now()

	r := b.o.Rand
	if r == nil {
		r = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	b.choice = failover.New(policy(b.settings.Config, r), names(b.settings))
	if kept.paused || b.removing {
		b.choice.Pause(b.now())
	}
	b.draining = kept.drained
	if b.removing {
		b.choice.Start(b.now())
	} else {
		b.establish()
	}
	b.settle(ctx)
	b.figures()
}

// stop lets nobody wait. Links end with the bridge.
func (b *Bridge) stop() {
	if b.timer == nil {
		return
	}
	b.o.Loop.Stop(b.timer)
	b.o.Loop.Stop(b.clock)
	if b.current != nil {
		b.current.Undelivered()
	}
	for _, reply := range append(b.drained, b.reloaded...) {
		answer(reply, ErrEnded)
	}
	for _, reply := range b.removed {
		answer(reply, Removed{Err: ErrEnded})
	}
	b.drained, b.reloaded, b.removed, b.current = nil, nil, nil, nil
	b.rested()
	b.told.publisher.End()
}

// end says that the bridge is no more. After Remove nothing of it is left that could say so.
func (b *Bridge) end() {
	if b.choice == nil {
		return
	}
	b.ended = true
	b.show()
	b.told.publisher.End()
}

// rested tells who has asked for Quiesce that no link is there any more.
func (b *Bridge) rested() {
	for _, done := range b.quiesced {
		answer(done, struct{}{})
	}
	b.quiesced = nil
}

// settle follows each message: it sees to what can be done now, to the timer, and to what others see.
func (b *Bridge) settle(ctx actor.Context) {
	b.settleSession()
	b.settleDrain(ctx)
	b.settleRemoval()
	if len(b.links) == 0 {
		b.rested()
	}
	b.wake()
	b.show()
}

// wake sets the timer to the next thing to do.
func (b *Bridge) wake() {
	next := b.choice.Next()
	sooner := func(at int64) {
		if next == 0 || at < next {
			next = at
		}
	}
	if b.askedAt != 0 {
		sooner(b.askedAt + establishIn)
	}
	if b.draining && !b.choice.Paused() {
		sooner(b.now() + drainedEvery)
	}
	if next == 0 {
		b.o.Loop.Stop(b.timer)
	} else {
		b.o.Loop.Start(b.timer, next)
	}
}

func (b *Bridge) onTick(ctx actor.Context) {
	if b.askedAt != 0 && b.now() >= b.askedAt+establishIn {
		b.log.Warn("the Session of the bridge does not answer, it is asked again")
		if b.removing {
			b.retire()
		} else {
			b.establish()
		}
	}
	b.act(ctx, b.choice.Tick(b.now()))
}
