package local_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/troupemq/troupe/actors/local"
	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/internal/telemetry"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

type subscriber struct {
	pid      *actor.PID
	receiver *message.Receiver
	queue    *local.Queue
	ready    chan struct{}
	counters telemetry.Counters
	logs     *observer.ObservedLogs
	now      int64
}

func (s *scene) subscribe(bound int, overflow local.Overflow) *subscriber {
	core, logs := observer.New(zap.WarnLevel)
	u := &subscriber{ready: make(chan struct{}, 1), logs: logs, receiver: &message.Receiver{ID: 77}}
	u.queue = local.NewQueue(bound, overflow, func() int64 { return u.now }, &u.counters.DroppedExpired)
	actorOf := local.NewSubscriber(s.tables, local.Subscription{
		Receiver: u.receiver, Queue: u.queue, Ready: u.ready, Log: zap.New(core),
		Filter: message.Filter{Name: "a", Options: packet.SubscriptionOptions{QoS: packet.QoS1}, Replay: true},
	}, &u.counters)
	u.pid = s.Spawn("subscriber", func(*system.Mailbox) actor.Actor { return actorOf })
	return u
}

// takes takes what waits out of the queue.
func (u *subscriber) takes() (payloads []string) {
	for u.queue.Len() > 0 {
		p, _ := u.queue.Take()
		payloads = append(payloads, string(p.Payload))
	}
	return payloads
}

func deliver(payloads ...string) *message.Deliver {
	d := &message.Deliver{Terms: &session.Terms{QoS: packet.QoS1}}
	for _, p := range payloads {
		d.Runs = append(d.Runs, run(p))
	}
	return d
}

func TestSubscriptionIsAskedForUntilItIsPlaced(t *testing.T) {
	s := newScene(t)
	u := s.subscribe(10, local.DropOldest)
	shard := s.shards[s.tables.Shard("a")]
	asked := shard.Got()
	require.Len(t, asked, 1)
	require.Equal(t, u.receiver, asked[0].(*message.Subscribe).Receiver)
	require.True(t, u.receiver.Online.Load())
	s.Send(u.pid, &message.Resubscribe{})
	require.Equal(t, asked, shard.Got(), "the shard may have lost it")
	require.Empty(t, u.ready)
	s.Send(u.pid, &message.Subscribed{}, &message.Subscribed{})
	require.Len(t, u.ready, 1)
	s.Send(u.pid, &message.Resubscribe{}, (*message.Deliver)(nil), &message.Resubscribe{})
	require.Len(t, s.Failures, 1)
	require.Empty(t, shard.Got(), "once more would bring the retained messages once more")

	s.Root.Stop(u.pid)
	s.Settle()
	removed := shard.Got()
	require.Len(t, removed, 1)
	require.True(t, removed[0].(*message.Subscribe).Remove)
	require.False(t, u.receiver.Online.Load())
	_, more := u.queue.Take()
	require.False(t, more)
}

func TestOldestAreDroppedAndCounted(t *testing.T) {
	s := newScene(t)
	u := s.subscribe(10, local.DropOldest)
	for i := range 10 {
		s.Send(u.pid, deliver(fmt.Sprint(i)))
	}
	require.Zero(t, u.queue.Dropped())
	s.Send(u.pid, deliver("x", "y", "z"))
	require.EqualValues(t, 3, u.queue.Dropped())
	require.EqualValues(t, 3, u.counters.DroppedQueueFull.Load())
	require.Equal(t, 1, u.logs.Len())
	s.Send(u.pid, deliver("!"))
	require.Equal(t, 1, u.logs.Len(), "logged once per episode")
	s.Send(u.pid, (*message.Deliver)(nil)) // what waits outlives a failure
	require.Len(t, s.Failures, 1)
	require.Equal(t, []string{"4", "5", "6", "7", "8", "9", "x", "y", "z", "!"}, u.takes())

	s.Send(u.pid, deliver("later"))
	require.Equal(t, []string{"later"}, u.takes())
	for i := range 11 {
		s.Send(u.pid, deliver(fmt.Sprint(i)))
	}
	require.Equal(t, 2, u.logs.Len(), "the next episode")
	require.Equal(t, 2, u.logs.FilterMessage("subscription of the program is behind, oldest messages are dropped").
		FilterField(zap.Int("queued", 10)).FilterField(zap.String("filter", "a")).Len())
}

func TestNewestAreDropped(t *testing.T) {
	s := newScene(t)
	u := s.subscribe(3, local.DropNewest)
	s.Send(u.pid, deliver("1", "2", "3", "4"), deliver("5"))
	require.EqualValues(t, 2, u.queue.Dropped())
	require.Equal(t, []string{"1", "2", "3"}, u.takes())
}

