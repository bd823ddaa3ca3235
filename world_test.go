package troupe

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/actortest"
	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/protocol/packet"
	core "github.com/troupemq/troupe/protocol/session"
)

// slack is how many milliseconds the broker may be late in a simulation: what
// the clock goes while actors have work to do, and a tick of the timing wheel.
const slack = 400

// world is one simulated run: the tree, the Clients, and what is known of them.
type world struct {
	rng       *rand.Rand
	recorder  *actortest.Recorder
	scheduler *actortest.Scheduler
	listener  *actortest.Listener
	tree      *tree
	laws      *laws
	config    configs.Config
	clientIDs int
	*cellar   // nil: nothing is kept

	users    []*user
	witness  *user // never cut, never delayed, told of every Will
	messages []*sending
	step     int   // numbers what Clients do and see
	rested   int64 // when the actors last had nothing to do

	verdicts  []verdict
	faults    int  // failures of actors still to come
	faultStep int  // up to which the last one may have had consequences
	failing   bool // it may have more
	spared    map[string]bool

	failures []string
	happened happenings
}

// simulate runs one seed.
func simulate(seed uint64, trace io.Writer) (w *world) {
	w = newWorld(seed, trace, seed%2 == 0)
	defer func() {
		if reason := recover(); reason != nil {
			w.fail("the simulation itself failed: %v", reason)
			if trace == os.Stdout {
				panic(reason)
			}
		}
	}()
	w.open()
	w.live()
	w.settle()
	w.close()
	return w
}

// newWorld makes a world, with a store if it is durable.
func newWorld(seed uint64, trace io.Writer, durable bool) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 1)), recorder: actortest.NewRecorder(trace), laws: newLaws(seed), spared: make(map[string]bool)}
	options := actortest.Options{Seed: seed, Loops: 1 + w.rng.IntN(3), Recorder: w.recorder}
	if w.rng.IntN(2) == 0 {
		options.Overtake = 4 + w.rng.IntN(60)
	}
	if w.rng.IntN(3) == 0 {
		w.faults = 1 + w.rng.IntN(8)
	}
	shuffle := w.rng.IntN(2) == 0
	w.scheduler = actortest.New(options)

	config := configs.Defaults()
	config.DataDir = ""
	config.Listeners = nil
	config.Sys.Interval = 0
	if w.rng.IntN(2) == 0 {
		config.Session.ExpiryMaximum = configs.Duration(time.Duration(core.NoExpiry) * time.Second)
	}
	config.Limits.MaxInflight = 1 + w.rng.IntN(8)
	config.Limits.ReceiveMaximum = 1 + w.rng.IntN(8)
	config.Limits.TopicAliasMaximum = w.rng.IntN(4)
	if durable {
		w.dig(&config)
	}
	w.laws.bounds(&config)
	w.config = config
	w.plant()
	// The tree comes up in the order in which it was written down.
	w.scheduler.Settle()
	w.scheduler.Shuffle(shuffle)
	return w
}

// plant makes the tree, over a listener of its own and the store that there is.
func (w *world) plant() {
	w.listener = w.scheduler.Listen()
	options := []Option{WithConfig(w.config), WithListener("simulated", w.listener, true), WithLogger(zap.New(w.recorder.Core()))}
	if w.laws.ruled {
		options = append(options, WithAuthorizer(w.laws))
	}
	if w.laws.hooked {
		options = append(options, WithHooks(w.hooks()))
	}
	broker, err := New(options...)
	if err != nil {
		panic(err)
	}
	broker.judge.Go, w.laws.hearing = w.scheduler.Read, 0
	g := ground{loops: w.scheduler.Loops(), attach: w.scheduler.Attach, newClientID: func() string {
		w.clientIDs++
		return fmt.Sprintf("made-up-%d", w.clientIDs)
	}, slabs: &message.Slabs{Least: 1, Scrub: true}}
	if w.cellar != nil {
		g.storage = w.furnish(w.config)
	}
	if w.tree, err = plant(broker, g, broker.handed); err != nil {
		panic(err)
	}
	if w.cellar != nil {
		w.tree.envs[0].Limits.Portion(w.page, int64(w.page*2), w.low)
	}
}

