package troupe

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/bridge"
	"github.com/troupemq/troupe/bridge/link"
	"github.com/troupemq/troupe/bridge/upstream"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/persistence"
	core "github.com/troupemq/troupe/protocol/session"
)

// ErrNoBridge is wrapped by the error for a bridge that there is not.
var ErrNoBridge = errors.New("troupe: there is no such bridge")

// bridges are those of a running instance.
type bridges struct {
	settings []bridge.Settings // to begin with
	orphans  []orphan          // of which the store has a Session and the configuration nothing
	family   *actor.PID
	bounds   atomic.Pointer[map[string]*core.Limits] // of their sessions, by Client Identifier

	// Which bridges there are, the program asks from its own goroutines: a lock,
	// since no actor waits for what it guards.
	mu      sync.Mutex
	running map[string]*runningBridge // by name
	names   []string                  // in the order of the configuration
}

type runningBridge struct {
	pid    *actor.PID
	handle *bridge.Handle
	config configs.Bridge
	up     func() // once publishers see its subscriptions, or never will
}

// orphan is the Session of a bridge that is not configured any more.
type orphan struct {
	clientID string
	left     int // messages
}

// settingsOf makes the bridges of a configuration. The error names the bridge,
// and the file that cannot be read.
func (b *Broker) settingsOf(c *configs.Config) ([]bridge.Settings, error) {
	all := make([]bridge.Settings, len(c.Bridges))
	for i, config := range c.Bridges {
		s := bridge.Settings{Config: config, ClientID: config.DefaultClientID(c.Name)}
		if config.ClientID != "" {
			s.ClientID = config.ClientID
		}
		for _, endpoint := range config.Endpoints() {
			if endpoint.ClientID == "" {
				endpoint.ClientID = s.ClientID
			}
			u, err := upstream.New(endpoint, b.dialer)
			if err != nil {
				return nil, fmt.Errorf("bridge %s: %w", config.Name, err)
			}
			s.Upstreams = append(s.Upstreams, u)
		}
		all[i] = s
	}
	return all, nil
}

// identity tells this instance from all others.
func (t *tree) identity() string {
	if t.storage == nil {
		return t.made
	}
	return t.storage.identity
}

// bound says how much the sessions of bridges take, before any of them wakes.
func (t *tree) bound(all []configs.Bridge) {
	bounds := make(map[string]*core.Limits, len(all))
	for _, b := range all {
		bounds[message.BridgePrefix+b.Name] = bridge.Limits(b, t.envs[0].Limits)
	}
	t.bridges.bounds.Store(&bounds)
}

// bridgeLimits are the bounds of the Session of a bridge. One that is not
// configured any more loses nothing.
func (t *tree) bridgeLimits(clientID string) *core.Limits {
	if bounds := t.bridges.bounds.Load(); bounds != nil {
		if l := (*bounds)[clientID]; l != nil {
			return l
		}
	}
	limits := *t.broker.limits()
	limits.Bridge, limits.ExpiryMaximum = true, core.NoExpiry
	limits.Queue = core.QueueLimits{Overflow: core.Slow}
	return &limits
}

// orphaned tells whether a Session in the store is that of a bridge that nobody
// has configured, and notes it.
func (t *tree) orphaned(saved *persistence.SavedSession) bool {
	id := saved.Record.ClientID
	if slices.ContainsFunc(t.bridges.settings, func(s bridge.Settings) bool { return message.BridgePrefix+s.Config.Name == id }) {
		return false
	}
	o := orphan{clientID: id}
	if saved.Head != nil {
		o.left = saved.Head.Messages + len(saved.Head.Inflight)
	}
	t.bridges.orphans = append(t.bridges.orphans, o)
	return true
}

// growBridges spawns the bridges, and calls up once publishers see the
// subscriptions of all of them.
func (t *tree) growBridges(ctx actor.Context, up func()) {
	for _, o := range t.bridges.orphans {
		if o.left > 0 {
			t.broker.log.Warn("a bridge is not configured any more, and messages wait for its upstream: they are kept until it is configured again",
				zap.String("bridge", strings.TrimPrefix(o.clientID, message.BridgePrefix)), zap.Int("messages", o.left))
		}
		registry, _ := t.clients.Registry([]byte(o.clientID))
		ctx.Send(registry, &message.Retire{ClientID: o.clientID})
	}
	t.bridges.orphans = nil
	missing := atomic.Int64{}
	missing.Store(int64(len(t.bridges.settings)) + 1)
	done := func() {
		if missing.Add(-1) == 0 {
			up()
		}
	}
	for _, s := range t.bridges.settings {
		t.growBridge(ctx, s, sync.OnceFunc(done))
	}
	done()
}

