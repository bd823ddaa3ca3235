package troupe

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAPanicOfTheProgramsFunctionCostsOneMessage(t *testing.T) {
	logged := newDiary()
	b := start(t, logged.option())
	ctx := within(t)
	got := make(chan string, 2)
	_, err := b.Subscribe(ctx, "a", AtLeastOnce, func(m *Message) {
		if string(m.Payload) == "bad" {
			panic("boom")
		}
		got <- string(m.Payload)
	})
	require.NoError(t, err)
	for _, payload := range []string{"bad", "good"} {
		require.NoError(t, b.Publish(ctx, Message{Topic: "a", Payload: []byte(payload)}))
	}
	require.Equal(t, "good", wait(t, got, "what comes after the panic"))
	logged.await(t, 1, "a function of the program failed", "filter", "a")
}

func TestAFunctionThatEndsItsGoroutineCostsOneMessage(t *testing.T) {
	logged := newDiary()
	b := start(t, logged.option())
	ctx := within(t)
	got := make(chan string, 1)
	s, err := b.Subscribe(ctx, "a", AtLeastOnce, func(m *Message) {
		if string(m.Payload) == "bad" {
			runtime.Goexit()
		}
		got <- string(m.Payload)
	}, WithQueue(1, SlowPublishers))
	require.NoError(t, err)
	for _, payload := range []string{"bad", "bad", "good"} {
		require.NoError(t, b.Publish(ctx, Message{Topic: "a", Payload: []byte(payload), QoS: AtLeastOnce}))
	}
	require.Equal(t, "good", wait(t, got, "what comes after the ends"))
	logged.await(t, 2, "a function of the program failed", "filter", "a")
	require.NoError(t, s.Close())
	wait(t, s.Done(), "the end of the subscription")
}

func TestAClosedChannelEndsItsSubscriptionAlone(t *testing.T) {
	b := start(t)
	ctx := within(t)
	closed, open := make(chan *Message), make(chan *Message, 2)
	s, err := b.SubscribeChan(ctx, "a", AtLeastOnce, closed)
	require.NoError(t, err)
	other, err := b.SubscribeChan(ctx, "a", AtLeastOnce, open)
	require.NoError(t, err)
	close(closed)
	for range 2 {
		require.NoError(t, b.Publish(ctx, Message{Topic: "a", QoS: AtLeastOnce}))
		wait(t, open, "what comes to the other channel")
	}
	wait(t, s.Done(), "the end of the subscription")
	require.ErrorIs(t, s.Err(), ErrChannelClosed)
	require.NoError(t, s.Close(), "it has ended, and the broker has not")
	require.NoError(t, other.Err())
}