func (w *world) fail(format string, args ...any) {
	f := fmt.Sprintf(format, args...)
	w.recorder.Printf("FAILURE %s", f)
	if len(w.failures) < 8 {
		w.failures = append(w.failures, f)
	}
}

// tick is the number of the next thing that a Client does or sees.
func (w *world) tick() int {
	w.step++
	return w.step
}

// open brings in the witness and makes the users.
func (w *world) open() {
	select {
	case <-w.tree.grown:
	default:
		w.fail("the tree did not grow")
	}
	w.witness = newUser(w, "witness", packet.V5)
	w.witness.forever = true
	w.witness.filters = []*filter{{name: "will/#", topic: "will/#", asks: packet.QoS2, qos: packet.QoS2, id: 1}}
	w.witness.connect(true)
	w.calm()
	w.witness.subscribe(w.witness.filters)
	w.calm()
	if len(w.witness.subscriptions) != 1 || w.witness.subscriptions[0].sure == never {
		w.fail("the witness could not subscribe")
	}
	for _, path := range w.processes("") {
		w.spared[path] = true
	}
	if w.cellar != nil {
		w.flush()
	}
	for i := range 3 + w.rng.IntN(5) {
		w.users = append(w.users, newUser(w, fmt.Sprintf("user%d", i), []packet.Version{packet.V5, packet.V5, packet.V311, packet.V31}[w.rng.IntN(4)]))
	}
}

// live is the part in which anything may happen.
func (w *world) live() {
	for range 150 + w.rng.IntN(200) {
		w.users[w.rng.IntN(len(w.users))].act()
		w.world()
		w.trouble()
		w.legislate()
		if w.faults > 0 && w.rng.IntN(30) == 0 {
			w.faults--
			w.fault()
		}
	}
}

// world lets the broker, the network and the clock go on a little.
func (w *world) world() {
	if w.scheduler.Now()-w.rested > slack/4 {
		w.scheduler.Settle()
		w.rest()
	}
	for range w.rng.IntN(4) {
		w.scheduler.Flow()
		for range w.rng.IntN(12) {
			if !w.scheduler.Step() {
				w.rest()
				break
			}
		}
		for _, u := range w.all() {
			if w.rng.IntN(3) == 0 {
				u.look()
			}
		}
	}
	switch w.rng.IntN(24) {
	case 0:
		w.pass(int64(w.rng.IntN(4000)))
	case 1:
		w.pass(int64(w.rng.IntN(90_000)))
	default:
		w.scheduler.Elapse(int64(w.rng.IntN(5)))
	}
}

// rest notes that the actors have nothing to do.
func (w *world) rest() {
	w.rested = w.scheduler.Now()
	if w.failing {
		w.failing, w.faultStep = false, w.step
	}
}

// pass lets much time go by. What the actors have at hand they do before: a
// broker does not stand still for seconds.
func (w *world) pass(milliseconds int64) {
	w.scheduler.Settle()
	for milliseconds > 0 {
		w.scheduler.Elapse(min(milliseconds, slack))
		w.scheduler.Settle()
		milliseconds -= slack
	}
	w.rest()
}

func (w *world) all() []*user { return append([]*user{w.witness}, w.users...) }

// calm lets everything that is under way arrive.
func (w *world) calm() {
	for waited := 0; waited < 20_000; waited++ {
		w.scheduler.Settle()
		w.scheduler.Flow()
		quiet := w.scheduler.Still() && !w.waits()
		for _, u := range w.all() {
			u.look()
			u.answer(1 << 16)
			quiet = quiet && u.quiet()
		}
		if quiet && !w.scheduler.Step() && w.scheduler.Still() && w.written() {
			return
		}
		if w.cellar != nil && !quiet {
			w.calmed = -1
		}
		if (w.cellar != nil || w.laws.ruled) && !quiet && w.scheduler.Still() || w.waits() {
			w.scheduler.Elapse(2) // somebody waits for the device, to be let in, or for his turn
		}
	}
	w.fail("it does not come to rest")
}

