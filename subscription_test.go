package troupe

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/topic"
)

// subscribeTo subscribes to "a" with a function, and closes the subscription at the end.
func subscribeTo(t testing.TB, b *Broker, handle func(*Message), options ...SubscribeOption) *Subscription {
	t.Helper()
	s, err := b.Subscribe(within(t), "a", ExactlyOnce, handle, options...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// published waits until what was published before has come to the subscription.
func (s *Subscription) published(t testing.TB) {
	t.Helper()
	settle(t, s.broker, s.pid)
}

func TestWhatCannotBeSubscribed(t *testing.T) {
	b := start(t)
	nothing := func(*Message) {}
	ctx := within(t)
	for text, try := range map[string]func() (*Subscription, error){
		"the function is nil":          func() (*Subscription, error) { return b.Subscribe(ctx, "a", 0, nil) },
		"the channel is nil":           func() (*Subscription, error) { return b.SubscribeChan(ctx, "a", 0, nil) },
		"the PID is nil":               func() (*Subscription, error) { return b.SubscribePID(ctx, "a", 0, nil) },
		"at least 1 has to have room":  func() (*Subscription, error) { return b.Subscribe(ctx, "a", 0, nothing, WithQueue(0, DropOldest)) },
		"there is no overflow 9":       func() (*Subscription, error) { return b.Subscribe(ctx, "a", 0, nothing, WithQueue(1, 9)) },
		"WithConcurrency: 0":           func() (*Subscription, error) { return b.Subscribe(ctx, "a", 0, nothing, WithConcurrency(0)) },
		"WithWindow: -1":               func() (*Subscription, error) { return b.Subscribe(ctx, "a", 0, nothing, WithWindow(-1)) },
		"WithSubscriptionID: 0":        func() (*Subscription, error) { return b.Subscribe(ctx, "a", 0, nothing, WithSubscriptionID(0)) },
		"a shared subscription cannot": func() (*Subscription, error) { return b.Subscribe(ctx, "$share/g/a", 0, nothing, WithoutOwn()) },
		`WithResponseTopics: "a#"`: func() (*Subscription, error) {
			return b.Respond(ctx, "a", 0, func(context.Context, *Message) (Message, error) { return Message{}, nil }, WithResponseTopics("a#"))
		},
		"option 2 of 2 is nil":  func() (*Subscription, error) { return b.Subscribe(ctx, "a", 0, nothing, WithoutRetained(), nil) },
		`aaa"… (70000 bytes): `: func() (*Subscription, error) { return b.Subscribe(ctx, strings.Repeat("a", 70_000), 0, nothing) },
	} {
		s, err := try()
		require.ErrorContains(t, err, text)
		require.Less(t, len(err.Error()), 1000)
		require.Nil(t, s)
	}
	err := b.Publish(ctx, Message{Topic: strings.Repeat("a", 70_000)})
	require.ErrorContains(t, err, `aaa"… (70000 bytes): `)
	require.Less(t, len(err.Error()), 1000)
}

// A context that was over before lets nothing begin, whatever is asked.
func TestSubscribeWithAContextThatIsOver(t *testing.T) {
	b := start(t)
	over, cancel := context.WithCancel(within(t))
	cancel()
	for range 20 { // it must not depend on which is seen first
		s, err := b.Subscribe(over, "a", 0, func(*Message) {})
		require.ErrorIs(t, err, context.Canceled)
		require.Nil(t, s)
		_, err = b.SubscribeChan(over, "a", 0, make(chan *Message))
		require.ErrorIs(t, err, context.Canceled)
	}
	require.ErrorIs(t, b.Publish(over, Message{Topic: "a"}), context.Canceled)
}

func TestCloseWithinTheFunction(t *testing.T) {
	b := start(t)
	var calls atomic.Int64
	closed := make(chan error, 1)
	handed := make(chan *Subscription, 1)
	s := subscribeTo(t, b, func(*Message) {
		calls.Add(1)
		closed <- (<-handed).Close()
	})
	handed <- s
	publish(t, b, "a", "1")
	publish(t, b, "a", "2")
	require.NoError(t, wait(t, closed, "Close within the function waits for the function"))
	wait(t, s.Done(), "the subscription does not end")
	require.NoError(t, s.Err())
	require.NoError(t, s.Close())
	publish(t, b, "a", "3")
	require.EqualValues(t, 1, calls.Load())
}

func TestDoneWaitsForTheFunction(t *testing.T) {
	b := start(t)
	running, goOn := make(chan struct{}), make(chan struct{})
	s := subscribeTo(t, b, func(*Message) {
		close(running)
		<-goOn
	})
	publish(t, b, "a", "1")
	publish(t, b, "a", "2")
	wait(t, running, "the function is not called")
	require.NoError(t, s.Close())
	select {
	case <-s.Done():
		require.Fail(t, "the function has not returned")
	default:
	}
	require.NoError(t, s.Err())
	close(goOn) // a second call would close running again
	wait(t, s.Done(), "the subscription does not end")
}

func TestSubscriptionEndsWithTheBroker(t *testing.T) {
	b := start(t)
	running, goOn := make(chan struct{}), make(chan struct{})
	s := subscribeTo(t, b, func(*Message) {
		close(running)
		<-goOn
	})
	idle := subscribeTo(t, b, func(*Message) {})
	stuck := make(chan *Message)
	full, err := b.SubscribeChan(within(t), "a", 0, stuck)
	require.NoError(t, err)
	publish(t, b, "a", "1")
	wait(t, running, "the function is not called")
	require.NoError(t, b.Shutdown(within(t)), "nobody waits for a function of the program")
	for _, ended := range []*Subscription{idle, full} {
		wait(t, ended.Done(), "the subscription does not end")
		require.ErrorIs(t, ended.Err(), ErrNotRunning)
	}
	require.NoError(t, s.Err())
	require.ErrorIs(t, s.Close(), ErrNotRunning, "also while its function runs")
	close(goOn)
	wait(t, s.Done(), "the subscription does not end")
	require.ErrorIs(t, s.Err(), ErrNotRunning)
	require.ErrorIs(t, s.Close(), ErrNotRunning)
	require.Zero(t, s.Waiting())
}

func TestShutdownHandsOverWhatWaits(t *testing.T) {
	b := startWith(t, func(c *configs.Config) { c.Shutdown.GracePeriod = configs.Duration(time.Hour) })
	goOn := make(chan struct{})
	var got []string
	s := subscribeTo(t, b, func(m *Message) {
		<-goOn
		got = append(got, string(m.Payload))
	})
	nobody := subscribeTo(t, b, func(*Message) {})
	require.NoError(t, nobody.Close())
	c := connect(t, b, "c")
	for i := range 5 {
		require.Equal(t, packet.Success, c.publish(packet.QoS1, "a", fmt.Sprint(i)))
	}
	down := make(chan error, 1)
	go func() { down <- b.Shutdown(context.Background()) }()
	c.gone()
	s.published(t)
	require.Empty(t, down, "what waits is dropped")
	close(goOn)
	require.NoError(t, wait(t, down, "Shutdown does not return"))
	wait(t, s.Done(), "the subscription does not end")
	require.Equal(t, []string{"0", "1", "2", "3", "4"}, got)
}

func TestShutdownSaysWhatItDoesNotHandOver(t *testing.T) {
	logged := newDiary()
	b := startWith(t, func(c *configs.Config) { c.Shutdown.GracePeriod = configs.Duration(20 * time.Millisecond) }, logged.option())
	goOn, running := make(chan struct{}), make(chan struct{}, 8)
	s := subscribeTo(t, b, func(*Message) {
		running <- struct{}{}
		<-goOn
	})
	for range 4 {
		publish(t, b, "a", "x")
	}
	wait(t, running, "the function is not called")
	s.published(t)
	require.NoError(t, b.Shutdown(context.Background()))
	logged.await(t, 1, "a subscription of the program ends with the broker, and what waited is lost", "messages", int64(3), "filter", "a")
	close(goOn)
	wait(t, s.Done(), "the subscription does not end")
}

func TestFunctionThatShutsDown(t *testing.T) {
	b := start(t)
	down := make(chan error, 1)
	s := subscribeTo(t, b, func(*Message) { down <- b.Shutdown(context.Background()) })
	if err := b.Publish(within(t), Message{Topic: "a", QoS: AtLeastOnce}); err != nil { // it is handed over before it is answered
		require.ErrorIs(t, err, ErrNotRunning)
	}
	require.NoError(t, wait(t, down, "Shutdown waits for who called it"))
	wait(t, s.Done(), "the subscription does not end")
}

func TestContextThatClosesASubscription(t *testing.T) {
	b := start(t)
	s := subscribeTo(t, b, func(*Message) {})
	ctx, cancel := context.WithCancel(context.Background())
	defer context.AfterFunc(ctx, func() { _ = s.Close() })()
	cancel()
	wait(t, s.Done(), "the subscription does not end")
	settle(t, b, b.tree.tables.Shards[b.tree.tables.Shard("a")])
}

func TestChannel(t *testing.T) {
	b := start(t)
	messages := make(chan *Message, 8)
	var all []*Subscription
	for i, filter := range []string{"a/+", "b"} {
		s, err := b.SubscribeChan(within(t), filter, AtLeastOnce, messages, WithSubscriptionID(uint32(i+1)))
		require.NoError(t, err)
		all = append(all, s)
	}
	publish(t, b, "a/1", "x")
	m := wait(t, messages, "no message")
	require.Equal(t, "a/1 x [1]", fmt.Sprint(m.Topic, " ", string(m.Payload), " ", m.SubscriptionIDs))
	publish(t, b, "b", "y")
	require.Equal(t, []uint32{2}, wait(t, messages, "no message").SubscriptionIDs)
	require.NoError(t, all[0].Close())
	publish(t, b, "a/1", "nobody")
	publish(t, b, "b", "z")
	require.Equal(t, "z", string(wait(t, messages, "no message").Payload))
	wait(t, all[0].Done(), "the subscription does not end")
}

func TestFullChannel(t *testing.T) {
	for overflow, left := range map[Overflow][]string{DropOldest: {"0", "1", "2", "5", "6"}, DropNewest: {"0", "1", "2", "3", "4"}} {
		b := start(t)
		messages := make(chan *Message, 2)
		s, err := b.SubscribeChan(within(t), "a", AtLeastOnce, messages, WithQueue(2, overflow))
		require.NoError(t, err)
		for i := range 3 { // one is in the hand of who waits for room in the channel
			publish(t, b, "a", fmt.Sprint(i))
		}
		require.Eventually(t, func() bool { return len(messages) == 2 && s.Waiting() == 0 }, patience, time.Millisecond)
		for i := range 4 {
			publish(t, b, "a", fmt.Sprint(i+3))
		}
		s.published(t)
		require.EqualValues(t, 2, s.Dropped())
		require.Equal(t, 2, s.Waiting())
		require.EqualValues(t, 2, b.tree.counters.DroppedQueueFull.Load())
		for _, payload := range left {
			require.Equal(t, payload, string(wait(t, messages, "a message is missing").Payload))
		}
		require.NoError(t, s.Close())
		wait(t, s.Done(), "the subscription does not end")
	}
}

func TestChannelThatNobodyReadsIsLeft(t *testing.T) {
	b := start(t)
	messages := make(chan *Message)
	s, err := b.SubscribeChan(within(t), "a", AtLeastOnce, messages)
	require.NoError(t, err)
	publish(t, b, "a", "x")
	s.published(t)
	require.NoError(t, s.Close())
	wait(t, s.Done(), "it waits for a reader for ever")
}

// TestPublishersWaitForAFunction has a Client and the program publish to a function that does not return.
func TestPublishersWaitForAFunction(t *testing.T) {
	b := start(t)
	goOn := make(chan struct{})
	var got []string
	var mu sync.Mutex
	s := subscribeTo(t, b, func(m *Message) {
		<-goOn
		mu.Lock()
		defer mu.Unlock()
		got = append(got, string(m.Payload))
	}, WithQueue(4, SlowPublishers))
	c := connect(t, b, "c")
	n := 0
	short := func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		return b.Publish(ctx, Message{Topic: "a", Payload: []byte(fmt.Sprint(n)), QoS: AtLeastOnce})
	}
	for err := error(nil); err == nil; n++ {
		require.Less(t, n, 10, "nothing slows the program down")
		err = short()
		require.True(t, err == nil || errors.Is(err, context.DeadlineExceeded), "%v", err)
	}
	// A Client's PUBLISH is taken and acknowledged; then it is not read any more.
	require.Equal(t, packet.Success, c.publish(packet.QoS1, "a", fmt.Sprint(n)))
	c.write((&packet.Publish{QoS: packet.QoS1, PacketID: 99, Topic: []byte("a"), Payload: []byte(fmt.Sprint(n + 1))}).Append(nil, packet.V5))
	other := connect(t, b, "other")
	other.ping()
	require.Equal(t, packet.NoMatchingSubscribers, other.publish(packet.QoS1, "elsewhere", "x"), "nobody else waits")
	require.Zero(t, s.Dropped())
	close(goOn)
	require.Equal(t, packet.Success, c.acked(packet.TypePuback, 99))
	publish(t, b, "a", "last")
	require.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(got) > 0 && got[len(got)-1] == "last" }, patience, time.Millisecond)
	want := []string{}
	for i := range n + 2 {
		want = append(want, fmt.Sprint(i))
	}
	require.Equal(t, append(want, "last"), got, "nothing is lost, and the order is kept")
}