func TestPublishersAreSlowedDown(t *testing.T) {
	s := newScene(t)
	u := s.subscribe(8, local.Slow)
	publisher := s.Witness()
	barrier := &message.Barrier{Publisher: publisher.PID, Receiver: u.receiver}
	s.Send(u.pid, deliver("1", "2", "3"), barrier)
	require.Equal(t, []any{&message.Credit{Receiver: u.receiver}}, publisher.Got())
	require.False(t, u.receiver.Full.Load())
	s.Send(u.pid, deliver("4"), barrier)
	require.True(t, u.receiver.Full.Load(), "half of it is full")
	require.Empty(t, publisher.Got())

	// What was on its way comes beyond the bound, but for QoS 0.
	zero := deliver("none")
	zero.Terms = &session.Terms{}
	s.Send(u.pid, deliver("5", "6", "7", "8", "9"), zero, deliver("10"))
	require.EqualValues(t, 1, u.queue.Dropped())
	require.Equal(t, 1, u.logs.FilterMessage("subscription of the program is behind, messages with QoS 0 are dropped").Len())
	for i := range 7 {
		p, _ := u.queue.Take()
		require.Equal(t, fmt.Sprint(i+1), string(p.Payload))
		s.Settle()
		require.Empty(t, publisher.Got())
	}
	s.Send(u.pid, (*message.Deliver)(nil), barrier) // who waits goes on to wait after a failure
	require.Len(t, s.Failures, 1)
	require.Empty(t, publisher.Got())
	u.queue.Take()
	s.Settle()
	require.Len(t, publisher.Got(), 2, "a quarter is left")
	require.False(t, u.receiver.Full.Load())

	s.Send(u.pid, deliver("a", "b", "c", "d"), barrier)
	require.Empty(t, publisher.Got())
	s.Root.Stop(u.pid)
	s.Settle()
	require.Len(t, publisher.Got(), 1, "nobody waits for one who has ended")
	require.False(t, u.receiver.Full.Load())
}

func TestRetainedMessagesComeAsTheyAreTaken(t *testing.T) {
	s := newScene(t)
	u := s.subscribe(4, local.DropOldest)
	keeper := s.Witness()
	retained := func(next *message.Replay, payloads ...string) *message.Retained {
		d := deliver(payloads...)
		return &message.Retained{Runs: d.Runs, Terms: &session.Terms{QoS: packet.QoS1, Retained: true}, Next: next}
	}
	next := &message.Replay{Retained: keeper.PID}
	s.Send(u.pid, retained(next, "1", "2", "3", "4", "5", "6"))
	require.Empty(t, keeper.Got())
	require.Zero(t, u.queue.Dropped())
	s.Send(u.pid, deliver("live"))
	require.EqualValues(t, 1, u.queue.Dropped(), "one comes, one goes")
	for i := range 5 {
		require.Empty(t, keeper.Got())
		p, _ := u.queue.Take()
		require.True(t, p.Retain)
		require.Equal(t, fmt.Sprint(i+2), string(p.Payload))
		s.Settle()
	}
	require.Equal(t, []any{next}, keeper.Got())
	s.Send(u.pid, retained(nil))
	require.Equal(t, []string{"live"}, u.takes())
	require.Empty(t, keeper.Got())
}

func TestRetainedMessageIsNotBehindANewerOne(t *testing.T) {
	s := newScene(t)
	u := s.subscribe(4, local.DropOldest)
	of := func(topic, payload string) *packet.Run {
		return packet.NewRun(&packet.Publish{Retain: true, Topic: []byte(topic), Payload: []byte(payload)}, packet.V5)
	}
	s.Send(u.pid,
		&message.Deliver{Runs: []*packet.Run{of("a", "new")}, Terms: &session.Terms{}},
		&message.Retained{Runs: []*packet.Run{of("a", "old"), of("b", "old")}, Terms: &session.Terms{Retained: true}},
	)
	require.Equal(t, []string{"new", "old"}, u.takes())
	// All of it has come: what comes now was asked for later.
	s.Send(u.pid, &message.Retained{Runs: []*packet.Run{of("a", "newer")}, Terms: &session.Terms{Retained: true}})
	require.Equal(t, []string{"newer"}, u.takes())
}

