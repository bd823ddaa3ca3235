package bench_test

import (
	"context"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/bench"
	"github.com/troupemq/troupe/protocol/packet"
)

// broker starts a broker in this process, whose own time and memory are what is measured then.
func broker(t *testing.T) bench.Target {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b, err := troupe.New(troupe.WithDataDir(""), troupe.WithoutListeners(), troupe.WithListener("test", l, true))
	require.NoError(t, err)
	require.NoError(t, b.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // at once
		_ = b.Shutdown(ctx)
		<-b.Done()
	})
	target := bench.Target{Name: "troupe", URI: "mqtt://" + l.Addr().String()}
	if runtime.GOOS == "linux" {
		target.PID = os.Getpid()
	}
	return target
}

// A real broker is honest in all versions and levels, as far as a short run can tell.
func TestMessages(t *testing.T) {
	target := broker(t)
	for _, versions := range [][2]packet.Version{{4, 4}, {5, 5}, {4, 5}, {5, 4}} {
		for qos := range packet.QoS2 + 1 {
			w := bench.Workload{Name: "w", Kind: bench.Messages, WarmUp: 10 * time.Millisecond, Duration: 200 * time.Millisecond,
				Traffic: []bench.Traffic{{
					Publishers: 4, Subscribers: 4, PublishQoS: qos, SubscribeQoS: qos, PublishVersion: versions[0],
					SubscribeVersion: versions[1], Payload: 100, Loop: bench.Closed, Window: 50,
				}}}
			phases := make(map[string]bool)
			result, err := bench.Run(t.Context(), w, target, bench.WithProgress(func(p bench.Progress) { phases[p.Phase] = true }))
			require.NoError(t, err)
			d := *result.Delivery
			require.Positive(t, d.Delivered)
			want := bench.Delivery{Traffic: "bench", Sent: d.Sent, Expected: d.Sent, Delivered: d.Sent, Rate: d.Rate}
			require.Equal(t, want, d, "QoS %d from %s to %s", qos, versions[0], versions[1])
			require.True(t, phases[bench.Measuring])
			if target.PID > 0 {
				require.Positive(t, result.Usage.CPU)
				require.Positive(t, result.Usage.PeakResident)
			}
		}
	}
}

func TestConnects(t *testing.T) {
	w := bench.Workload{Name: "w", Kind: bench.Connects, Connections: 3, Duration: time.Second}
	result, err := bench.Run(t.Context(), w, broker(t))
	require.NoError(t, err)
	require.Positive(t, result.Connects.Count)
	require.Positive(t, result.Connects.PerSecond)
	require.Zero(t, result.Connects.Failed)
}

func TestIdle(t *testing.T) {
	w := bench.Workload{Name: "w", Kind: bench.Idle, Connections: 50, Subscriptions: 50}
	target := broker(t)
	result, err := bench.Run(t.Context(), w, target)
	if target.PID == 0 {
		require.ErrorContains(t, err, "its process must be known (Target.PID)")
		return
	}
	require.NoError(t, err)
	require.Equal(t, int64(50), result.Connects.Count)
	require.Zero(t, result.Connects.Failed)
	require.Equal(t, "connection with a subscription", result.Memory.Of)
	require.Equal(t, int64(50), result.Memory.Count)
}

// What a run leaves behind it takes away, so that the next one finds as little as the first.
func TestRetained(t *testing.T) {
	w := bench.Workload{Name: "w", Kind: bench.Retained, Count: 2500, Payload: 100}
	target := broker(t)
	target.PID = 0
	for range 2 {
		result, err := bench.Run(t.Context(), w, target)
		require.NoError(t, err)
		require.Equal(t, bench.Replay{Expected: 2500, Received: 2500, First: result.Replay.First, Took: result.Took}, *result.Replay)
		require.Positive(t, result.Replay.First)
		require.GreaterOrEqual(t, result.Took, result.Replay.First)
	}
	other := w
	other.Name, other.Count = "other", 1
	result, err := bench.Run(t.Context(), other, target)
	require.NoError(t, err)
	require.Equal(t, int64(1), result.Replay.Received)
}

func TestQueued(t *testing.T) {
	w := bench.Workload{Name: "w", Kind: bench.Queued, Connections: 5, Count: 300, Payload: 100}
	target := broker(t)
	for range 2 {
		result, err := bench.Run(t.Context(), w, target)
		if target.PID == 0 {
			require.ErrorContains(t, err, "its process must be known (Target.PID)")
			return
		}
		require.NoError(t, err)
		require.Equal(t, bench.Replay{Expected: 1500, Received: 1500, First: result.Replay.First, Took: result.Took}, *result.Replay)
		require.Positive(t, result.Replay.First)
		require.GreaterOrEqual(t, result.Took, result.Replay.First)
		require.Positive(t, result.Usage.PeakResident, "while they came")
		require.Equal(t, int64(1500), result.Memory.Count)
	}
}

// What is acknowledged for Sessions that are away comes when they are back, and every run begins with nothing.
func TestAcknowledged(t *testing.T) {
	w := bench.Workload{Name: "w", Kind: bench.Acknowledged, Connections: 5, Payload: 100, Window: 20, WarmUp: 5 * time.Millisecond, Duration: 40 * time.Millisecond}
	target := broker(t)
	for range 2 {
		phases := make(map[string]bool)
		result, err := bench.Run(t.Context(), w, target, bench.WithProgress(func(p bench.Progress) { phases[p.Phase] = true }))
		require.NoError(t, err)
		d := *result.Delivery
		require.Positive(t, d.Sent)
		require.Positive(t, d.Rate)
		require.Equal(t, bench.Delivery{Traffic: "w", Sent: d.Sent, Expected: d.Sent, Delivered: d.Sent, Rate: d.Rate}, d)
		require.LessOrEqual(t, d.Rate*result.Took.Seconds(), float64(d.Sent)+1)
		require.True(t, phases[bench.Measuring])
		if target.PID > 0 {
			require.Positive(t, result.Usage.CPUPerMillion)
			require.Positive(t, result.Usage.PeakResident)
		}
	}
}
