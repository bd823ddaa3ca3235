package link

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/internal/rate"
	"github.com/troupemq/troupe/protocol/packet"
)

// What a bridge brings waits for its turn, all of it comes, and meanwhile nobody
// takes the upstream for dead.
func TestWhatABridgeBringsIsHeldToTheRate(t *testing.T) {
	s := live(t, roomy, packet.Connack{}, func(c *configs.Bridge) {
		c.Receive = []configs.Receive{configs.NewReceive("in/#", "")}
		c.Health.Interval, c.Health.Timeout = configs.Duration(time.Second), configs.Duration(time.Second)
	})
	loop := s.scheduler.Loops()[0]
	s.env.Rate = rate.New(loop, func(bool, time.Duration) {})
	s.env.Rate.Set(0, 10_000)
	p := packet.Publish{Topic: []byte("in/a"), Payload: make([]byte, 490)}
	frame := p.Append(nil, packet.V5)
	var all []byte
	for range 200 {
		all = append(all, frame...)
	}
	s.answer(all)
	count := func() (n int) {
		for _, m := range s.got() {
			frames, ok := m.(*message.Frames)
			require.True(t, ok, "%T", m)
			for b := frames.Bytes; len(b) > 0; n++ {
				h, whole, err := packet.ReadHeader(b, 0)
				require.NoError(t, err)
				require.True(t, whole)
				b = b[h.FrameSize():]
			}
		}
		return n
	}
	got := count()
	for range 5 * 63 {
		s.scheduler.Elapse(16)
		s.carry()
	}
	got += count()
	require.InDelta(t, 50_000/len(frame), got, 10)
	s.env.Rate.Took(0, 100_000, loop.Now()) // Clients use up ten seconds of it
	for range 9 * 63 {
		s.scheduler.Elapse(16)
		s.carry()
	}
	require.LessOrEqual(t, count(), 5)
	s.tell(Leave{}) // what is in flight does not wait for a turn
	for range 3 {
		s.carry()
	}
	require.Zero(t, s.env.Rate.Figures(loop.Now()).Waiting)
}