// A function that others wait for asks and publishes elsewhere.
func TestFunctionThatHoldsUpPublishersPublishesElsewhere(t *testing.T) {
	b := start(t)
	responds(t, b, upper)
	behind := make(chan struct{})
	answers := make(chan string, 8)
	subscribeTo(t, b, func(*Message) {
		<-behind
		publish(t, b, "elsewhere", "x")
		a, err := b.Request(within(t), Message{Topic: "service/x", Payload: []byte("hello")})
		require.NoError(t, err)
		answers <- string(a.Payload)
	}, WithQueue(1, SlowPublishers))
	const messages = 4
	done := make(chan error, messages)
	for range messages {
		go func() { done <- b.Publish(within(t), Message{Topic: "a", QoS: AtLeastOnce}) }()
	}
	require.Eventually(t, func() bool { return subscribersFull(b) }, patience, time.Millisecond)
	close(behind)
	for range messages {
		require.Equal(t, "HELLO", wait(t, answers, "it waits for itself"))
		require.NoError(t, wait(t, done, "Publish does not return"))
	}
}

// subscribersFull tells whether the receiver of "a" slows publishers down.
func subscribersFull(b *Broker) bool {
	index := b.tree.tables.Snapshot(b.tree.tables.Shard("a"))
	var found topic.Matches[message.Subscription]
	index.Match([]byte("a"), &found)
	for _, set := range found.Sets {
		if _, sub := set.First(); sub.Full.Load() {
			return true
		}
	}
	return false
}

