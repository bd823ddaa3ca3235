package troupe

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/persistence/memory"
	"github.com/troupemq/troupe/protocol/packet"
)

// A Session that comes out of a store is its Client's still: its Will is shown
// before it is published, what it loses and its end are told.
func TestHooksAfterARestart(t *testing.T) {
	k := wills(t)
	from := k.guest("from")
	k.absent("away", packet.QoS1, "a")
	for _, text := range []string{"old", "new"} {
		require.Equal(t, packet.Success, from.publish(packet.QoS1, "a", text))
	}
	k.tree.flush(within(t))

	h := make(heard, 64)
	hooks := h.all()
	hooks.Publish = func(c Client, m *Message) error {
		h.say("publish %s %s", c.ID, m.Topic)
		m.Topic = "will/checked"
		return nil
	}
	left := shift(t, k.inner.CrashClone(), time.Hour/2)
	b := startWith(t, func(*configs.Config) {}, WithStore(left), WithHooks(hooks))
	require.ElementsMatch(t, []string{"publish now will/now", "publish waiting will/waiting"},
		[]string{wait(t, h, "no Will is shown"), wait(t, h, "no Will is shown")})
	heir := connect(t, b, "heir")
	h.entered(t, "heir", true)
	for range 2 {
		require.Equal(t, "will/checked", string(heir.receive().Topic))
		require.Regexp(t, "^delivered heir (now|waiting) again=false$", wait(t, h, "it is not told"))
	}
	away := connect(t, b, "away")
	h.entered(t, "away", true)
	away.gets("old", "new")
	got := make(map[string]int)
	for range 4 {
		got[wait(t, h, "it is not told")]++
	}
	require.Equal(t, map[string]int{
		"delivered away old again=false": 1, "delivered away new again=false": 1,
		"acknowledged away old 0x0": 1, "acknowledged away new 0x0": 1,
	}, got)

	// Who stays away for too long is told of, though nobody is there.
	over := startWith(t, func(*configs.Config) {}, WithStore(shift(t, k.inner.CrashClone(), 61*time.Minute)),
		WithHooks(Hooks{SessionEnded: func(id string, why SessionEnd) { h.say("ended %s %v", id, why) }}))
	require.NotNil(t, over)
	ended := make(map[string]int)
	for range 3 {
		ended[wait(t, h, "no end is told")]++
	}
	require.Equal(t, map[string]int{"ended heir expired": 1, "ended away expired": 1, "ended waiting expired": 1}, ended)
}

// What a Client that is away loses is told, wherever its Session is kept.
func TestDropsOfClientsThatAreAway(t *testing.T) {
	for name, after := range map[string]time.Duration{"in memory": 0, "kept": 0, "asleep": time.Second} {
		t.Run(name, func(t *testing.T) {
			h, log := make(heard, 64), newDiary()
			options := []Option{log.option(), WithHooks(Hooks{
				Dropped:      func(c Client, m *Message, why DropReason) { h.say("dropped %s %s %v", c.ID, m.Payload, why) },
				SessionEnded: func(id string, why SessionEnd) { h.say("ended %s %v", id, why) },
			})}
			if name != "in memory" {
				options = append(options, WithStore(memory.New()))
			}
			b := startWith(t, func(c *configs.Config) {
				c.Session.Queue.MaxMessages = 2
				c.Session.PassivateAfter = configs.Duration(after)
			}, options...)
			c := connect(t, b, "away")
			c.subscribe(packet.QoS1, "a")
			c.leave()
			log.await(t, 1, "client disconnected", "client", "away")
			if after > 0 {
				registry, _ := b.tree.clients.Registry([]byte("away"))
				require.Eventually(t, func() bool { return len(children(t, b, registry)) == 0 }, patience, 10*time.Millisecond)
			}
			from := connect(t, b, "from")
			for i := range 4 {
				require.Equal(t, packet.Success, from.publish(packet.QoS1, "a", fmt.Sprint(i)))
			}
			h.next(t, "dropped away 0 queue full", "dropped away 1 queue full")
			clean := durable("away")
			clean.CleanStart = true
			connectWith(t, dial(t, b), clean).quiet()
			if name == "in memory" { // what only the store has is not read for this
				h.next(t, "dropped away 2 session ended", "dropped away 3 session ended")
			}
			next := wait(t, h, "no end is told")
			for strings.HasSuffix(next, " session ended") { // or has it in memory still
				next = wait(t, h, "no end is told")
			}
			require.Equal(t, "ended away replaced by Clean Start", next)
		})
	}
}

// A Client that connects with Clean Start ends its own Session while that is
// connected: the end is the last that is told of it.
func TestHooksOfAReplacedSession(t *testing.T) {
	h := make(heard, 16)
	b := start(t, WithHooks(Hooks{
		Disconnected: h.all().Disconnected, Dropped: h.all().Dropped, SessionEnded: h.all().SessionEnded,
	}))
	c := connect(t, b, "c")
	c.subscribe(packet.QoS1, "a")
	publish(t, b, "a", "x")
	c.receive()
	clean := durable("c")
	clean.CleanStart = true
	connectWith(t, dial(t, b), clean).ping()
	h.next(t, "disconnected c 0x8e client=false lost=false", "dropped c x session ended", "ended c replaced by Clean Start")
}

