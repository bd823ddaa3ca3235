// Package troupe is an MQTT broker to embed: one [Broker] is one instance, with
// its own listeners, sessions, limits and logger, and any number of them live
// in one process without knowing of one another.
//
//	broker, err := troupe.New(troupe.WithAddress("127.0.0.1:0"), troupe.WithDataDir("data"))
//	if err != nil { … }
//	if err := broker.Start(ctx); err != nil { … }
//	defer broker.Shutdown(ctx)
//
//	_, err = broker.Subscribe(ctx, "sensors/#", troupe.AtLeastOnce, func(m *troupe.Message) { … })
//	err = broker.Publish(ctx, troupe.Message{Topic: "sensors/1", Payload: []byte("21.5")})
//
// # What a program can rely on
//
// Concurrency: all methods may be called at any time from any goroutine, also by
// functions that the Broker calls, but for those that others wait for: hooks,
// Permissions and Stores. Where a function holds somebody up, its documentation says whom. A panic in one
// is logged and costs what it was called for.
//
// Life: before Start and after Shutdown, or when the Broker has ended by itself,
// what needs a running Broker returns [ErrNotRunning], and what waits returns it at
// that moment. So does all of a Broker that is nil, or that New did not make. Shutdown hands over what waits for subscriptions, within the grace
// period; what is left then is dropped, and logged. It does not wait for functions
// that are under way; the Done of their subscriptions does.
//
// Order: a receiver gets what one goroutine or Client publishes in that order,
// across topics. There is no order between several of them.
//
// Ownership: what is handed to the Broker is the program's again when the call has
// returned. What a function, channel or actor receives may be kept; slices in it
// are shared and must not be changed.
//
// Contexts bound the call that they are given to and nothing after it.
//
// The package wires and holds no rules of MQTT: those are in protocol, and the
// actors that live by them in actors. The tree of actors stands in tree.go.
package troupe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/bridge/upstream"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/internal/auth"
	"github.com/troupemq/troupe/internal/auth/acl"
	"github.com/troupemq/troupe/internal/auth/password"
	"github.com/troupemq/troupe/internal/eventloop"
	"github.com/troupemq/troupe/internal/metrics"
	"github.com/troupemq/troupe/persistence"
)

var (
	// ErrStarted is returned by Start for a Broker that was started before: a
	// Broker has one life, make another.
	ErrStarted = errors.New("troupe: the broker was started before")
	// ErrNotRunning is returned by what needs a running Broker.
	ErrNotRunning = errors.New("troupe: the broker is not running")
	// ErrFull is returned for a connection that is handed in when there are
	// limits.max_connections of them.
	ErrFull = errors.New("troupe: connections are at limits.max_connections")
)

// goodbyeMost is how long Clients have to take the farewell once the grace
// period is over.
const goodbyeMost = 3 * time.Second

// How long the store has at the end to take what waits: usually, and when there
// is no time.
const (
	flushMost  = 10 * time.Second
	flushHaste = time.Second
	turnMost   = 5 * time.Second // the end of the tree, once the context of Shutdown is done
)

// Broker is one instance. Its methods are safe for concurrent use.
type Broker struct {
	config    configs.Config
	log       *zap.Logger
	judge     auth.Judge
	passwords *password.Authenticator // of the configured file; nil: there is none
	rules     *acl.Authorizer         // the same
	hashing   *Hashing                // shared with others, or its own
	store     persistence.Store       // handed in, or nil
	handed    []handedListener
	dialer    upstream.Instances // to other instances of the process; nil: there are none
	hooks     []Hooks

	instances Instances // of the process; nil: this one alone
	admin     endpoint
	metrics   metering
	actors    func() *actor.ActorSystem
	refused   []error // what options were given and cannot be
	requests  *requests

	reloading sync.Mutex // one Reload at a time

	mu      sync.Mutex
	phase   phase
	spent   bool      // a Start has failed, and closed what was handed in
	since   time.Time // of the state that Status tells
	leaving bool      // Shutdown was called
	tree    *tree     // while running
	loops   *eventloop.Group
	kept    *storage // nil: nothing is kept
	addrs   map[string]net.Addr

	done  chan struct{} // closed when the instance has ended
	cause error         // why it ended by itself, before done is closed
}

type phase uint8

const (
	made phase = iota
	running
	over
)

