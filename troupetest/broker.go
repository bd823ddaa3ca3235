// Package troupetest is for those who test MQTT code of their own: a broker for
// one test, that remembers what was published and fails on demand.
//
//	func TestThermometer(t *testing.T) {
//		b := troupetest.Start(t)
//		thermometer := Connect(b.URL())
//		thermometer.Measure(21.5)
//		m := b.Wait(t, "sensors/+/temperature", 1)[0]
//		...
//
// [Start] gives a broker on a free port of 127.0.0.1 with an empty store in
// memory, and ends it with the test. What waits does so for an event and never
// for a time, so a test needs no sleep; what does not come within Broker.Timeout
// fails the test, with what came instead.
//
// Faults are of the network between the Clients and the broker, where a test can
// tell apart what was sent and what arrived: [Broker.Cut], [Broker.Freeze],
// [Broker.DropAcks], and others made of [Broker.Intercept], which sees each packet.
// [Broker.Kill] and [Broker.Restart] are faults of the broker itself.
//
// It is a real broker with real rules, started in a few milliseconds. It is not
// for measuring: each packet is looked at on its way.
package troupetest

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/persistence/memory"
)

// TB is what a test has of [testing.TB] that this package needs.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// listenerName is the name of the one listener, in the log and for an Authenticator.
const listenerName = "test"

// Broker is a broker for one test. Its methods are safe for concurrent use; those
// with a TB are called where FailNow may be: on the goroutine of that test.
type Broker struct {
	// Timeout is how long is waited for what has to happen; 10 seconds, unless it
	// is changed right after Start.
	Timeout time.Duration

	options []troupe.Option
	socket  net.Listener
	front   sync.WaitGroup // goroutines of the socket and its connections

	life sync.Mutex // one start or stop at a time

	mu       sync.Mutex
	changed  chan struct{} // closed at each change of what follows
	running  *troupe.Broker
	door     *door // where connections are handed to running
	store    *memory.Store
	refusing int // how many want connections refused
	rules    []*rule
	links    map[*link]struct{}
	filters  map[string]map[string]bool // granted, by Client Identifier
	messages []*Message
	// acknowledged are those that Clients have, by who has.
	acknowledged []*Message
}

// Config is the configuration that Start begins with: nothing on disk, no $SYS
// topics, no grace period. A test changes it and hands it over with
// [troupe.WithConfig].
func Config() configs.Config {
	c := configs.Defaults()
	c.Name = "test"
	c.DataDir = ""
	c.Listeners = c.Listeners[:1]
	c.Listeners[0].Name, c.Listeners[0].Address = listenerName, "127.0.0.1:0"
	c.Sys.Interval = 0
	c.Shutdown.GracePeriod = 0
	c.Limits.EventLoops = 1
	return c
}

// Start runs a broker until the end of the test. Everybody is let in, unless
// options say otherwise.
//
// Of a [troupe.WithConfig] the data directory is not used, and no listener is
// opened: the Broker has its own, which lets in Clients without credentials if the
// first of those would, or there is none: not beside an Authenticator, say.
//
// With a [troupe.WithStore] it is that store that survives Kill and Restart. More ways
// in, as those of [troupe.WithListener], are the broker's own: their messages are
// remembered, faults are not for them, and a Restart does not open them again.
func Start(t TB, options ...troupe.Option) *Broker {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("troupetest: no port for the broker: %v", err)
	}
	b := &Broker{
		Timeout: 10 * time.Second, options: options, socket: socket, store: memory.New(), changed: make(chan struct{}),
		links: make(map[*link]struct{}), filters: make(map[string]map[string]bool),
	}
	t.Cleanup(b.close)
	if err := b.begin(); err != nil {
		t.Fatalf("troupetest: %v", err)
	}
	b.front.Go(b.accept)
	return b
}

// Addr is host:port of the broker. It stays the same over a Restart.
func (b *Broker) Addr() string { return b.socket.Addr().String() }

// URL is mqtt://host:port of the broker, as paho 5 takes it; paho 3 has tcp for
// mqtt.
func (b *Broker) URL() string { return "mqtt://" + b.Addr() }

// Broker is the broker that runs, for all that package troupe can do; nil after
// Stop and Kill. After a Restart it is another.
func (b *Broker) Broker() *troupe.Broker {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.running
}

