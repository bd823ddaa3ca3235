package troupe

import (
	"context"
	"fmt"
	"math"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/protocol/packet"
)

// listen subscribes a function and gives what it gets.
func listen(t testing.TB, b *Broker, filter string) <-chan *Message {
	t.Helper()
	got := make(chan *Message, 1024)
	_, err := b.Subscribe(within(t), filter, ExactlyOnce, func(m *Message) { got <- m })
	require.NoError(t, err)
	return got
}

func publish(t testing.TB, b *Broker, topic, payload string) {
	t.Helper()
	require.NoError(t, b.Publish(within(t), Message{Topic: topic, Payload: []byte(payload), QoS: AtLeastOnce}))
}

func TestHundredBrokersInOneProcess(t *testing.T) {
	before := goleak.IgnoreCurrent()
	for range 4 {
		brokers := make([]*Broker, 25)
		for i := range brokers {
			b, err := New(WithAddress("127.0.0.1:0"), WithDataDir(""))
			require.NoError(t, err)
			require.NoError(t, b.Start(within(t)))
			brokers[i] = b
		}
		for i, b := range brokers {
			got := listen(t, b, "#")
			publish(t, b, "a", fmt.Sprint(i))
			require.Equal(t, fmt.Sprint(i), string(wait(t, got, "no message").Payload))
		}
		var all sync.WaitGroup
		for _, b := range brokers {
			all.Go(func() { require.NoError(t, b.Shutdown(context.Background())) })
		}
		all.Wait()
	}
	goleak.VerifyNone(t, before)
}

func TestTwoBrokersAreStrangers(t *testing.T) {
	one, two := start(t, WithName("one")), start(t, WithName("two"))
	require.Equal(t, "one", one.Config().Name)
	a, b := connect(t, one, "same"), connect(t, two, "same")
	a.subscribe(packet.QoS1, "#")
	b.subscribe(packet.QoS1, "#")
	gotOne, gotTwo := listen(t, one, "a"), listen(t, two, "a")
	require.NoError(t, one.Publish(within(t), Message{Topic: "a", Payload: []byte("for one"), Retain: true, QoS: AtLeastOnce}))
	publish(t, two, "a", "for two")
	a.gets("for one")
	b.gets("for two")
	require.Equal(t, "for one", string(wait(t, gotOne, "no message").Payload))
	require.Equal(t, "for two", string(wait(t, gotTwo, "no message").Payload))
	a.quiet()
	b.quiet()
	late := connect(t, two, "late")
	late.subscribe(packet.QoS1, "a")
	late.quiet()

	require.NoError(t, one.Shutdown(within(t)))
	a.gone()
	publish(t, two, "a", "still here")
	b.gets("still here")
}

func TestStartTwice(t *testing.T) {
	b := start(t)
	require.ErrorIs(t, b.Start(within(t)), ErrStarted)
	connect(t, b, "c").ping()
	require.NoError(t, b.Shutdown(within(t)))
	require.ErrorIs(t, b.Start(within(t)), ErrStarted)
}

func TestShutdownBeforeStart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b, err := New(WithDataDir(""), WithoutListeners(), WithListener("mine", l, true))
	require.NoError(t, err)
	require.NoError(t, b.Shutdown(within(t)))
	wait(t, b.Done(), "it is not over")
	require.ErrorIs(t, b.Start(within(t)), ErrStarted)
	_, err = l.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestShutdownTwice(t *testing.T) {
	b := startWith(t, func(c *configs.Config) { c.Shutdown.GracePeriod = configs.Duration(time.Hour) })
	ctx := within(t)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() { require.NoError(t, b.Shutdown(ctx)) })
	}
	both.Wait()
	require.NoError(t, b.Shutdown(ctx))
	require.NoError(t, b.Err())
}

func TestStartWithCancelledContext(t *testing.T) {
	b, err := New(WithAddress("127.0.0.1:0"), WithDataDir(""))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, b.Start(ctx), context.Canceled)
	require.NoError(t, b.Shutdown(within(t)))
}