// A message that its Client sends twice with QoS 2 is shown once.
func TestRepeatedMessageIsShownOnce(t *testing.T) {
	var shown atomic.Int32
	b := start(t, WithHooks(Hooks{Publish: func(Client, *Message) error { shown.Add(1); return nil }}))
	c := connect(t, b, "c")
	c.subscribe(packet.QoS0, "a")
	id := c.begin(packet.QoS2, "a", "once")
	c.accepted(packet.QoS2, id)
	again := packet.Publish{Topic: []byte("a"), Payload: []byte("once"), QoS: packet.QoS2, PacketID: id, Dup: true}
	c.write(again.Append(nil, packet.V5))
	c.accepted(packet.QoS2, id)
	c.gets("once")
	c.quiet()
	require.EqualValues(t, 1, shown.Load())
}

// Who authenticates in several steps is looked at before the first.
func TestConnectHookComesBeforeAnExchange(t *testing.T) {
	steps, h := make(chan string, 16), make(heard, 16)
	hooks := h.all()
	hooks.Connect = func(c Client) error {
		h.say("connect %s", c.ID)
		if c.ID == "no" {
			return &Refusal{Code: packet.Banned}
		}
		return nil
	}
	b := start(t, WithHooks(hooks), WithAuthenticator(countdown(steps)))
	enter := func(id string) *client {
		p := durable(id)
		p.AuthMethod, p.AuthData = []byte("countdown"), []byte("2")
		c := newClient(t, dial(t, b))
		c.write(p.Append(nil))
		return c
	}
	require.Equal(t, packet.Banned, enter("no").entered().Code)
	h.next(t, "connect no")
	require.Empty(t, steps)
	c := enter("yes")
	for _, next := range []string{"1", "0"} {
		c.asked(packet.ContinueAuthentication, next)
		c.auth(packet.ContinueAuthentication, next)
	}
	require.Equal(t, packet.Success, c.entered().Code)
	h.next(t, "connect yes", "authenticated yes", "connected yes false")
}

// A session that fails is to the hooks what it is to its Client: a connection
// that is lost.
func TestHooksHearOfASessionThatFails(t *testing.T) {
	h := make(heard, 16)
	b := start(t, WithHooks(h.all()))
	c := connect(t, b, "c")
	h.entered(t, "c", false)
	b.send(sessionOf(t, b, "c"), nilRun())
	c.gone()
	h.next(t, "disconnected c 0x0 client=false lost=true")
	connect(t, b, "c").ping()
	h.entered(t, "c", true)
}

// A bridge of the broker is no Client of it; to its upstream it is one.
func TestHooksAndBridges(t *testing.T) {
	there, here := make(heard, 64), make(heard, 64)
	log := newDiary()
	only := func(h heard) Hooks {
		all := h.all()
		return Hooks{Connected: all.Connected, Publish: all.Publish, Delivered: all.Delivered, Dropped: all.Dropped, Acknowledged: all.Acknowledged}
	}
	up := startWith(t, func(c *configs.Config) { c.Name = "upstream" }, WithHooks(only(there)))
	edge := startWith(t, func(c *configs.Config) { c.Name, c.Bridges = "edge", []configs.Bridge{to(uri(up))} }, log.option(), WithHooks(only(here)))
	connected(t, edge, "up", uri(up))
	bridge := wait(t, there, "the bridge is not seen")
	require.Contains(t, bridge, "connected ")
	id := bridge[len("connected ") : len(bridge)-len(" false")]

	c := connect(t, edge, "c")
	here.next(t, "connected c false")
	require.Equal(t, packet.Success, c.publish(packet.QoS1, "out/a", "x"))
	here.next(t, "publish c out/a x")
	there.next(t, "publish "+id+" out/a x")
	c.subscribe(packet.QoS1, "in/#")
	publish(t, up, "in/b", "y")
	c.gets("y")
	here.next(t, "delivered c y again=false", "acknowledged c y 0x0")
	require.Empty(t, here)
}

