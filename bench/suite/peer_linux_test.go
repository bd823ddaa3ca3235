package suite

import (
	"context"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/bench"
	"github.com/troupemq/troupe/bench/peer"
	"github.com/troupemq/troupe/protocol/packet"
)

// process is a peer that is a process, and keeps the last one's PID.
func process(t *testing.T, name string, pid *int) Broker {
	binary, err := os.Executable()
	require.NoError(t, err)
	b := Peer(peer.Peer{Binary: binary, Version: "1", Definition: peer.Definition{
		Name:        name,
		Command:     []string{"{binary}", "127.0.0.1:{port}"},
		Environment: []string{role + "=broker"},
	}})
	start := b.start
	b.start = func(ctx context.Context) (instance, error) {
		i, err := start(ctx)
		*pid = i.target.PID
		return i, err
	}
	return b
}

func short(name string, publishers, subscribers int, q packet.QoS) bench.Workload {
	w := workload(name)
	w.WarmUp, w.Duration = 10*time.Millisecond, 100*time.Millisecond
	w.Traffic[0].Publishers, w.Traffic[0].Subscribers = publishers, subscribers
	w.Traffic[0].PublishQoS, w.Traffic[0].SubscribeQoS = q, q
	return w
}

// Clients of bench and the null broker understand one another in all that the null broker claims to carry.
func TestNullBrokerIsMeasured(t *testing.T) {
	var pid int
	p := Plan{
		Workloads: []bench.Workload{
			short("pairs0", 3, 3, packet.QoS0), short("pairs1", 3, 3, packet.QoS1), short("pairs2", 3, 3, packet.QoS2),
			short("out", 1, 8, packet.QoS0), short("in", 8, 1, packet.QoS0),
		},
		Brokers: []Broker{process(t, "one", &pid), process(t, "other", &pid)},
		Rounds:  1,
	}
	seen := make(map[int]bool)
	r, err := p.Run(t.Context(), func(e Event) {
		if e.Kind == Ended {
			require.False(t, seen[pid], "each run has a process of its own")
			seen[pid] = true
		}
	})
	require.NoError(t, err)
	require.Equal(t, "pairs01 one, pairs01 other, pairs11 one, pairs11 other, pairs21 one, pairs21 other, out1 one, out1 other, in1 one, in1 other", ran(r))
	for _, run := range r.Runs {
		d := run.Result.Delivery
		require.Positive(t, d.Delivered, "%+v", run)
		require.Equal(t, d.Expected, d.Delivered, "%+v", d)
		require.Zero(t, d.Lost+d.Duplicated+d.Reordered, "%+v", d)
		require.NotNil(t, run.Result.Usage)
	}
}

func TestPeerThatDiesInTheMiddle(t *testing.T) {
	var pid int
	w := short("A", 2, 2, packet.QoS0)
	w.Duration = time.Hour
	p := Plan{Workloads: []bench.Workload{w}, Brokers: []Broker{process(t, "mortal", &pid)}, Rounds: 2}
	killed := make(map[int]bool)
	r, err := p.Run(t.Context(), func(e Event) {
		if e.Progress.Phase == bench.Measuring && !killed[pid] {
			killed[pid] = true
			require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		}
	})
	require.NoError(t, err)
	require.Len(t, killed, 2)
	const died = "partial: peer: mortal died: signal: killed; it said:\n\tlistening"
	require.Equal(t, "A1 mortal "+died+", A2 mortal "+died, ran(r))
}