func TestWithoutOwn(t *testing.T) {
	b := start(t)
	others, all := make(chan string, 8), make(chan string, 8)
	subscribeTo(t, b, func(m *Message) { others <- string(m.Payload) }, WithoutOwn())
	subscribeTo(t, b, func(m *Message) { all <- string(m.Payload) })
	c := connect(t, b, "c")
	publish(t, b, "a", "own")
	c.publish(packet.QoS1, "a", "other")
	require.Equal(t, "other", wait(t, others, "no message"))
	require.Equal(t, "own", wait(t, all, "no message"))
	require.Equal(t, "other", wait(t, all, "no message"))
	require.Empty(t, others)

	// Where filters overlap the other subscription gets it.
	_, err := b.Subscribe(within(t), "+", ExactlyOnce, func(m *Message) { others <- "wildcard " + string(m.Payload) }, WithoutOwn())
	require.NoError(t, err)
	publish(t, b, "a", "own")
	c.publish(packet.QoS1, "a", "other")
	seen := []string{wait(t, others, "no message"), wait(t, others, "no message")}
	require.ElementsMatch(t, []string{"other", "wildcard other"}, seen)
}

func TestRetainedOptions(t *testing.T) {
	b := start(t)
	require.NoError(t, b.Publish(within(t), Message{Topic: "a", Payload: []byte("kept"), Retain: true}))
	got := make(chan *Message, 8)
	subscribeTo(t, b, func(m *Message) { got <- m }, WithoutRetained(), WithRetainAsPublished())
	require.NoError(t, b.Publish(within(t), Message{Topic: "a", Payload: []byte("live"), Retain: true}))
	m := wait(t, got, "no message")
	require.Equal(t, "live", string(m.Payload))
	require.True(t, m.Retain, "as it was published")
}