func TestStartOnABusyPort(t *testing.T) {
	before := goleak.IgnoreCurrent()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	handed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b, err := New(WithDataDir(""), WithAddress(taken.Addr().String()), WithListener("mine", handed, true))
	require.NoError(t, err)
	err = b.Start(within(t))
	require.ErrorContains(t, err, "listener tcp: cannot listen on "+taken.Addr().String()+": ")
	require.ErrorContains(t, err, "address already in use")
	_, err = handed.Accept()
	require.ErrorIs(t, err, net.ErrClosed, "a listener was left open")
	require.NoError(t, b.Shutdown(within(t)))
	goleak.VerifyNone(t, before)
}

func TestTwoListenersOfOneName(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	_, err = New(WithListener("tcp", l, true))
	require.ErrorContains(t, err, `two listeners named "tcp"`)
	_, err = New(WithoutListeners(), WithListener("a", l, true), WithListener("a", l, true))
	require.ErrorContains(t, err, `two listeners named "a"`)
}

func TestShutdownDeliversWhatWaits(t *testing.T) {
	b := startWith(t, func(c *configs.Config) { c.Shutdown.GracePeriod = configs.Duration(time.Hour) })
	slow := connectWith(t, dial(t, b), func() *packet.Connect {
		p := durable("slow")
		p.ReceiveMaximum = 1
		return p
	}())
	slow.subscribe(packet.QoS1, "a")
	for _, payload := range []string{"1", "2", "3"} {
		publish(t, b, "a", payload)
	}
	down := make(chan error, 1)
	go func() { down <- b.Shutdown(context.Background()) }()
	slow.gets("1", "2", "3") // it takes one at a time
	bye := slow.gone()
	require.NotNil(t, bye)
	require.Equal(t, packet.ServerShuttingDown, bye.Code)
	require.NoError(t, wait(t, down, "Shutdown does not return"))
}

func TestShutdownEndsAtOnceWithItsContext(t *testing.T) {
	b := startWith(t, func(c *configs.Config) { c.Shutdown.GracePeriod = configs.Duration(time.Hour) })
	slow := connect(t, b, "slow")
	slow.subscribe(packet.QoS1, "a")
	publish(t, b, "a", "never acknowledged")
	slow.receive()
	ctx, cancel := context.WithCancel(context.Background())
	down := make(chan error, 1)
	go func() { down <- b.Shutdown(ctx) }()
	settle(t, b, sessionOf(t, b, "slow"))
	select {
	case <-down:
		require.FailNow(t, "the grace period is cut short")
	default:
	}
	cancel()
	require.ErrorIs(t, wait(t, down, "Shutdown does not return"), context.Canceled)
	slow.gone()
	require.NoError(t, b.Err())
}

func TestPublishErrors(t *testing.T) {
	b := start(t)
	for name, m := range map[string]Message{
		"publish to \"\":":     {},
		"publish to \"a/+\":":  {Topic: "a/+"},
		"publish to \"a/#\":":  {Topic: "a/#"},
		"publish to \"\\x00\"": {Topic: "\x00"},
		"QoS 3":                {Topic: "a", QoS: 3},
	} {
		require.ErrorContains(t, b.Publish(within(t), m), name)
	}
	fresh, err := New()
	require.NoError(t, err)
	require.ErrorIs(t, fresh.Publish(within(t), Message{Topic: "a"}), ErrNotRunning)
	require.NoError(t, b.Shutdown(within(t)))
	require.ErrorIs(t, b.Publish(within(t), Message{Topic: "a"}), ErrNotRunning)
}

func TestSubscribeErrors(t *testing.T) {
	b := start(t)
	nothing := func(*Message) {}
	for _, filter := range []string{"", "a/#/b", "a+", "$share/", "$share/g", "$share/g/", "$share/g+/a", "\x00"} {
		_, err := b.Subscribe(within(t), filter, AtMostOnce, nothing)
		require.ErrorContains(t, err, fmt.Sprintf("subscribe to %q:", filter))
	}
	_, err := b.Subscribe(within(t), "a", 3, nothing)
	require.ErrorContains(t, err, "QoS 3")
	fresh, err := New()
	require.NoError(t, err)
	_, err = fresh.Subscribe(within(t), "a", AtMostOnce, nothing)
	require.ErrorIs(t, err, ErrNotRunning)

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	held := park(t, b, b.tree.tables.Shards[b.tree.tables.Shard("a")])
	_, err = b.Subscribe(ctx, "a", AtMostOnce, nothing)
	require.ErrorIs(t, err, context.Canceled)
	held.release()
	require.Eventually(t, func() bool { // the shard takes the subscription, and gives it up again
		return len(children(t, b, b.tree.program)) == 1 && b.tree.counters.Subscriptions.Load() == 0
	}, patience, time.Millisecond)
}