// Publish has the broker hand out a message that no Client sent. It returns when the
// message is on its way to all who get it.
func (b *Broker) Publish(t TB, m troupe.Message) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), b.Timeout)
	defer cancel()
	running := b.Broker()
	if running == nil {
		t.Fatalf("troupetest: publish to %s: the broker is stopped", m.Topic)
		return
	}
	noted := note("", m)
	b.change(func() { b.messages = append(b.messages, noted) }) // before anybody answers it
	if err := running.Publish(ctx, m); err != nil {
		b.change(func() { b.messages = slices.DeleteFunc(b.messages, func(one *Message) bool { return one == noted }) })
		t.Fatalf("troupetest: publish to %s: %v", m.Topic, err)
	}
}

// Stop shuts the broker down in order: Clients get a DISCONNECT. Until Restart each
// connection is closed as soon as it was opened.
func (b *Broker) Stop(t TB) {
	t.Helper()
	b.life.Lock()
	defer b.life.Unlock()
	if err := b.end(context.Background()); err != nil {
		t.Fatalf("troupetest: the broker does not stop: %v", err)
	}
}

// Kill ends the broker as the end of its process would: connections are cut
// without a word, and what it had not written to its store is lost. Until Restart
// each connection is closed as soon as it was opened.
func (b *Broker) Kill(t TB) {
	t.Helper()
	b.life.Lock()
	defer b.life.Unlock()
	b.mu.Lock()
	door := b.door
	b.door = nil
	b.mu.Unlock()
	if door == nil {
		return
	}
	b.Cut()
	left := b.store.Clone() // what is written from here on was not, for whoever comes later
	hurry, cancel := context.WithCancel(context.Background())
	cancel()
	_ = b.end(hurry)
	_ = b.store.Close()
	b.store = left
}

// Restart starts the broker again with its store, after Stop or Kill; a broker that
// runs is stopped first. Sessions, Retained Messages and what waits are as
// a broker with a data directory would have them.
func (b *Broker) Restart(t TB) {
	t.Helper()
	b.life.Lock()
	defer b.life.Unlock()
	if err := b.end(context.Background()); err != nil {
		t.Fatalf("troupetest: the broker does not stop: %v", err)
		return
	}
	if err := b.begin(); err != nil {
		t.Fatalf("troupetest: %v", err)
	}
}

// begin starts a broker behind the port.
func (b *Broker) begin() error {
	door := newDoor(b.socket.Addr())
	options := []troupe.Option{troupe.WithConfig(Config()), troupe.WithStore(b.store)}
	options = append(options, b.options...)
	options = append(options, b.record(), func(broker *troupe.Broker) {
		c, anonymous := broker.Config(), true
		if len(c.Listeners) > 0 {
			anonymous = broker.Anonymous(c.Listeners[0])
		}
		troupe.WithoutListeners()(broker)
		troupe.WithListener(listenerName, door, anonymous)(broker)
	})
	broker, err := troupe.New(options...)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), b.Timeout)
	defer cancel()
	if err := broker.Start(ctx); err != nil {
		return err
	}
	b.change(func() { b.running, b.door = broker, door })
	return nil
}

// end shuts the broker down that runs, if one does.
func (b *Broker) end(ctx context.Context) error {
	var running *troupe.Broker
	b.change(func() {
		running = b.running
		b.running, b.door = nil, nil
	})
	if running == nil {
		return nil
	}
	if err := running.Shutdown(ctx); err != nil {
		return err
	}
	return running.Err()
}

// close is the end of the test.
func (b *Broker) close() {
	_ = b.socket.Close()
	b.change(func() { b.rules = nil })
	b.life.Lock()
	defer b.life.Unlock()
	_ = b.end(context.Background())
	b.Cut()
	b.front.Wait()
	_ = b.store.Close()
}

// change makes a change that others may wait for.
func (b *Broker) change(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
	close(b.changed)
	b.changed = make(chan struct{})
}

// await waits until done, which is called with the mutex held, says true. In the
// end it fails the test with what late says.
func (b *Broker) await(t TB, done func() bool, late func() string) {
	t.Helper()
	timer := time.NewTimer(b.Timeout)
	defer timer.Stop()
	for {
		b.mu.Lock()
		ok, changed := done(), b.changed
		b.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-timer.C:
			b.mu.Lock()
			why := late()
			b.mu.Unlock()
			t.Fatalf("troupetest: after %v: %s", b.Timeout, why)
			return
		}
	}
}

// list writes up what there is, for the end of a failure.
func list[T any](none string, all []T) string {
	if len(all) == 0 {
		return none
	}
	text := ""
	for _, one := range all {
		text += fmt.Sprintf("\n\t%v", one)
	}
	return text
}
