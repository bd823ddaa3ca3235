package local_test

import (
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/actors/local"
	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/internal/rate"
	"github.com/troupemq/troupe/protocol/packet"
)

// What the program publishes comes in at the rate of the instance, in order, and
// the caller is answered then.
func TestTheProgramWaitsForItsTurn(t *testing.T) {
	s := newScene(t)
	share := rate.New(s.Loop, func(bool, time.Duration) {})
	share.Set(100, 0)
	pid := s.Spawn("publisher", func(*system.Mailbox) actor.Actor { return local.NewPublisher(s.tables, s.Loop, share) })
	w, _ := s.subscribed()
	replies := make([]chan packet.ReasonCode, 500)
	for i := range replies {
		replies[i] = make(chan packet.ReasonCode, 1)
		s.Send(pid, &message.Publish{Run: run(string(rune('a' + i%26))), Reply: replies[i]})
	}
	answered := func() (n int) {
		for _, r := range replies {
			n += len(r)
		}
		return n
	}
	first := answered()
	require.LessOrEqual(t, first, 12)
	for second := 1; second <= 4; second++ {
		for range 63 {
			s.Elapse(16)
			s.Settle()
		}
		require.InEpsilon(t, 100*second, answered()-first, 0.1)
	}
	for at, m := range w.Got() {
		var p packet.Publish
		r := m.(*message.Deliver).Runs[0]
		require.NoError(t, p.Decode(r.Frames, r.Version))
		require.Equal(t, string(rune('a'+at%26)), string(p.Payload))
	}

	// One that fails takes nobody's turn with it, and says that the others are not published.
	before := answered()
	s.Send(pid, &message.Publish{Reply: make(chan packet.ReasonCode, 1)})
	s.Root.Stop(pid)
	s.Settle()
	require.Equal(t, len(replies), answered())
	for _, r := range replies[before:] {
		require.Equal(t, packet.UnspecifiedError, <-r)
	}
	s.Elapse(10_000)
	s.Settle()
	require.True(t, share.May(s.Now()))
}
