package eventloop

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const tickMilli = 1 << tickBits

// TestWheelAgainstModel arms, moves, disarms and advances at random and holds the wheel against a map.
func TestWheelAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := rapid.Int64Range(0, 1<<42).Draw(t, "start")
		w := NewWheel(now)
		due := make(map[int]int64) // the model: what is armed, and for when
		var fired []int
		timers := make([]*Timer, 8)
		for i := range timers {
			timers[i] = NewTimer(func() { fired = append(fired, i) })
		}
		pick := rapid.IntRange(0, len(timers)-1)
		distance := rapid.OneOf(rapid.Int64Range(-100, 100), rapid.Int64Range(0, 100_000), rapid.Int64Range(0, 1<<40))
		t.Repeat(map[string]func(*rapid.T){
			"start": func(t *rapid.T) {
				i, at := pick.Draw(t, "timer"), now+distance.Draw(t, "in")
				w.Start(timers[i], at)
				due[i] = max(at, now)
			},
			"stop": func(t *rapid.T) {
				i := pick.Draw(t, "timer")
				w.Stop(timers[i])
				delete(due, i)
			},
			"advance": func(t *rapid.T) {
				now += max(distance.Draw(t, "by"), 0)
				fired = fired[:0]
				w.Advance(now)
				last := int64(0)
				for _, i := range fired {
					at, armed := due[i]
					require.True(t, armed, "timer %d was not armed", i)
					require.LessOrEqual(t, at, now, "timer %d is early", i)
					require.GreaterOrEqual(t, at+tickMilli, last, "timer %d is out of order", i)
					last = at
					delete(due, i)
				}
				for i, at := range due {
					require.Greater(t, at+tickMilli, now, "timer %d did not fire", i)
				}
			},
			"": func(t *rapid.T) {
				require.Equal(t, len(due), w.Len())
				next := w.Next()
				require.Equal(t, len(due) == 0, next == 0)
				for i, at := range due {
					require.True(t, timers[i].Armed())
					require.Less(t, next, at+2*tickMilli)
				}
			},
		})
	})
}

// TestWheelSleepsUntilNext follows Next alone, as a loop does, and must get to every timer in few steps.
func TestWheelSleepsUntilNext(t *testing.T) {
	for _, in := range []int64{0, 1, 15, 16, 17, 1000, 1023, 1024, 65_536, 5_000_000, 1 << 35, 1 << 45} {
		const start = 1_700_000_000_123
		w := NewWheel(start)
		fired := false
		w.Start(NewTimer(func() { fired = true }), start+in)
		now, steps := int64(start), 0
		for !fired {
			require.Greater(t, w.Next(), now-tickMilli, "in %d: Next stands still", in)
			now = w.Next()
			w.Advance(now)
			require.Less(t, steps, 2*levels, "in %d", in)
			steps++
		}
		require.GreaterOrEqual(t, now, start+in)
		require.Less(t, now, start+in+2*tickMilli)
	}
}

func TestWheelRearmedByItself(t *testing.T) {
	w := NewWheel(1000)
	count := 0
	var timer Timer
	timer.Init(call(func() {
		count++
		w.Start(&timer, 0) // long past
	}))
	w.Start(&timer, 0)
	w.Advance(1000 + 10*tickMilli)
	require.Equal(t, 10, count, "once a tick, and no longer than the time that is given")
	w.Stop(&timer)
	w.Stop(&timer)
	require.Zero(t, w.Len())
}

func TestWheelFiresInOrderOfArming(t *testing.T) {
	w := NewWheel(0)
	var order []int
	for i := range 100 {
		w.Start(NewTimer(func() { order = append(order, i) }), 70_000)
	}
	w.Advance(80_000)
	require.IsIncreasing(t, order)
	require.Len(t, order, 100)
}

func TestWheelStopsAnotherThatIsDue(t *testing.T) {
	w := NewWheel(0)
	second := NewTimer(func() { t.Error("it was stopped") })
	first := NewTimer(func() { w.Stop(second) })
	w.Start(first, 100)
	w.Start(second, 100)
	w.Advance(1000)
	require.False(t, second.Armed())
}

func BenchmarkTimerMoved(b *testing.B) {
	w := NewWheel(0)
	timer := NewTimer(func() {})
	for i := range b.N {
		w.Start(timer, int64(i)+90_000)
		if i&15 == 0 {
			w.Advance(int64(i))
		}
	}
}
