package bridge

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ctl runs `troupe ctl` against a broker that runs.
func ctl(t testing.TB, b *broker, args ...string) string {
	t.Helper()
	args = append([]string{"ctl"}, args...)
	command := exec.Command(binary, append(args, "-c", filepath.Join(b.dir, "c.yaml"), "--data-dir", filepath.Join(b.dir, "data"))...)
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// TestPlannedSwitch has an operator switch again and again while messages flow: the link that is left completes what it has, so that nothing is lost, and
// with neither QoS anything repeated, over both upstreams together.
func TestPlannedSwitch(t *testing.T) {
	for _, kind := range []string{"troupe", "mosquitto"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, kind, "order: rotate")
			p.begin(t)
			first, second := watch5(t, p.first.upstream, "five", "out/#"), watch5(t, p.second.upstream, "five", "out/#")
			x := newTraffic(t, p.local, "out", 5*time.Millisecond)
			x.start(60 * *switches)
			for i := range *switches {
				there := []*witness{second, first}[i%2]
				before := there.count()
				ctl(t, p.local, "bridge", "switch", "up")
				require.Eventually(t, func() bool { return there.count() > before+20 }, patience, time.Millisecond, "switch %d", i+1)
			}
			x.wait()
			requireAll(t, x, atLeast, first, second)
			for _, v := range x.verdicts(first, second) {
				require.Empty(t, v.repeated, "%v", v)
			}
		})
	}
}
