package bridge

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestJudge holds the judge to what it has to see.
func TestJudge(t *testing.T) {
	s := newStream("s", "t", 2)
	for range 6 {
		number, _ := s.next()
		if number != 6 {
			s.acknowledge(number)
		}
	}
	a, b := newWitness(t, "a"), newWitness(t, "b")
	for _, payload := range []string{"s 1", "s 4", "s 3", "s 1", "of nobody"} {
		a.take([]byte(payload))
	}
	b.take([]byte("s 4"))
	v := s.judge(a, b)
	require.Equal(t, verdict{"s", 6, 5, []int{2, 5}, []int{1, 4}, []int{3}}, v)
	require.Equal(t, "s: 6 sent, 5 acknowledged, 2 lost, 2 repeated, 1 out of order; lost: 2 5; repeated: 1 4; out of order: 3", v.String())
	require.Equal(t, []string{"of nobody"}, a.other)
	require.Equal(t, 4, a.count())
}

// TestWithoutBridge has publishers and witnesses at one broker, which is killed in the end: what the tests of bridges count is not what the harness
// does itself.
func TestWithoutBridge(t *testing.T) {
	for _, kind := range []string{"troupe", "mosquitto", "mochi"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := peer(t, kind)
			five, three := watch5(t, b, "five", "out/#"), watch3(t, b, "three", "out/#")
			x := newTraffic(t, b, "out", time.Millisecond)
			x.start(100)
			x.wait()
			requireAll(t, x, exactly, five)
			requireAll(t, x, exactly, three)
		})
	}
	t.Run("killed", func(t *testing.T) {
		t.Parallel()
		b := peer(t, "troupe")
		five := watch5(t, b, "five", "out/#")
		x := newTraffic(t, b, "out", 2*time.Millisecond)
		x.start(400)
		for _, count := range []int{200, 400} {
			require.Eventually(t, func() bool { return five.count() >= count }, patience, time.Millisecond)
			b.kill()
			b.start()
		}
		x.wait()
		requireAll(t, x, exactly, five)
	})
}

// promise is what a test wants of the messages that were acknowledged.
type promise int

const (
	exactly promise = iota // none lost; with QoS 2 none repeated; in order
	atLeast                // none lost
)

// requireAll waits until the witnesses have, together, what was acknowledged, and another message of each publisher behind it, and judges.
func requireAll(t testing.TB, x *traffic, promised promise, witnesses ...*witness) {
	t.Helper()
	for range 2 {
		require.Eventually(t, func() bool { return x.arrived(witnesses...) }, patience, 10*time.Millisecond, "%v", lazily(func() any { return x.verdicts(witnesses...) }))
		x.start(1)
		x.wait()
	}
	require.Eventually(t, func() bool { return x.arrived(witnesses...) }, patience, 10*time.Millisecond)
	for i, v := range x.verdicts(witnesses...) {
		t.Log(v)
		require.Empty(t, v.lost, "%v", v)
		require.NotZero(t, v.acked, "%v", v)
		if promised == exactly {
			require.Empty(t, v.disorders, "%v", v)
			if x.publishers[i].qos == 2 {
				require.Empty(t, v.repeated, "%v", v)
			}
		}
	}
}

// lazily prints what it gives when it is printed.
type lazily func() any

func (l lazily) String() string { return fmt.Sprint(l()) }
