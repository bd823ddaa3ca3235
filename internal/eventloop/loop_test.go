package eventloop

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// task makes a function a Task.
type task struct{ f func() }

func (t *task) Run() { t.f() }

// on runs f on the loop's turn and waits for it.
func on(l Loop, f func()) {
	done := make(chan struct{})
	l.Schedule(&task{func() {
		defer close(done)
		f()
	}})
	<-done
}

// start makes a group that ends with the test.
func start(t testing.TB, n int) *Group {
	t.Helper()
	g, err := New(n, zap.NewNop())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close(context.Background())) })
	return g
}

func TestTasksRunInOrder(t *testing.T) {
	l := start(t, 1).Loops()[0]
	const writers, each = 8, 2000
	var got [writers][]int // on the loop alone: the race detector checks that
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() {
			for i := range each {
				l.Schedule(&task{func() { got[w] = append(got[w], i) }})
			}
		})
	}
	wait.Wait()
	on(l, func() {
		for w := range writers {
			require.Len(t, got[w], each)
			require.IsIncreasing(t, got[w])
		}
	})
}

// TestSleepingLoopIsWoken lets the loop fall asleep between tasks as often as it can: a lost wake-up would hang here.
func TestSleepingLoopIsWoken(t *testing.T) {
	loops := start(t, 2).Loops()
	var wait sync.WaitGroup
	var ran atomic.Int64
	const callers, rounds = 4, 2000
	for i := range callers {
		wait.Go(func() {
			for range rounds {
				on(loops[i%2], func() { ran.Add(1) })
			}
		})
	}
	wait.Wait()
	require.EqualValues(t, callers*rounds, ran.Load())
}

// TestLoopsWakeOneAnother passes a ball between two loops.
func TestLoopsWakeOneAnother(t *testing.T) {
	loops := start(t, 2).Loops()
	done := make(chan struct{})
	left := 5000
	var ball *task
	ball = &task{func() {
		if left--; left == 0 {
			close(done)
			return
		}
		loops[left%2].Schedule(ball)
	}}
	loops[0].Schedule(ball)
	<-done
}

func TestTimerOnALoop(t *testing.T) {
	l := start(t, 1).Loops()[0]
	fired := make(chan int64)
	var want int64
	on(l, func() {
		var timer *Timer
		timer = NewTimer(func() {
			if timer.Armed() {
				t.Error("a timer that fires is not armed any more")
			}
			fired <- l.Now()
		})
		want = l.Now() + 40
		l.Start(timer, want)
		stopped := NewTimer(func() { t.Error("it was stopped") })
		l.Start(stopped, want-20)
		l.Stop(stopped)
	})
	require.GreaterOrEqual(t, <-fired, want)
}

func TestTimerWakesAgainAndAgain(t *testing.T) {
	l := start(t, 1).Loops()[0]
	done := make(chan struct{})
	count := 0
	var timer Timer
	timer.Init(call(func() {
		if count++; count == 5 {
			close(done)
			return
		}
		l.Start(&timer, l.Now()+1)
	}))
	on(l, func() { l.Start(&timer, l.Now()+1) })
	<-done
}

func TestFailingTaskHarmsNoOther(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	g, err := New(1, zap.New(core))
	require.NoError(t, err)
	l := g.Loops()[0]
	ran := 0
	hold := make(chan struct{})
	l.Schedule(&task{func() { <-hold }}) // so that the next three are one batch
	l.Schedule(&task{func() { ran++ }})
	l.Schedule(&task{func() { panic("on purpose") }})
	l.Schedule(&task{func() { ran++ }})
	close(hold)
	on(l, func() { require.Equal(t, 2, ran) })
	on(l, func() { l.Start(NewTimer(func() { panic("on purpose") }), l.Now()) })
	fired := make(chan struct{})
	on(l, func() { l.Start(NewTimer(func() { close(fired) }), l.Now()+20) })
	<-fired
	require.NoError(t, g.Close(context.Background()))
	require.Equal(t, 2, logs.Len())
	require.Contains(t, logs.All()[0].ContextMap()["stack"], "TestFailingTaskHarmsNoOther")
}

func TestCloseRunsWhatIsQueued(t *testing.T) {
	g, err := New(1, zap.NewNop())
	require.NoError(t, err)
	l := g.Loops()[0]
	left := 1000
	var again *task
	again = &task{func() {
		if left--; left > 0 {
			l.Schedule(again)
		}
	}}
	l.Schedule(again)
	require.NoError(t, g.Close(context.Background()))
	require.Zero(t, left)
	l.Schedule(&task{func() { t.Error("the loop has ended") }})
}

func TestCloseGivesUpOnWhatNeverEnds(t *testing.T) {
	g, err := New(2, zap.NewNop())
	require.NoError(t, err)
	l := g.Loops()[1]
	ctx, cancel := context.WithCancel(context.Background())
	var again *task
	turns := 0
	again = &task{func() {
		if turns++; turns == 100 {
			cancel()
		}
		l.Schedule(again)
	}}
	l.Schedule(again)
	require.ErrorIs(t, g.Close(ctx), context.Canceled)
}

func TestNewCountsProcessors(t *testing.T) {
	g := start(t, 0)
	require.Len(t, g.Loops(), max(1, runtime.GOMAXPROCS(0)-1))
	for i, l := range g.Loops() {
		require.Same(t, l, g.Loops()[i])
		on(l, func() {
			require.Len(t, l.Scratch(), ScratchSize)
			require.Equal(t, budgetHigh, l.ReadBudget(), "nobody else reads")
		})
	}
}

func BenchmarkScheduleFromOutside(b *testing.B) {
	l := start(b, 1).Loops()[0]
	done := make(chan struct{}, 1)
	t := &task{func() { done <- struct{}{} }}
	b.ReportAllocs()
	for b.Loop() {
		l.Schedule(t)
		<-done
	}
}

func BenchmarkScheduleOnTheLoop(b *testing.B) {
	l := start(b, 1).Loops()[0]
	done := make(chan struct{})
	left := b.N
	var t *task
	t = &task{func() {
		if left--; left <= 0 {
			close(done)
			return
		}
		l.Schedule(t)
	}}
	b.ReportAllocs()
	b.ResetTimer()
	l.Schedule(t)
	<-done
}

func BenchmarkScheduleOnAnotherLoop(b *testing.B) {
	loops := start(b, 2).Loops()
	done := make(chan struct{})
	left := b.N
	var t *task
	t = &task{func() {
		if left--; left <= 0 {
			close(done)
			return
		}
		loops[left&1].Schedule(t)
	}}
	b.ReportAllocs()
	b.ResetTimer()
	loops[0].Schedule(t)
	<-done
}