func TestTermsOfADelivery(t *testing.T) {
	s := newScene(t)
	u := s.subscribe(10, local.DropOldest)
	r := packet.NewRun(&packet.Publish{QoS: packet.QoS2, Retain: true, Topic: []byte("a"), Payload: []byte("x")}, packet.V5)
	s.Send(u.pid, &message.Deliver{Runs: []*packet.Run{r}, Terms: &session.Terms{QoS: packet.QoS1}})
	live, _ := u.queue.Take()
	require.Equal(t, packet.QoS1, live.QoS)
	require.False(t, live.Retain)
	require.Empty(t, live.SubscriptionIDs)
	s.Send(u.pid, &message.Deliver{Runs: []*packet.Run{r}, Terms: &session.Terms{QoS: packet.QoS1, RetainAsPublished: true, IDs: []uint32{7, 8}}})
	asPublished, _ := u.queue.Take()
	require.True(t, asPublished.Retain)
	require.Equal(t, []uint32{7, 8}, asPublished.SubscriptionIDs)
	kept := packet.NewRun(&packet.Publish{QoS: packet.QoS2, Retain: true, Topic: []byte("b")}, packet.V5)
	s.Send(u.pid, &message.Retained{Runs: []*packet.Run{kept}, Terms: &session.Terms{QoS: packet.QoS2, Retained: true}})
	replayed, _ := u.queue.Take()
	require.Equal(t, packet.QoS2, replayed.QoS)
	require.True(t, replayed.Retain)
	publisher := s.Witness()
	s.Send(u.pid, &message.Barrier{Publisher: publisher.PID, Receiver: u.receiver})
	require.Equal(t, []any{&message.Credit{Receiver: u.receiver}}, publisher.Got())
}

func TestMessagesThatWaitExpire(t *testing.T) {
	s := newScene(t)
	u := s.subscribe(10, local.DropOldest)
	u.now = 1_000_000
	for i, deadline := range []int64{u.now + 1500, u.now + 10_000, 0} {
		r := packet.NewRun(&packet.Publish{Topic: []byte("a"), Payload: []byte(fmt.Sprint(i)), HasMessageExpiry: deadline > 0, MessageExpiry: 77}, packet.V5)
		r.Deadline = deadline
		s.Send(u.pid, &message.Deliver{Runs: []*packet.Run{r}, Terms: &session.Terms{}})
	}
	u.now += 1500
	p, _ := u.queue.Take()
	require.Equal(t, "1", string(p.Payload))
	require.EqualValues(t, 9, p.MessageExpiry, "what is left of it, rounded up")
	require.EqualValues(t, 1, u.counters.DroppedExpired.Load())
	p, _ = u.queue.Take()
	require.Equal(t, "2", string(p.Payload))
	require.False(t, p.HasMessageExpiry)
}

func TestTicketIsReleasedByTheSubscriber(t *testing.T) {
	s := newScene(t)
	u := s.subscribe(1, local.DropOldest)
	journal, publisher := s.Witness(), s.Witness()
	ticket := message.NewTicket(s.Root, journal.PID, publisher.PID)
	ticket.Hold(1)
	d := deliver("x", "y")
	d.Ticket = ticket
	s.Send(u.pid, d)
	require.Empty(t, journal.Got())
	ticket.Release()
	require.Len(t, journal.Got(), 1)
}

func TestSubscriptionSaysWhenNothingWaits(t *testing.T) {
	s := newScene(t)
	u := s.subscribe(4, local.DropOldest)
	done := make(chan struct{}, 2)
	s.Send(u.pid, &message.Quiesce{Done: done})
	require.Len(t, done, 1)
	<-done
	s.Send(u.pid, deliver("1", "2"), &message.Quiesce{Done: done})
	u.queue.Take()
	require.Empty(t, done)
	u.queue.Take()
	require.Len(t, done, 1)
}

// TestTakersOfAQueue has goroutines take what one puts in, whatever the end.
func TestTakersOfAQueue(t *testing.T) {
	s := newScene(t)
	u := s.subscribe(1000, local.DropOldest)
	var taken atomic.Int64
	ended := make(chan struct{}, 4)
	for range cap(ended) {
		go func() {
			for _, more := u.queue.Take(); more; _, more = u.queue.Take() {
				taken.Add(1)
			}
			ended <- struct{}{}
		}()
	}
	for range 100 {
		s.Send(u.pid, deliver("1", "2", "3"), deliver("4"))
	}
	require.Eventually(t, func() bool { return taken.Load() == 400 }, 20*time.Second, time.Millisecond)
	u.queue.Close()
	u.queue.Close()
	for range cap(ended) {
		<-ended
	}
	<-u.queue.Ended()
	s.Send(u.pid, deliver("nobody"))
	require.Zero(t, u.queue.Len())
	require.Zero(t, u.queue.Dropped())
}