// growBridge spawns one bridge.
func (t *tree) growBridge(ctx actor.Context, s bridge.Settings, up func()) {
	id := message.BridgePrefix + s.Config.Name
	_, number := t.clients.Registry([]byte(id))
	env := t.envs[number%len(t.envs)]
	links := &link.Env{
		Root: t.system.Root(), Loops: t.loops, Attach: t.attach, Clients: &t.clients, Limits: env.Limits, Release: t.release, Rate: t.rate,
		Instance: t.identity(),
	}
	kind := t.system.Kind("link", stop)
	handle := bridge.NewHandle(s.Config.Name)
	options := bridge.Options{
		Settings: s, Loop: env.Loop, Clients: &t.clients, Tables: t.tables, Limits: env.Limits, Handle: handle, Up: up,
		Interval: t.broker.config.Sys.Interval.Std().Milliseconds(), Log: t.broker.log,
		Spawn: func(ctx actor.Context, l bridge.Link) *actor.PID {
			owner := ctx.Self()
			return kind.SpawnChild(ctx, env.Loop, l.Name, func(m *system.Mailbox) actor.Actor {
				return link.New(links, link.Options{Bridge: owner, Config: l.Config, Upstream: l.Upstream, Probe: l.Probe, Figures: l.Figures, Former: l.Former}, m)
			})
		},
	}
	pid := t.system.Kind("bridge", stop).SpawnChild(ctx, env.Loop, s.Config.Name, func(m *system.Mailbox) actor.Actor {
		return bridge.New(options, m)
	})
	t.bridges.mu.Lock()
	defer t.bridges.mu.Unlock()
	if t.bridges.running == nil {
		t.bridges.running = make(map[string]*runningBridge)
	}
	t.bridges.running[s.Config.Name] = &runningBridge{pid, handle, s.Config, up}
	t.bridges.names = append(t.bridges.names, s.Config.Name)
}

// bridgeLost is for a bridge that failed too often: it ends alone, and nobody
// waits for it.
func (t *tree) bridgeLost(f system.Failure) {
	name := f.Path[strings.LastIndexByte(f.Path, '/')+1:]
	t.broker.log.Error("a bridge failed too often and has ended; what is published for it goes on to wait", zap.String("bridge", name), zap.Any("reason", f.Reason))
	t.bridges.mu.Lock()
	b := t.bridges.running[name]
	t.bridges.mu.Unlock()
	if b != nil {
		b.up()
	}
}

// runningBridges are the actors of all bridges.
func (t *tree) runningBridges() (pids []*actor.PID) {
	t.bridges.mu.Lock()
	defer t.bridges.mu.Unlock()
	for _, b := range t.bridges.running {
		pids = append(pids, b.pid)
	}
	return pids
}

// bridge finds a bridge by its name.
func (t *tree) bridge(name string) (*runningBridge, error) {
	t.bridges.mu.Lock()
	defer t.bridges.mu.Unlock()
	if b := t.bridges.running[name]; b != nil {
		return b, nil
	}
	if len(t.bridges.names) == 0 {
		return nil, fmt.Errorf("%w as %q: there are none", ErrNoBridge, name)
	}
	return nil, fmt.Errorf("%w as %q: there are %s", ErrNoBridge, name, strings.Join(t.bridges.names, ", "))
}

