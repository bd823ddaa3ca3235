package routing

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/protocol/packet"
)

// sink is a receiver that takes everything at once.
type sink struct{}

func (sink) SendUserMessage(*actor.PID, any)   {}
func (sink) SendSystemMessage(*actor.PID, any) {}
func (sink) Stop(*actor.PID)                   {}
func (sink) UserMessageCount() int             { return 0 }
func (sink) Post(any) int                      { return 0 }
func (sink) Warm()                             {}

// benchTables has filters numbered from 0, spread over clients; filter says
// what the i-th is.
func benchTables(b *testing.B, filters, clients int, filter func(i int) string) *Tables {
	s := system.New(system.Options{Log: zap.NewNop()})
	t := New(s.Root(), 8, 4)
	receivers := make([]*message.Receiver, clients)
	for i := range receivers {
		receivers[i] = &message.Receiver{ID: uint64(i + 1), Mailbox: sink{}}
		receivers[i].Online.Store(true)
	}
	for shard := range t.Shards {
		edit := t.Snapshot(shard).Edit()
		for i := range filters {
			if f := filter(i); t.Shard(f) == shard {
				r := receivers[i%clients]
				edit.Put(f, r.ID, t.Subscription(r, &message.Filter{Name: f}))
			}
		}
		t.Publish(shard, edit.Commit())
	}
	return t
}

// BenchmarkPublishAmongWildcards publishes to ever other topics, each with one
// receiver by a filter with a wildcard: the whole way from the run to the
// receiver's mailbox, with nothing in the route cache. What is to be read is
// how little the number of filters matters.
func BenchmarkPublishAmongWildcards(b *testing.B) {
	for _, filters := range []int{100, 10_000, 100_000, 1_000_000} {
		b.Run(strconv.Itoa(filters), func(b *testing.B) {
			t := benchTables(b, filters, min(filters, 1000), func(i int) string { return fmt.Sprintf("site/%d/+/state", i) })
			runs := make([][]*packet.Run, 4096)
			random := rand.New(rand.NewPCG(1, 2))
			for i := range runs {
				name := fmt.Sprintf("site/%d/pump/state", random.IntN(filters))
				runs[i] = []*packet.Run{packet.NewRun(&packet.Publish{Topic: []byte(name), Payload: make([]byte, 128)}, packet.V311)}
			}
			p := NewPublisher(t, nil, 0)
			var codes []packet.ReasonCode
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				codes = p.Publish(runs[i%len(runs)], 0, codes[:0])
				if codes[0] != packet.Success {
					b.Fatal("no receiver")
				}
			}
		})
	}
}

// BenchmarkPublishManyTopics is the same for 400 messages that one read brought,
// all to topics that are not in the processor's cache, per message.
func BenchmarkPublishManyTopics(b *testing.B) {
	const batch = 400
	for _, filters := range []int{100, 10_000, 100_000, 1_000_000} {
		b.Run(strconv.Itoa(filters), func(b *testing.B) {
			t := benchTables(b, filters, min(filters, 1000), func(i int) string { return fmt.Sprintf("site/%d/+/state", i) })
			batches := make([][]*packet.Run, 256)
			random := rand.New(rand.NewPCG(1, 2))
			for i := range batches {
				for range batch {
					name := fmt.Sprintf("site/%d/pump/state", random.IntN(filters))
					batches[i] = append(batches[i], packet.NewRun(&packet.Publish{Topic: []byte(name), Payload: make([]byte, 128)}, packet.V311))
				}
			}
			p := NewPublisher(t, nil, 0)
			var codes []packet.ReasonCode
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				codes = p.Publish(batches[i%len(batches)], 0, codes[:0])
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batch, "ns/message")
		})
	}
}

// BenchmarkFanOut publishes to one topic with many receivers; allocations are
// per batch and must not grow with them.
func BenchmarkFanOut(b *testing.B) {
	for _, receivers := range []int{1, 500, 4000} {
		b.Run(strconv.Itoa(receivers), func(b *testing.B) {
			t := benchTables(b, receivers, receivers, func(int) string { return "all" })
			runs := []*packet.Run{packet.NewRun(&packet.Publish{Topic: []byte("all"), Payload: make([]byte, 128)}, packet.V311)}
			p := NewPublisher(t, nil, 0)
			var codes []packet.ReasonCode
			b.ReportAllocs()
			for b.Loop() {
				codes = p.Publish(runs, 0, codes[:0])
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(receivers), "ns/receiver")
		})
	}
}
