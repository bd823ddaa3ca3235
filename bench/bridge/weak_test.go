package bridge

import (
	"context"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestWeakUpstream publishes much more than the link takes: what cannot be sent waits, the broker grows no more than its bounds allow, others do not
// notice, and when the link is wide again everything comes.
func TestWeakUpstream(t *testing.T) {
	t.Parallel()
	s := newScene(t, "troupe")
	w := watch5(t, s.upstream, "five", "out/#")
	flows(t, s.local, s.upstream, "out")
	s.proxy.toxic("bandwidth", `{"rate": 10}`)
	ctx, cancel := context.WithTimeout(t.Context(), *weak)
	defer cancel()
	const pace = 800 * time.Microsecond // of each of four streams: 5,000 messages/s where the link takes a hundred
	flood := newTraffic(t, s.local, "out", pace)
	flood.start(int(*weak / pace))

	other := &publisher{stream: newStream("other", "other/1", 1), broker: s.local, five: true}
	local := watch5(t, s.local, "bystander", "other/#")
	var slowest time.Duration
	before := resident(t, s.local)
	largest := before
	for ctx.Err() == nil {
		start := time.Now()
		other.run(t.Context(), 1)
		slowest = max(slowest, time.Since(start))
		largest = max(largest, resident(t, s.local))
		pause(ctx)
	}
	require.Eventually(t, func() bool { return len(other.judge(local).lost) == 0 }, patience, 10*time.Millisecond)
	waiting := 0
	for _, v := range flood.verdicts(w) {
		waiting += len(v.lost)
	}
	t.Logf("after %v: %d messages wait; resident %d MiB, %d MiB at first; a bystander's connection, message and acknowledgement took %v at most",
		*weak, waiting, largest>>20, before>>20, slowest.Round(time.Millisecond))
	require.Less(t, slowest, 10*time.Second)
	if largest > 0 {
		require.Less(t, largest-before, 256<<20)
	}
	s.proxy.heal()
	flood.wait()
	requireAll(t, flood, exactly, w)
}

// resident is how much memory the process has, in bytes; 0 where that is not known.
func resident(t testing.TB, b *broker) int {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	status, err := os.ReadFile("/proc/" + strconv.Itoa(b.cmd.Process.Pid) + "/status")
	require.NoError(t, err)
	found := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status)
	require.NotNil(t, found)
	kilobytes, err := strconv.Atoi(string(found[1]))
	require.NoError(t, err)
	return kilobytes << 10
}