// BridgeStatus is how a bridge is. The zero Time stands for what has not
// happened.
type BridgeStatus struct {
	Name     string
	State    string // connecting, connected, switching, draining, paused or waiting
	Upstream string // that is in use, without credentials; empty: none
	Since    time.Time
	Error    string // the last one
	ErrorAt  time.Time
	Switches int64 // to another upstream
	Retries  int64

	Upstreams []BridgeUpstream

	Queued      int64         // messages that wait for the upstream
	QueuedBytes int64         // of their packets
	Spooled     int64         // of those that wait, messages on disk alone
	QueuedAge   time.Duration // of the oldest that waits
	Inflight    int64         // messages that the upstream has not finally acknowledged
	Strained    bool          // who publishes to the bridge is slowed down
	Forwarded   int64         // messages, repeated ones not counted
	Resent      int64
	Received    int64
	BytesOut    int64
	BytesIn     int64
	Dropped     map[string]int64 // messages, by reason
}

// BridgeUpstream is how one upstream of a bridge is.
type BridgeUpstream struct {
	Name     string // its URI without credentials
	State    string
	Failures int // in a row
	RetryAt  time.Time
	Error    string // the last one
}

// Bridges tells how the bridges are, in the order of the configuration.
func (b *Broker) Bridges() ([]BridgeStatus, error) {
	t, err := b.running()
	if err != nil {
		return nil, err
	}
	t.bridges.mu.Lock()
	defer t.bridges.mu.Unlock()
	all := make([]BridgeStatus, len(t.bridges.names))
	for i, name := range t.bridges.names {
		all[i] = statusOf(t.bridges.running[name].handle, time.Now())
	}
	return all, nil
}

// PauseBridge closes the link of a bridge and leaves it closed; what is published
// goes on to wait. An [ErrNoBridge]: there is none of that name.
func (b *Broker) PauseBridge(ctx context.Context, name string) error {
	return b.tellBridge(ctx, name, func(reply chan error) any { return &bridge.Pause{Reply: reply} })
}

// ResumeBridge goes on after a pause or a drain.
func (b *Broker) ResumeBridge(ctx context.Context, name string) error {
	return b.tellBridge(ctx, name, func(reply chan error) any { return &bridge.Resume{Reply: reply} })
}

// SwitchBridge has a bridge go to an upstream, by the name it has in
// [BridgeStatus], or with "" to the next one. It returns when that has begun: the link that is there
// is left once the other is complete.
func (b *Broker) SwitchBridge(ctx context.Context, name, to string) error {
	return b.tellBridge(ctx, name, func(reply chan error) any { return &bridge.Switch{To: to, Reply: reply} })
}

// DrainBridge has a bridge take nothing more, and returns when all that waits is
// acknowledged by the upstream; it is then paused. When ctx is done first it goes
// on draining.
func (b *Broker) DrainBridge(ctx context.Context, name string) error {
	return b.tellBridge(ctx, name, func(reply chan error) any { return &bridge.Drain{Reply: reply} })
}

func (b *Broker) tellBridge(ctx context.Context, name string, command func(reply chan error) any) error {
	t, err := b.running()
	if err != nil {
		return err
	}
	running, err := t.bridge(name)
	if err != nil {
		return err
	}
	reply := make(chan error, 1)
	t.system.Send(running.pid, command(reply))
	if err := await(ctx, b, reply); err != nil {
		return fmt.Errorf("bridge %s: %w", name, err)
	}
	return nil
}

// await waits for an answer of the tree.
func await(ctx context.Context, b *Broker, reply <-chan error) error {
	select {
	case err := <-reply:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-b.done:
		return ErrNotRunning
	}
}

// Reload takes another configuration while the broker runs: bridges are added,
// changed and removed as it says, and so are limits.rate and persistence.max_disk; the files of users, rules and
// certificates are read again, with their contents as they are now. All else needs a restart: restart has the
// dotted keys of what differs there, which stays as it was. A bridge is known by its name;
// its Session and what waits in it stay when it is changed. An error of the
// configuration changes nothing; when ctx is done in the middle, some bridges are as it
// says and others as they were. It returns when publishers see the
// subscriptions of the bridges that are new, and the others have been told.
func (b *Broker) Reload(ctx context.Context, c configs.Config) (restart []string, err error) {
	t, err := b.running()
	if err != nil {
		return nil, err
	}
	if err := b.judged(c).Validate(); err != nil {
		return nil, err
	}
	settings, err := b.settingsOf(&c)
	if err != nil {
		return nil, err
	}
	b.reloading.Lock()
	defer b.reloading.Unlock()
	b.reachable()
	certify, err := t.reloadCertificates(&c)
	if err != nil {
		return nil, err
	}
	permit, err := b.reloadAuth(t, &c)
	if err != nil {
		return nil, err
	}
	_, restart = configs.Changes(b.Config(), c)
	b.reloadShares(t, &c)
	permit()
	certify()
	t.bound(c.Bridges)
	if err := t.reloadBridges(ctx, settings); err != nil {
		return restart, err
	}
	b.mu.Lock()
	b.config.Bridges = c.Bridges
	b.mu.Unlock()
	return restart, nil
}