func TestAllRetainedMessagesCome(t *testing.T) {
	b := start(t)
	const kept = 2000
	for i := range kept {
		require.NoError(t, b.Publish(within(t), Message{Topic: fmt.Sprintf("r/%d", i), Payload: []byte("kept"), Retain: true}))
	}
	seen := make(map[string]bool)
	done := make(chan struct{})
	s, err := b.Subscribe(within(t), "r/+", AtMostOnce, func(m *Message) {
		if seen[m.Topic] = true; len(seen) == kept {
			close(done)
		}
	}, WithQueue(8, DropOldest))
	require.NoError(t, err)
	wait(t, done, "retained messages are missing")
	require.Zero(t, s.Dropped())
}

func TestWillComesToTheProgram(t *testing.T) {
	b := start(t)
	got := listen(t, b, "will")
	conn := dial(t, b)
	p := durable("c")
	p.Will = &packet.Will{QoS: packet.QoS1, Topic: []byte("will"), Payload: []byte("gone")}
	connectWith(t, conn, p)
	require.NoError(t, conn.Close())
	require.Equal(t, "gone", string(wait(t, got, "no Will").Payload))
}

func TestConcurrentFunction(t *testing.T) {
	b := start(t)
	const at = 4
	var running sync.WaitGroup
	running.Add(at)
	goOn := make(chan struct{})
	s := subscribeTo(t, b, func(*Message) {
		running.Done()
		<-goOn
	}, WithConcurrency(at))
	for range at {
		publish(t, b, "a", "x")
	}
	all := make(chan struct{})
	go func() { running.Wait(); close(all) }()
	wait(t, all, "they do not run at the same time")
	require.NoError(t, s.Close())
	close(goOn)
	wait(t, s.Done(), "the subscription does not end")
}