// New makes a Broker from options; without any it is the embedded default. It
// opens nothing, and closes nothing with an error, which names each configured value
// that is not allowed.
func New(options ...Option) (*Broker, error) {
	b := &Broker{config: configs.Defaults(), log: zap.NewNop(), done: make(chan struct{}), since: time.Now(), requests: newRequests()}
	b.actors = sync.OnceValue(func() *actor.ActorSystem { return system.NewActors(b.log) })
	for i, option := range options {
		if option == nil {
			b.refuse(fmt.Sprintf("option %d of %d is nil", i+1, len(options)))
			continue
		}
		option(b)
	}
	if len(b.refused) > 0 {
		return nil, errors.Join(b.refused...)
	}
	if b.hashing == nil {
		b.hashing = NewHashing(0)
	}
	if err := b.judged(b.config).Validate(); err != nil {
		return nil, err
	}
	names := make(map[string]bool)
	for _, l := range b.config.Listeners {
		names[l.Name] = true
	}
	for _, l := range b.handed {
		if names[l.name] {
			return nil, fmt.Errorf("troupe: there are two listeners named %q", l.name)
		}
		names[l.name] = true
	}
	b.log = b.log.With(zap.String("instance", b.config.Name))
	b.metrics.collector = metrics.New(b.config.Name, b.reading)
	return b, nil
}

// Start opens the listeners and brings up the tree of actors. When it returns
// without an error Clients can connect. ctx is for the start: when it is done
// before that, its error is returned; cancelling it afterwards changes
// nothing. A port that is taken is an error that names it. After an error
// nothing is left open, listeners of [WithListener] neither, and the Broker is as
// one that was made and not started: Done is not closed, and Start may be called
// again, unless there are such listeners: it has those no more then, and returns
// [ErrStarted].
func (b *Broker) Start(ctx context.Context) error {
	if b.none() {
		return errNone
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.phase != made {
		return ErrStarted
	}
	if b.spent {
		return fmt.Errorf("%w: that failed, and closed the listeners of WithListener", ErrStarted)
	}
	if err := b.begin(ctx); err != nil {
		closeAll(b.handed)
		b.spent = len(b.handed) > 0
		return err
	}
	b.phase, b.since = running, time.Now()
	go b.watch(b.tree)
	return nil
}

// begin is Start. After an error listeners that were handed in may be open.
func (b *Broker) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := b.openAuth(); err != nil {
		return err
	}
	open, err := b.listen(ctx)
	if err != nil {
		return err
	}
	if err := b.openMetrics(ctx); err != nil {
		closeAll(open)
		return err
	}
	if err := b.grow(ctx, open); err != nil {
		closeAll(open)
		return errors.Join(err, b.metrics.close())
	}
	return nil
}

// grow brings up everything behind the listeners, or nothing.
func (b *Broker) grow(ctx context.Context, open []handedListener) error {
	kept, err := b.openStorage()
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil { // opening a large store takes its time
		return errors.Join(err, kept.close())
	}
	loops, err := eventloop.New(b.config.Limits.EventLoops, b.log)
	if err != nil {
		return errors.Join(fmt.Errorf("troupe: %w", err), kept.close())
	}
	b.loops, b.kept, b.addrs = loops, kept, make(map[string]net.Addr, len(open))
	for _, l := range open {
		b.addrs[l.name] = l.listener.Addr()
	}
	t, err := plant(b, ground{loops.Loops(), loops.Attach, newClientID, new(message.Slabs), kept}, open)
	if err != nil {
		return errors.Join(fmt.Errorf("troupe: %w", err), b.clear(nil))
	}
	ended := t.system.Ended(t.top)
	select {
	case <-t.grown:
	case <-ended:
		err = fmt.Errorf("troupe: the instance failed at its start: %w", t.cause())
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		t.system.Root().Stop(t.top)
		<-ended
		return errors.Join(err, b.clear(t))
	}
	b.tree = t
	if kept != nil {
		kept.serve()
	}
	b.answer()
	b.measure(t)
	return nil
}

// clear puts away what a tree, whose actors have ended, stood on.
func (b *Broker) clear(t *tree) error {
	ctx, cancel := context.WithTimeout(context.Background(), goodbyeMost)
	defer cancel()
	err := errors.Join(b.hush(), b.metrics.close())
	_ = b.loops.Close(ctx)
	if t != nil {
		t.system.Close()
	}
	return errors.Join(err, b.kept.close())
}

// watch ends the instance when its tree ends, by Shutdown or by itself.
func (b *Broker) watch(t *tree) {
	<-t.system.Ended(t.top)
	err := b.clear(t)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.phase, b.since = over, time.Now()
	b.cause = errors.Join(t.cause(), err)
	close(b.done)
}

