package troupe

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
)

// What it costs a program to hand a message to itself, by the way it gets it.
// Publishers wait for who takes it, so that this is the pace of both together.
func BenchmarkSubscription(b *testing.B) {
	ways := map[string]func(b *testing.B, broker *Broker, got func()) *Subscription{
		"function": func(b *testing.B, broker *Broker, got func()) *Subscription {
			s, err := broker.Subscribe(context.Background(), "a", AtLeastOnce, func(*Message) { got() }, WithQueue(1000, SlowPublishers))
			require.NoError(b, err)
			return s
		},
		"channel": func(b *testing.B, broker *Broker, got func()) *Subscription {
			messages := make(chan *Message, 64)
			s, err := broker.SubscribeChan(context.Background(), "a", AtLeastOnce, messages, WithQueue(1000, SlowPublishers))
			require.NoError(b, err)
			go func() {
				for {
					select {
					case <-messages:
						got()
					case <-s.Done():
						return
					}
				}
			}()
			return s
		},
		"actor": func(b *testing.B, broker *Broker, got func()) *Subscription {
			return benchActor(b, broker, got, WithQueue(1000, SlowPublishers))
		},
		"actor that answers": func(b *testing.B, broker *Broker, got func()) *Subscription {
			return benchActor(b, broker, got, WithQueue(1000, SlowPublishers), WithAnswers())
		},
	}
	for _, way := range []string{"function", "channel", "actor", "actor that answers"} {
		b.Run(way, func(b *testing.B) {
			broker, err := New(WithoutListeners(), WithDataDir(""))
			require.NoError(b, err)
			require.NoError(b, broker.Start(context.Background()))
			defer func() { require.NoError(b, broker.Shutdown(context.Background())) }()
			var left atomic.Int64
			left.Store(int64(b.N))
			done := make(chan struct{})
			s := ways[way](b, broker, func() {
				if left.Add(-1) == 0 {
					close(done)
				}
			})
			m := Message{Topic: "a", Payload: make([]byte, 64), QoS: AtLeastOnce}
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				require.NoError(b, broker.Publish(context.Background(), m))
			}
			<-done
			b.StopTimer()
			require.Zero(b, s.Dropped())
		})
	}
}

func benchActor(b *testing.B, broker *Broker, got func(), options ...SubscribeOption) *Subscription {
	pid := broker.ActorSystem().Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if _, ok := ctx.Message().(*Message); ok {
			got()
			ctx.Respond(nil)
		}
	}))
	s, err := broker.SubscribePID(context.Background(), "a", AtLeastOnce, pid, options...)
	require.NoError(b, err)
	return s
}
