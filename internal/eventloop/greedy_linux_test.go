package eventloop

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

// crowd is some connections on one loop that note when they are told to read.
type crowd struct {
	loop *loop
	ends []*end
	told []int
}

func newCrowd(t *testing.T, g *Group, n int) *crowd {
	c := &crowd{loop: g.loops[0]}
	for i := range n {
		ours, theirs := tcpPair(t)
		t.Cleanup(func() { _ = theirs.Close() })
		e := attach(t, g, c.loop, ours, func(_ *end, events Events) {
			require.Equal(t, Readable, events)
			c.told = append(c.told, i)
		})
		e.Stream.(*socket).wanted = Readable // the kernel is not asked: the test says what is ready
		c.ends = append(c.ends, e)
	}
	return c
}

func (c *crowd) socket(i int) *socket { return c.ends[i].Stream.(*socket) }

// report has the kernel find some connections readable, and returns who is told at once.
func (c *crowd) report(which ...int) []int {
	c.told = nil
	for at, i := range which {
		s := c.socket(i)
		c.loop.poller.ready[at] = unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(s.slot), Pad: int32(s.generation)}
	}
	c.loop.poller.count = len(which)
	c.loop.poller.dispatch(c.loop)
	return c.told
}

// greedy serves the greedy ones and returns who they were.
func (c *crowd) greedy() []int {
	c.told = nil
	c.loop.poller.greedy.dispatch(c.loop)
	return c.told
}

func TestGreedyWaitInTurn(t *testing.T) {
	g := start(t, 1)
	c := newCrowd(t, g, 8)
	on(c.loop, func() {
		for _, i := range []int{0, 1, 3, 4, 5, 6} {
			c.socket(i).greedy = true
		}
		require.Equal(t, []int{2, 7}, c.report(0, 1, 2, 3, 4, 5, 6, 7), "the calm ones come first")
		require.False(t, c.loop.idle(), "the loop must not sleep over those who wait")
		require.Equal(t, []int{0}, c.greedy(), "one is enough while others are calm")
		require.Empty(t, c.report(0, 1, 3, 4, 5, 6), "they are queued once, and behind those who wait")
		require.Equal(t, []int{1, 3, 4, 5}, c.greedy(), "among themselves they get more")
		require.Equal(t, ScratchSize, c.loop.ReadBudget())
		require.Equal(t, []int{2}, c.report(2))
		require.Equal(t, []int{6}, c.greedy())
		require.Equal(t, []int{0}, c.greedy())
		require.Empty(t, c.greedy())
		require.True(t, c.loop.idle())
	})
}

func TestGreedyThatLeaveAreForgotten(t *testing.T) {
	g := start(t, 2)
	c := newCrowd(t, g, 4)
	on(c.loop, func() {
		for i := range c.ends {
			c.socket(i).greedy = true
		}
		require.Empty(t, c.report(0, 1, 2, 3))
		require.NoError(t, c.ends[0].Close())
		c.socket(1).Move(g.loops[1])
		c.socket(2).wanted = 0 // it was told not to read
		require.Equal(t, []int{3}, c.greedy())
		c.socket(2).wanted = Readable
		require.Empty(t, c.report(2))
		require.Equal(t, []int{2}, c.greedy(), "it asks again when it may")
	})
}

// TestReadingTellsWhoIsGreedy has a socket with more than one read takes.
func TestReadingTellsWhoIsGreedy(t *testing.T) {
	g := start(t, 1)
	l := g.loops[0]
	ours, theirs := tcpPair(t)
	defer func() { _ = theirs.Close() }()
	const budget, sent = 8 << 10, 3*8<<10 + 1
	got, greedy := 0, 0
	all := make(chan struct{})
	e := attach(t, g, l, ours, func(e *end, _ Events) {
		n, err := e.Read(l.Scratch()[:budget])
		require.NoError(t, err)
		require.Equal(t, n == budget, e.Stream.(*socket).greedy)
		if e.Stream.(*socket).greedy {
			greedy++
		}
		if got += n; got == sent {
			close(all)
		}
	})
	_, err := theirs.Write(make([]byte, 2*budget)) // there before the first read
	require.NoError(t, err)
	on(l, func() { e.Interest(true, false) })
	_, err = theirs.Write(make([]byte, sent-2*budget))
	require.NoError(t, err)
	await(t, all)
	on(l, func() {
		require.NotZero(t, greedy)
		require.False(t, e.Stream.(*socket).greedy, "the last read left nothing")
		e.Interest(false, false)
	})
}

// TestLaterIsWhenTheFloodIsThrough has six sockets that flood a loop, and what
// they bring to others is put off.
func TestLaterIsWhenTheFloodIsThrough(t *testing.T) {
	l, err := newLoop(newClock(), zap.NewNop()) // the test takes its turns
	require.NoError(t, err)
	t.Cleanup(l.poller.close)
	g := &Group{loops: []*loop{l}}
	c := newCrowd(t, g, 6)
	for i := range c.ends {
		c.socket(i).greedy = true
	}
	ran, put := 0, 0
	later := &task{func() { ran++ }}
	putOff := &task{func() {
		require.True(t, l.Flooded())
		l.Later(later)
		put++
	}}
	require.False(t, l.Flooded())
	c.report(0, 1, 2, 3, 4, 5)
	l.Schedule(putOff)
	l.flood()
	require.Equal(t, []int{0, 1, 2, 3}, c.told)
	require.Equal(t, 1, put)
	l.flood()
	require.Equal(t, []int{0, 1, 2, 3, 4, 5}, c.told)
	require.Zero(t, ran)
	require.False(t, l.idle(), "the loop must not sleep over what was put off")
	l.flood()
	require.Equal(t, 1, ran, "all were read")
	require.True(t, l.idle())

	l.Schedule(putOff)
	for wave := range wavesMost { // they do not stop
		require.Equal(t, 1, ran, "wave %d", wave)
		c.report(0, 1, 2, 3, 4, 5)
		l.flood()
	}
	require.Equal(t, 2, ran, "nothing waits for the end of an endless flood")
	require.False(t, l.Flooded())
}

// TestManyGreedyWithLittleShareOneTurn has more sockets than one turn serves of those that have much.
func TestManyGreedyWithLittleShareOneTurn(t *testing.T) {
	l, err := newLoop(newClock(), zap.NewNop())
	require.NoError(t, err)
	t.Cleanup(l.poller.close)
	g := &Group{loops: []*loop{l}}
	const n = 3 * greedyReadsAlone
	read := 0
	for i := range n {
		ours, theirs := tcpPair(t)
		t.Cleanup(func() { _ = theirs.Close() })
		_, err := theirs.Write(make([]byte, 100))
		require.NoError(t, err)
		e := attach(t, g, l, ours, func(e *end, _ Events) {
			l.Schedule(&task{func() {
				got, err := e.Read(l.Scratch()[:l.ReadBudget()])
				require.NoError(t, err)
				read += got
			}})
		})
		s := e.Stream.(*socket)
		s.wanted, s.greedy = Readable, true
		l.poller.ready[i] = unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(s.slot), Pad: int32(s.generation)}
	}
	l.poller.count = n
	l.poller.dispatch(l)
	require.Zero(t, read)
	l.flood()
	require.Equal(t, n*100, read)
	require.True(t, l.poller.greedy.empty())
}