// settle ends the trouble: everybody comes back and gets what is owed.
func (w *world) settle() {
	w.recorder.Printf("--- settle")
	if w.cellar != nil {
		w.crashes = 0
		w.room()
		w.pass(2000)
	}
	for _, u := range w.users {
		if u.peer != nil && (u.phase != online || u.vanished) {
			u.drop()
		}
		if u.peer != nil {
			u.peer.Spare()
		}
	}
	w.calm()
	w.rest()
	for _, u := range w.users {
		if u.phase == offline && u.session != gone {
			u.connect(false)
		}
	}
	w.calm()
	for _, u := range w.users {
		u.flushQoS0()
	}
	w.calm()
	w.pass(11_000) // connections that never said CONNECT are given up
	w.calm()
	for _, u := range w.users {
		if u.phase == offline && u.session != gone {
			u.connect(false)
		}
	}
	w.calm()
	w.judgeDeliveries()
	w.judgeRetained()
	w.judgeGauges()
}

// close lets everybody leave, and then ends the tree.
func (w *world) close() {
	w.recorder.Printf("--- close")
	t := w.tree
	for _, u := range w.users {
		u.unsubscribe(u.filters)
	}
	w.calm()
	if n := t.counters.Subscriptions.Load(); n != 1 {
		w.fail("the index holds %d subscriptions, only the witness has one", n)
	}
	drained := w.rng.IntN(2) == 0
	if drained {
		w.drain()
		w.calm()
	} else {
		for _, u := range w.users {
			if u.phase == online {
				u.leave(packet.Success)
			}
		}
		w.calm()
	}
	w.judgeWills(drained)
	if !drained {
		w.forget()
	}
	if w.cellar != nil {
		w.judgeCounters()
		w.flush()
		w.audit()
		if !drained {
			w.clear()
		}
	}
	w.end()
}

// end stops the tree, which leaves nothing behind.
func (w *world) end() {
	t := w.tree
	ended := t.system.Ended(t.root)
	t.system.Root().Stop(t.root)
	w.scheduler.Settle()
	select {
	case <-ended:
	default:
		w.fail("the tree does not end; left are %v", w.processes(""))
	}
	c := t.counters
	for name, n := range map[string]int64{
		"ConnectionsOpen": c.ConnectionsOpen.Load(), "ClientsConnected": c.ClientsConnected.Load(), "Sessions": c.Sessions.Load(),
		"MessagesQueued": c.MessagesQueued.Load(), "BytesQueued": c.BytesQueued.Load(),
	} {
		if n != 0 {
			w.fail("%s is %d when the tree has ended", name, n)
		}
	}
	if w.laws.hearing != 0 {
		w.fail("the program was told of %d Clients that they are connected and not that they are not any more", w.laws.hearing)
	}
	if t.cause() != nil {
		w.fail("the instance ended by itself: %v", t.cause())
	}
	for _, b := range w.scheduler.Broken() {
		w.fail("%s", b)
	}
}

// forget ends all Sessions: they leave nothing behind.
func (w *world) forget() {
	for _, u := range w.users {
		if u.phase == offline {
			u.last = true
			u.connect(true)
		}
	}
	w.calm()
	for _, u := range w.users {
		if u.phase == online {
			u.leave(packet.Success)
		}
	}
	w.calm()
	c := w.tree.counters
	if n := c.Sessions.Load(); n != 1 {
		w.fail("%d Sessions are left, only that of the witness should be: %v", n, w.processes("instance/sessions/"))
	}
	if n := c.ConnectionsOpen.Load(); n != 1 {
		w.fail("%d connections are left, only that of the witness should be: %v", n, w.processes("instance/listeners/"))
	}
}
