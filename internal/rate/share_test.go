package rate

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupemq/troupe/internal/eventloop"
)

// fakeLoop is a loop that stands still until the test says so.
type fakeLoop struct {
	eventloop.Loop
	now   int64
	wheel *eventloop.Wheel
	queue []eventloop.Task
}

func newFakeLoop() *fakeLoop {
	return &fakeLoop{now: 1_000_000, wheel: eventloop.NewWheel(1_000_000)}
}

func (l *fakeLoop) Now() int64                         { return l.now }
func (l *fakeLoop) Start(t *eventloop.Timer, at int64) { l.wheel.Start(t, at) }
func (l *fakeLoop) Schedule(t eventloop.Task)          { l.queue = append(l.queue, t) }

// settle runs all that is scheduled.
func (l *fakeLoop) settle() {
	for len(l.queue) > 0 {
		t := l.queue[0]
		l.queue = l.queue[1:]
		t.Run()
	}
}

// pass lets time pass, a millisecond at a time.
func (l *fakeLoop) pass(ms int, each func()) {
	for range ms {
		l.now++
		l.wheel.Advance(l.now)
		l.settle()
		each()
		l.settle()
	}
}

// sender floods, or sends so much every so often.
type sender struct {
	share      *Share
	loop       *fakeLoop
	size       int // bytes of one message
	waits, due bool
	left       int // messages it would still send; -1: any number
	messages   int
	bytes      int
	asked      int64
	longest    int64 // ms from asking to the turn
}

func (s *sender) Turn() { s.due = true }

// run does what a connection does in a turn of its loop.
func (s *sender) run() {
	switch {
	case s.due:
		s.due, s.waits = false, false
		s.longest = max(s.longest, s.loop.now-s.asked)
		s.read()
		s.share.Taken(s, s.loop.now)
	case s.waits || s.left == 0:
	case s.share.May(s.loop.now):
		s.read()
	default:
		s.waits, s.asked = true, s.loop.now
		s.share.Wait(s, s.loop.now)
	}
}

func (s *sender) read() {
	n := min(max(1, s.share.Bytes(s.loop.now)/s.size), s.share.Messages(s.loop.now))
	if s.left >= 0 {
		n = min(n, s.left)
		s.left -= n
	}
	s.messages += n
	s.bytes += n * s.size
	s.share.Took(n, n*s.size, s.loop.now)
}

// However many send however large messages, over some seconds they are held to
// both rates, use up the one that binds, and each comes to its turn.
func TestRateIsKeptAndUsed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		loop := newFakeLoop()
		share := New(loop, func(bool, time.Duration) {})
		messages := rapid.SampledFrom([]int64{0, 1, 7, 100, 1000, 50_000}).Draw(t, "messages")
		bytes := rapid.SampledFrom([]int64{0, 10_000, 1 << 20, 50 << 20}).Draw(t, "bytes")
		if messages == 0 && bytes == 0 {
			return
		}
		share.Set(messages, bytes)
		size := rapid.SampledFrom([]int{7, 40, 200, 1500}).Draw(t, "size")
		senders := make([]*sender, rapid.IntRange(1, 40).Draw(t, "senders"))
		for i := range senders {
			senders[i] = &sender{share: share, loop: loop, size: size, left: -1}
		}
		const seconds = 5
		loop.pass(seconds*1000, func() {
			for turn := range 4 { // a loop takes many in a millisecond, and nobody is always the first
				for i := range senders {
					senders[(turn+int(loop.now*7919)+i)%len(senders)].run()
					loop.settle()
				}
			}
		})
		all, most, least := 0, 0, 1<<62
		for _, s := range senders {
			all += s.messages
			most, least = max(most, s.messages), min(least, s.messages)
		}
		want := float64(1 << 62)
		if messages > 0 {
			want = seconds * float64(messages)
		}
		if bytes > 0 {
			want = min(want, seconds*float64(bytes)/float64(size))
		}
		slack := float64(share.turn()/size*len(senders)) + 2 // a turn of each may be under way
		require.LessOrEqual(t, float64(all), 1.05*want+slack)
		require.GreaterOrEqual(t, float64(all), 0.95*want-slack)
		require.LessOrEqual(t, most, 2*least+(2*share.turn()+eventloop.ScratchSize)/size+2, "one got much more than another")
	})
}