// reloadBridges makes the bridges those of settings.
func (t *tree) reloadBridges(ctx context.Context, settings []bridge.Settings) error {
	t.bridges.mu.Lock()
	before := maps.Clone(t.bridges.running)
	t.bridges.mu.Unlock()
	names := make([]string, len(settings))
	var failed []error
	for i, s := range settings {
		name := s.Config.Name
		names[i] = name
		running := before[name]
		delete(before, name)
		if running == nil {
			up := make(chan error, 1)
			t.system.Send(t.bridges.family, adopt(func(ctx actor.Context) {
				t.growBridge(ctx, s, sync.OnceFunc(func() { up <- nil }))
			}))
			if err := await(ctx, t.broker, up); err != nil {
				return err
			}
			continue
		}
		// It answers when links with the old rules are gone, which may need an upstream: nobody waits for that.
		t.system.Send(running.pid, &bridge.Reload{Settings: s, Reply: make(chan error, 1)})
		t.bridges.mu.Lock()
		running.config = s.Config
		t.bridges.mu.Unlock()
	}
	for name, gone := range before {
		reply := make(chan bridge.Removed, 1)
		t.system.Send(gone.pid, &bridge.Remove{Reply: reply})
		select {
		case r := <-reply:
			if r.Err != nil {
				failed = append(failed, fmt.Errorf("bridge %s: %w", name, r.Err))
			} else if r.Left > 0 {
				t.broker.log.Warn("a bridge was removed, and messages wait for its upstream: they are kept until it is configured again",
					zap.String("bridge", name), zap.Int("messages", r.Left))
			}
		case <-ctx.Done():
			return ctx.Err()
		case <-t.broker.done:
			return ErrNotRunning
		}
	}
	t.bridges.mu.Lock()
	defer t.bridges.mu.Unlock()
	for name := range before {
		delete(t.bridges.running, name)
	}
	t.bridges.names = names
	return errors.Join(failed...)
}

// statusOf puts together what is known of a bridge.
func statusOf(h *bridge.Handle, now time.Time) BridgeStatus {
	s, f := h.Status(), &h.Figures
	b := BridgeStatus{
		Name: s.Name, State: string(s.State), Upstream: s.Upstream, Since: s.Since, Error: s.LastError, ErrorAt: s.LastErrorAt,
		Switches: s.Switches, Retries: s.Retries,
		Queued: f.Queued.Load(), QueuedBytes: f.QueuedBytes.Load(), Spooled: f.Spooled.Load(), Inflight: f.Inflight.Load(), Strained: f.Strained.Load(),
		Forwarded: f.Forwarded.Load(), Resent: f.Resent.Load(), Received: f.Received.Load(), BytesOut: f.BytesOut.Load(), BytesIn: f.BytesIn.Load(),
		Dropped: map[string]int64{
			"full": f.DroppedFull.Load(), "expired": f.DroppedExpired.Load(), "aged": f.DroppedAged.Load(), "too_large": f.DroppedTooLarge.Load(),
			"offline": f.DroppedOffline.Load(), "congested": f.DroppedCongested.Load(), "switch": f.DroppedSwitch.Load(), "loop": f.DroppedLoop.Load(),
			"refused": f.DroppedRefused.Load(),
		},
	}
	if at := f.OldestAt.Load(); at > 0 && b.Queued > 0 {
		b.QueuedAge = max(0, now.Sub(time.UnixMilli(at)))
	}
	for _, u := range s.Upstreams {
		b.Upstreams = append(b.Upstreams, BridgeUpstream{Name: u.Name, State: string(u.State), Failures: u.Failures, RetryAt: u.RetryAt, Error: u.LastError})
	}
	return b
}