func TestPublishWithEveryProperty(t *testing.T) {
	b := start(t)
	m := Message{
		Topic: "a", Payload: []byte("p"), QoS: ExactlyOnce, Expiry: time.Hour, ContentType: "text/plain", ResponseTopic: "answer",
		CorrelationData: []byte{1, 2}, Text: true, UserProperties: []UserProperty{{"b", "1"}, {"a", "2"}, {"b", "1"}},
	}
	got := listen(t, b, "a")
	v5 := connect(t, b, "v5")
	v5.subscribe(packet.QoS2, "a")
	require.NoError(t, b.Publish(within(t), m))
	require.Equal(t, &m, wait(t, got, "no message"))
	p := v5.receive()
	require.Equal(t, packet.QoS2, p.QoS)
	require.Equal(t, "text/plain", string(p.ContentType))
	require.Equal(t, "answer", string(p.ResponseTopic))
	require.Equal(t, []byte{1, 2}, p.CorrelationData)
	require.True(t, p.HasPayloadFormat)
	require.InDelta(t, 3600, p.MessageExpiry, 1)
}

// The longest Duration is 292 years, and the longest Message Expiry Interval 136.
func TestPublishThatExpiresInAges(t *testing.T) {
	b := start(t)
	got := listen(t, b, "a")
	for expiry, seconds := range map[time.Duration]time.Duration{
		math.MaxInt64: math.MaxUint32, time.Second + 1: 2, time.Nanosecond: 1,
	} {
		require.NoError(t, b.Publish(within(t), Message{Topic: "a", Expiry: expiry}))
		require.Equal(t, seconds*time.Second, wait(t, got, "it has expired at once").Expiry)
	}
}

func TestSubscriptionGetsRetainedMessagesFirst(t *testing.T) {
	b := start(t)
	for i := range 300 { // more than one slice
		require.NoError(t, b.Publish(within(t), Message{Topic: fmt.Sprintf("r/%d", i), Payload: []byte("kept"), Retain: true}))
	}
	got := listen(t, b, "r/+")
	seen := make(map[string]bool)
	for range 300 {
		m := wait(t, got, "a retained message is missing")
		require.True(t, m.Retain)
		seen[m.Topic] = true
	}
	require.Len(t, seen, 300)
	require.NoError(t, b.Publish(within(t), Message{Topic: "r/1", Payload: []byte("live"), Retain: true}))
	m := wait(t, got, "no live message")
	require.Equal(t, "live", string(m.Payload))
	require.False(t, m.Retain, "it was not kept from before")

	require.Empty(t, listen(t, b, "$share/g/r/+"), "a shared subscription gets no retained messages")
}

func TestRetainedMessageOfTheProgramExpires(t *testing.T) {
	b := start(t)
	require.NoError(t, b.Publish(within(t), Message{Topic: "a", Payload: []byte("x"), Retain: true, Expiry: time.Hour}))
	keeper := b.tree.tables.RetainedShard([]byte("a"))
	settle(t, b, keeper)
	c := connect(t, b, "c")
	c.subscribe(packet.QoS0, "a")
	p := c.receive()
	require.True(t, p.HasMessageExpiry)
	require.InDelta(t, 3600, p.MessageExpiry, 30)
}

func TestSharedSubscriptionOfFunctions(t *testing.T) {
	b := start(t)
	const members, messages = 3, 30
	var got [members]chan string
	for i := range members {
		got[i] = make(chan string, messages)
		_, err := b.Subscribe(within(t), "$share/workers/jobs/+", AtLeastOnce, func(m *Message) { got[i] <- string(m.Payload) })
		require.NoError(t, err)
	}
	for i := range messages {
		publish(t, b, "jobs/x", fmt.Sprint(i))
	}
	seen := make(map[string]bool)
	for i := range members {
		for range messages / members {
			payload := wait(t, got[i], "the turns are not even")
			require.False(t, seen[payload], "two members got it")
			seen[payload] = true
		}
	}
	require.Len(t, seen, messages)
}

