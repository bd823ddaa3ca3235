package troupe

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
)

// What docs/embedding.md promises, where no other test holds it.

// Publish lets go of the message: its slices may be written to at once.
func TestPublishLetsGo(t *testing.T) {
	b := start(t)
	const n = 1000
	got := make(chan *Message, n)
	for _, qos := range []QoS{AtMostOnce, ExactlyOnce} {
		_, err := b.SubscribeChan(within(t), fmt.Sprint("t/", qos), ExactlyOnce, got, WithQueue(n, SlowPublishers))
		require.NoError(t, err)
		payload, data, user := make([]byte, 8), make([]byte, 8), []UserProperty{{Name: "n"}}
		for i := range n {
			copy(payload, fmt.Sprintf("%08d", i))
			copy(data, payload)
			user[0].Value = string(payload)
			require.NoError(t, b.Publish(within(t), Message{
				Topic: fmt.Sprint("t/", qos), Payload: payload, CorrelationData: data, UserProperties: user, QoS: qos,
			}))
		}
		// And what is received may be kept: it does not change.
		var kept []*Message
		for range n {
			kept = append(kept, wait(t, got, "a message is missing"))
		}
		for i, m := range kept {
			want := fmt.Sprintf("%08d", i)
			require.Equal(t, want, string(m.Payload))
			require.Equal(t, want, string(m.CorrelationData))
			require.Equal(t, []UserProperty{{"n", want}}, m.UserProperties)
		}
	}
}

// A function of a subscription may call the Broker, and its own subscription.
func TestFunctionCallsTheBroker(t *testing.T) {
	b := start(t)
	ctx, ended := within(t), make(chan struct{})
	ready := make(chan struct{})
	var sub *Subscription
	sub, err := b.Subscribe(ctx, "count/+", AtLeastOnce, func(m *Message) {
		<-ready
		if m.Topic == "count/9" {
			require.NoError(t, sub.Close())
			close(ended)
			return
		}
		var n int
		_, _ = fmt.Sscanf(m.Topic, "count/%d", &n)
		inner, err := b.Subscribe(ctx, "other", AtMostOnce, func(*Message) {})
		if err == nil {
			err = inner.Close()
		}
		if err == nil {
			err = b.Publish(ctx, Message{Topic: fmt.Sprint("count/", n+1), QoS: AtLeastOnce})
		}
		require.NoError(t, err)
	})
	require.NoError(t, err)
	close(ready)
	require.NoError(t, b.Publish(ctx, Message{Topic: "count/0", QoS: AtLeastOnce}))
	wait(t, ended, "the function waits for itself")
	wait(t, sub.Done(), "the subscription does not end")
	require.NoError(t, sub.Err())
}

// What one goroutine publishes comes in that order, across topics and levels.
func TestOrderOfOneGoroutine(t *testing.T) {
	b := start(t)
	const publishers, n = 4, 500
	got := make(chan *Message, publishers*n)
	_, err := b.SubscribeChan(within(t), "#", ExactlyOnce, got, WithQueue(publishers*n, SlowPublishers))
	require.NoError(t, err)
	var all sync.WaitGroup
	for p := range publishers {
		all.Go(func() {
			for i := range n {
				m := Message{Topic: fmt.Sprintf("%d/%d", i%7, p), Payload: fmt.Append(nil, i), QoS: QoS(i % 3)}
				if err := b.Publish(context.Background(), m); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	var next [publishers]int
	for range publishers * n {
		m := wait(t, got, "a message is missing")
		var level, p int
		_, err := fmt.Sscanf(m.Topic, "%d/%d", &level, &p)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(next[p]), string(m.Payload))
		next[p]++
	}
}

type panicking struct{}

func (panicking) Permissions(_ context.Context, c Client) (Permissions, error) {
	if c.ID == "harmless" {
		return nil, nil
	}
	return panicking{}, nil
}

func (panicking) MayPublish([]byte, packet.QoS, bool) bool      { panic("boom") }
func (panicking) MaySubscribe(filter string, _ packet.QoS) bool { return true }

// Permissions that panic cost their Client the connection, and no other anything.
func TestPermissionsThatPanic(t *testing.T) {
	b := start(t, WithAuthorizer(panicking{}))
	harmless, c := connect(t, b, "harmless"), connect(t, b, "c")
	c.subscribe(packet.QoS1, "t")
	c.write((&packet.Publish{QoS: packet.QoS1, PacketID: 9, Topic: []byte("t")}).Append(nil, packet.V5))
	c.gone()
	require.Equal(t, packet.Success, harmless.publish(packet.QoS1, "t", "x"))
	again := connect(t, b, "c")
	require.True(t, again.present)
	again.gets("x")
}

// Shutdown may be called by several at once, and again.
func TestShutdownByMany(t *testing.T) {
	b := start(t)
	connect(t, b, "c")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := b.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.NoError(t, b.Shutdown(context.Background()))
	require.NoError(t, b.Err())
	require.ErrorIs(t, b.Publish(within(t), Message{Topic: "t"}), ErrNotRunning)
}