// Who sends a little beside those that flood waits for a turn of each, and not
// for all that they have.
func TestCalmBesideFlood(t *testing.T) {
	loop := newFakeLoop()
	share := New(loop, func(bool, time.Duration) {})
	share.Set(0, 1<<20)
	var flood []*sender
	for range 50 {
		flood = append(flood, &sender{share: share, loop: loop, size: 1000, left: -1})
	}
	calm := &sender{share: share, loop: loop, size: 100}
	loop.pass(10_000, func() {
		if loop.now%500 == 0 {
			calm.left = 1
		}
		for _, s := range append(flood, calm) {
			s.run()
			loop.settle()
		}
	})
	require.GreaterOrEqual(t, calm.messages, 18)
	require.Less(t, calm.longest, int64(700), "fifty turns of 10 KiB at 1 MiB a second are half a second")
}

// Many that have little each are held up by the rate and by nothing else.
func TestManyWithLittleUseTheRate(t *testing.T) {
	loop := newFakeLoop()
	share := New(loop, func(bool, time.Duration) {})
	share.Set(0, 100_000)
	var all []*sender
	for range 2000 {
		all = append(all, &sender{share: share, loop: loop, size: 100})
	}
	loop.pass(5000, func() {
		for i, s := range all {
			if (loop.now+int64(i))%1000 == 0 {
				s.left++
			}
			s.run()
			loop.settle()
		}
	})
	bytes := 0
	for _, s := range all {
		bytes += s.bytes
	}
	require.InDelta(t, 500_000, bytes, 30_000)
}

func TestWhoLeavesHoldsNobodyUp(t *testing.T) {
	loop := newFakeLoop()
	share := New(loop, func(bool, time.Duration) {})
	share.Set(10, 0)
	gone := []*sender{{}, {}, {}}
	share.Took(20, 0, loop.now) // overdrawn
	for _, s := range gone {
		share.Wait(s, loop.now)
	}
	last := &sender{}
	share.Wait(last, loop.now)
	require.EqualValues(t, 4, share.Figures(loop.now).Waiting)
	for _, s := range gone {
		share.Leave(s, loop.now)
	}
	loop.pass(3000, func() {})
	require.True(t, last.due)
	share.Leave(last, loop.now) // it ended before it made use of its turn
	share.Leave(last, loop.now)
	require.Zero(t, share.Figures(loop.now).Waiting)
	require.Empty(t, share.given)
	require.Empty(t, share.places)
}

func TestAnEpisodeIsToldOnce(t *testing.T) {
	loop := newFakeLoop()
	var told []bool
	var waited time.Duration
	share := New(loop, func(over bool, d time.Duration) { told, waited = append(told, over), d })
	share.Set(10, 0)
	s := &sender{share: share, loop: loop, size: 10, left: 41}
	loop.pass(6000, s.run)
	require.Equal(t, []bool{false}, told)
	loop.pass(10_000, s.run)
	require.Equal(t, []bool{false, true}, told)
	require.InDelta(t, 4*time.Second, waited, float64(200*time.Millisecond))
	f := share.Figures(loop.now)
	require.EqualValues(t, 1, f.Episodes)
	require.Equal(t, waited, f.Time)
}

func TestBoundsChangeWhileSomebodyWaits(t *testing.T) {
	loop := newFakeLoop()
	share := New(loop, func(bool, time.Duration) {})
	share.Set(1, 0)
	s := &sender{share: share, loop: loop, size: 10, left: 10_000}
	loop.pass(100, s.run)
	require.Less(t, s.messages, 5)
	share.Set(0, 0)
	require.False(t, share.On())
	loop.pass(100, s.run)
	require.Zero(t, s.left)
}

func TestNoShareHoldsNobodyUp(t *testing.T) {
	var none *Share
	require.False(t, none.On())
	none.Leave(&sender{}, 1)
	require.False(t, New(newFakeLoop(), nil).On())
}