// Shutdown stops the instance in order: no new connections; what waits for
// connected Clients is delivered, and each is told good-bye (0x8B, Server shutting
// down); what waits for subscriptions of the program is handed over; all that for
// at most the configured grace period; then the tree ends from the leaves up.
// A function of the program that is under way is not waited for, so that one may
// shut the Broker down; if more waits for that one, the grace period has to pass.
// When ctx is done, it ends at once, or within a second if the
// store does not take what waits for it; the error is then that of ctx. It
// leaves no goroutine, port or file, unless a hook or Permissions of the program
// do not return: some seconds after ctx is done it then says so, and what is left
// ends when they do. So does one that is called by a hook.
func (b *Broker) Shutdown(ctx context.Context) error {
	if b.none() {
		return errNone
	}
	b.mu.Lock()
	t := b.tree
	if !b.leaving && b.phase != over {
		b.leaving, b.since = true, time.Now()
	}
	if b.phase == made {
		b.phase = over
		closeAll(b.handed)
		close(b.done)
	}
	b.mu.Unlock()
	if t == nil {
		return nil
	}
	t.drain(ctx, b.config.Shutdown.GracePeriod.Std())
	t.flush(ctx)
	err := ctx.Err()
	t.system.Root().Stop(t.root)
	select { // not bounded by ctx: the actors end within a turn of their loops
	case <-b.done:
		return err
	case <-ctx.Done():
	}
	late := time.NewTimer(turnMost) // unless the program does not let a turn end
	defer late.Stop()
	select {
	case <-b.done:
		return err
	case <-late.C:
		return fmt.Errorf("troupe: the broker ends once a hook, or Permissions, of the program return: %w", ctx.Err())
	}
}

// Done is closed when the instance has ended, by Shutdown or because a part
// failed that it cannot do without; then Err says which. A Start that fails does not
// close it, and Err says nothing of that: Start has. Shutdown closes it in any case.
func (b *Broker) Done() <-chan struct{} {
	if b.none() {
		return ended()
	}
	return b.done
}

// Err is why the instance has ended by itself. It is nil until Done is closed, and
// after a Shutdown.
func (b *Broker) Err() error {
	if b.none() {
		return errNone
	}
	select {
	case <-b.done:
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.cause
	default:
		return nil
	}
}

// Addr is the address of the listener with that name, as it was opened, or nil
// if there is none or the Broker is not running.
func (b *Broker) Addr(listener string) net.Addr {
	if b.none() {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.phase != running {
		return nil
	}
	return b.addrs[listener]
}

// Config is the configuration in force.
func (b *Broker) Config() configs.Config {
	if b.none() {
		return configs.Config{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.config
}

// drain lets Clients and the program have what waits for them, for at most grace,
// and tells Clients good-bye.
func (t *tree) drain(ctx context.Context, grace time.Duration) {
	root, until := t.system.Root(), time.Now().Add(grace)
	left := len(t.listeners) * len(t.loops)
	bridges := t.runningBridges()
	quiet := make(chan struct{}, left+len(bridges))
	for _, bridge := range bridges { // or they would connect again
		root.Send(bridge, &message.Quiesce{Done: quiet})
	}
	if grace > 0 {
		left += len(bridges)
	}
	for _, listener := range t.listeners {
		root.Send(listener, &message.Hush{})
	}
	t.tell(&message.Drain{})
	for _, listener := range t.listeners {
		root.Send(listener, &message.Quiesce{Done: quiet})
	}
	await := func(limit time.Duration) {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		for left > 0 {
			select {
			case <-quiet:
				left--
			case <-timer.C:
				return
			case <-ctx.Done():
				return
			case <-t.broker.done: // nobody is left to answer
				left = 0
			}
		}
	}
	await(grace)
	if left > 0 && ctx.Err() == nil {
		t.tell(&message.Shutdown{})
		await(goodbyeMost)
	}
	t.drainProgram(ctx, time.Until(until)) // the last Clients may have published something
}

// flush has the journal write everything. What cannot be written in time is
// as after a failure of the process: nothing of it was acknowledged, unless
// durability is memory.
func (t *tree) flush(ctx context.Context) {
	if t.journal == nil {
		return
	}
	done := make(chan struct{})
	t.system.Root().Send(t.journal, &message.Flush{Done: done})
	timer := time.NewTimer(flushMost)
	defer timer.Stop()
	hurry := ctx.Done()
	for {
		select {
		case <-done:
			return
		case <-t.broker.done:
			return
		case <-timer.C:
			t.broker.log.Warn("the store did not take everything before the end")
			return
		case <-hurry:
			hurry = nil
			timer.Reset(flushHaste)
		}
	}
}

func (t *tree) tell(m any) {
	for _, registry := range t.clients.Registries {
		t.system.Root().Send(registry, m)
	}
}

// running returns the tree, or ErrNotRunning.
func (b *Broker) running() (*tree, error) {
	if b.none() {
		return nil, errNone
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.phase != running {
		return nil, ErrNotRunning
	}
	return b.tree, nil
}