func TestExpiredMessagesDoNotComeToASlowFunction(t *testing.T) {
	b := start(t)
	first, goOn := make(chan struct{}, 8), make(chan struct{})
	got := make(chan *Message, 8)
	subscribeTo(t, b, func(m *Message) {
		first <- struct{}{}
		<-goOn
		got <- m
	})
	publish(t, b, "a", "holds up the others")
	wait(t, first, "the function is not called")
	require.NoError(t, b.Publish(within(t), Message{Topic: "a", Payload: []byte("stale"), Expiry: time.Second}))
	require.NoError(t, b.Publish(within(t), Message{Topic: "a", Payload: []byte("fresh"), Expiry: time.Hour}))
	time.AfterFunc(1100*time.Millisecond, func() { close(goOn) })
	wait(t, got, "no message")
	m := wait(t, got, "no message")
	require.Equal(t, "fresh", string(m.Payload))
	require.Less(t, m.Expiry, time.Hour)
	require.EqualValues(t, 1, b.tree.counters.DroppedExpired.Load())
}

func TestWhatMQTTCannotExpress(t *testing.T) {
	b := start(t)
	long := string(make([]byte, 70_000))
	for text, m := range map[string]Message{
		"user property":            {Topic: "a", UserProperties: []UserProperty{{Name: long}}},
		"Response Topic":           {Topic: "a", ResponseTopic: "a/#"},
		"Correlation Data":         {Topic: "a", CorrelationData: []byte(long)},
		"Content Type":             {Topic: "a", ContentType: "\xff"},
		"expires in -1s":           {Topic: "a", Expiry: -time.Second},
		"the topic has":            {Topic: string(make64k())},
		"largest Remaining Length": {Topic: "a", Payload: make([]byte, 268_435_455)},
	} {
		require.ErrorContains(t, b.Publish(within(t), m), text)
	}
}

// make64k is a Topic Name that MQTT allows and a store does not.
func make64k() []byte {
	name := make([]byte, 65_000)
	for i := range name {
		name[i] = 'a'
	}
	return name
}