// Many Clients on all loops at once: what is told adds up.
func TestHooksOfACrowd(t *testing.T) {
	const clients, messages = 8, 200
	var shown, delivered, acknowledged, dropped atomic.Int64
	var perClient sync.Map // who was published by whom must come one at a time
	b := startWith(t, func(c *configs.Config) { c.Limits.EventLoops = 4 }, WithHooks(Hooks{
		Publish: func(c Client, m *Message) error {
			shown.Add(1)
			busy, _ := perClient.LoadOrStore(c.ID, new(atomic.Bool))
			if busy.(*atomic.Bool).Swap(true) {
				panic("two at a time for one Client")
			}
			defer busy.(*atomic.Bool).Store(false)
			if len(m.Payload)%2 == 0 {
				m.UserProperties = append(m.UserProperties, UserProperty{"by", c.ID})
			}
			return nil
		},
		Delivered:    func(Client, *Message, bool) { delivered.Add(1) },
		Acknowledged: func(Client, *Message, ReasonCode) { acknowledged.Add(1) },
		Dropped:      func(Client, *Message, DropReason) { dropped.Add(1) },
	}))
	ctx, got := within(t), make(chan struct{}, clients*clients*messages)
	var all sync.WaitGroup
	publishers := make([]func(i int), 0, clients)
	for i := range clients {
		if i%2 == 0 {
			o := mqtt.NewClientOptions().AddBroker("tcp://" + b.Addr("tcp").String()).SetClientID(fmt.Sprint("v3-", i)).SetOrderMatters(false)
			c := mqtt.NewClient(o)
			require.NoError(t, finished(c.Connect()))
			t.Cleanup(func() { c.Disconnect(0) })
			require.NoError(t, finished(c.Subscribe("crowd/#", 1, func(mqtt.Client, mqtt.Message) { got <- struct{}{} })))
			publishers = append(publishers, func(n int) {
				if err := finished(c.Publish("crowd/3", 1, false, make([]byte, n%7+1))); err != nil {
					panic(err)
				}
			})
			continue
		}
		c := paho.NewClient(paho.ClientConfig{Conn: dial(t, b), OnPublishReceived: []func(paho.PublishReceived) (bool, error){
			func(paho.PublishReceived) (bool, error) { got <- struct{}{}; return true, nil },
		}})
		_, err := c.Connect(ctx, &paho.Connect{ClientID: fmt.Sprint("v5-", i), CleanStart: true, KeepAlive: 60})
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Disconnect(&paho.Disconnect{}) })
		_, err = c.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "crowd/#", QoS: 1}}})
		require.NoError(t, err)
		publishers = append(publishers, func(n int) {
			if _, err := c.Publish(ctx, &paho.Publish{Topic: "crowd/5", QoS: 1, Payload: make([]byte, n%7+1)}); err != nil {
				panic(err)
			}
		})
	}
	for _, publish := range publishers {
		all.Go(func() {
			for n := range messages {
				publish(n)
			}
		})
	}
	all.Wait()
	for range clients * clients * messages {
		wait(t, got, "a message is missing")
	}
	require.EqualValues(t, clients*messages, shown.Load())
	require.EqualValues(t, clients*clients*messages, delivered.Load())
	require.Eventually(t, func() bool { return acknowledged.Load() == delivered.Load() }, patience, time.Millisecond)
	require.Zero(t, dropped.Load())
	require.Zero(t, b.tree.counters.HooksFailed.Load())
}

func finished(token mqtt.Token) error {
	if !token.WaitTimeout(patience) {
		return context.DeadlineExceeded
	}
	return token.Error()
}

// BenchmarkHooks is what a message costs from one Client to another with hooks.
// The same goes through a broker without them in turn with it, so that the ratio
// of the two holds on a machine that has other things to do as well.
func BenchmarkHooks(b *testing.B) {
	var n atomic.Int64
	for _, c := range []struct {
		name  string
		hooks Hooks
	}{
		{"connected", Hooks{Connected: func(Client, bool) { n.Add(1) }}},
		{"delivered", Hooks{Delivered: func(Client, *Message, bool) { n.Add(1) }}},
		{"publish", Hooks{Publish: func(Client, *Message) error { n.Add(1); return nil }}},
		{"publish-changes", Hooks{Publish: func(_ Client, m *Message) error {
			m.UserProperties = append(m.UserProperties, UserProperty{"by", "hook"})
			return nil
		}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			with, without := carrying(b, WithHooks(c.hooks)), carrying(b)
			var cost, base time.Duration
			b.ResetTimer()
			for i := 0; i < b.N; i += carried {
				began := time.Now()
				with()
				between := time.Now()
				without()
				cost, base = cost+between.Sub(began), base+time.Since(between)
			}
			b.StopTimer()
			b.ReportMetric(0, "ns/op") // of both
			b.ReportMetric(float64(cost.Nanoseconds())/float64(b.N), "ns/message")
			b.ReportMetric(float64(base.Nanoseconds())/float64(b.N), "ns/message-without")
			b.ReportMetric(float64(cost)/float64(base), "ratio")
		})
	}
}

const carried = 100 // messages at a time

// carrying brings messages with QoS 1 from one Client of a new broker to another
// each time that it is called.
func carrying(b *testing.B, options ...Option) func() {
	broker := start(b, options...)
	sub, pub := connect(b, broker, "sub"), connect(b, broker, "pub")
	sub.subscribe(packet.QoS1, "bench/#")
	var frames []byte
	for i := range carried {
		p := packet.Publish{Topic: []byte("bench/a"), Payload: make([]byte, 128), QoS: packet.QoS1, PacketID: uint16(i + 1)}
		frames = p.Append(frames, packet.V5)
	}
	return func() {
		pub.write(frames)
		var acks []byte
		for range carried {
			acks = (&packet.Puback{PacketID: sub.receive().PacketID}).Append(acks, packet.V5)
		}
		sub.write(acks)
		for range carried {
			pub.expect(packet.TypePuback)
		}
	}
}