func TestCloseOfASubscription(t *testing.T) {
	b := start(t)
	got := make(chan string, 8)
	s, err := b.Subscribe(within(t), "a", AtLeastOnce, func(m *Message) { got <- string(m.Payload) })
	require.NoError(t, err)
	publish(t, b, "a", "one")
	require.Equal(t, "one", wait(t, got, "no message"))
	actor := subscriberOf(t, b)
	s.Close()
	s.Close()
	for b.tree.system.Mailbox(actor) != nil { // it ends in its own time
		settle(t, b, b.tree.program)
	}
	require.Eventually(t, func() bool { return b.tree.counters.Subscriptions.Load() == 0 }, patience, time.Millisecond)
	publish(t, b, "a", "two")
	require.Empty(t, got)
}

func TestFunctionThatBlocks(t *testing.T) {
	j := newDiary()
	b := startWith(t, func(c *configs.Config) { c.Session.Queue.MaxMessages = 100 }, j.option())
	first, goOn := make(chan struct{}), make(chan struct{})
	var blocked []string
	done := make(chan struct{})
	_, err := b.Subscribe(within(t), "a", AtLeastOnce, func(m *Message) {
		if blocked = append(blocked, string(m.Payload)); len(blocked) == 1 {
			close(first)
			<-goOn
		}
		if string(m.Payload) == "last" {
			close(done)
		}
	})
	require.NoError(t, err)
	free := listen(t, b, "a")
	c := connect(t, b, "c")
	c.subscribe(packet.QoS1, "a")

	const n = 1000
	publish(t, b, "a", "0")
	wait(t, first, "the function is not called")
	require.Equal(t, "0", string(wait(t, free, "another function waits").Payload))
	c.gets("0")
	for i := 1; i < n; i++ {
		publish(t, b, "a", fmt.Sprint(i))
		require.Equal(t, fmt.Sprint(i), string(wait(t, free, "another function waits").Payload))
		c.gets(fmt.Sprint(i))
	}
	publish(t, b, "a", "last")
	j.await(t, 1, "subscription of the program is behind, oldest messages are dropped", "filter", "a")
	for _, pid := range children(t, b, b.tree.program) {
		settle(t, b, pid)
	}
	dropped := int(b.tree.counters.DroppedQueueFull.Load())
	require.Positive(t, dropped)
	close(goOn)
	wait(t, done, "the newest message is lost")
	require.Len(t, blocked, n+1-dropped)
	require.Equal(t, fmt.Sprint(n-1), blocked[len(blocked)-2], "not the oldest were dropped")
	require.LessOrEqual(t, len(blocked), 1+100+64)
	j.await(t, 1, "subscription of the program is behind, oldest messages are dropped")
	require.Equal(t, 1, j.count("subscription of the program is behind, oldest messages are dropped"), "logged once per episode")
}

// A program that publishes faster than a session's actor works is slowed down.
func TestPublishWaitsForASlowSession(t *testing.T) {
	b := start(t)
	c := connect(t, b, "c")
	c.subscribe(packet.QoS0, "a")
	session := sessionOf(t, b, "c")
	settle(t, b, b.tree.tables.RetainedShard([]byte("a"))) // whose answer comes behind the SUBACK
	settle(t, b, session)
	held := park(t, b, session)
	ctx, cancel := context.WithCancel(context.Background())
	sent, done := 0, make(chan error, 1)
	for blocked := false; !blocked; {
		ticks := held.mailbox.Depth() - sent // of the session's own timer, which goes on meanwhile
		go func() { done <- b.Publish(ctx, Message{Topic: "a", Payload: []byte("x")}) }()
		sent++
		held.until(t, sent+ticks)
		settle(t, b, b.tree.publisher)
		// Behind the message that was too many stands the question whether the session has caught up. It is
		// not asked before there are many.
		if blocked = sent > 1000 && held.mailbox.Depth() > sent+ticks; !blocked {
			require.NoError(t, wait(t, done, "it waits without a reason"))
			require.Less(t, sent, 2000, "nothing slows the program down")
		}
	}
	cancel()
	require.ErrorIs(t, wait(t, done, "the context is not heard"), context.Canceled)
	go func() { done <- b.Publish(context.Background(), Message{Topic: "other"}) }()
	settle(t, b, b.tree.publisher)
	held.release()
	require.NoError(t, wait(t, done, "Publish does not go on"))
	for range sent {
		c.receive()
	}
}
