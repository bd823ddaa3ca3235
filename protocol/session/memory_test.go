package session_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// A connected Client that takes nothing has what waits for it in memory, up to a
// bound of its own, as long as there is memory for all; then in the store alone.
func TestMemoryThatOthersLeave(t *testing.T) {
	message := func(qos packet.QoS) *packet.Run {
		return packet.NewRun(&packet.Publish{QoS: qos, Topic: []byte("a"), Payload: make([]byte, 1000)}, packet.V5)
	}
	limits := session.Limits{MaxQoS: packet.QoS2, ExpiryMaximum: session.NoExpiry, MaxInflight: 1,
		Queue: session.QueueLimits{Messages: 1_000_000, Bytes: math.MaxInt64, QoS0Bytes: 1 << 20}}
	s := session.New("c", &limits)
	s.Persist(false)
	out := session.Output{}
	s.Attach(&packet.Connect{Version: packet.V5, SessionExpiry: 60}, session.Attachment{}, 1000, &out)
	left := &session.Left{Messages: math.MaxInt, Bytes: math.MaxInt64}
	group := uint64(0)
	deliver := func(qos packet.QoS, n int, now int64) (dropped uint64) {
		for range n {
			out := session.Output{Left: left}
			s.Deliver(message(qos), &session.Terms{QoS: packet.QoS2}, now, &out)
			dropped += out.Counts.DroppedCongested + out.Counts.DroppedQueueFull
		}
		group++
		all := func(any) bool { return true }
		s.Collect(group, all, func(*packet.Run) bool { return true }, func() uint64 { return 1 }, false)
		s.Committed(group, now, &session.Output{Left: left})
		return dropped
	}
	waiting := func() int { n, _ := s.Backlog(); return n }

	require.Zero(t, deliver(packet.QoS1, 1000, 1000))
	require.InDelta(t, 256<<10, s.Resident(), 4<<10, "the bound of one")
	require.Equal(t, 999, waiting())

	left.Memory = 10_000
	require.Zero(t, deliver(packet.QoS1, 1, 1500))
	require.InDelta(t, 256<<10, s.Resident(), 4<<10, "who may be about to take it keeps it")
	require.Zero(t, deliver(packet.QoS1, 1, 2500))
	require.Zero(t, s.Resident())
	require.Equal(t, 1001, waiting(), "nothing is lost")

	// QoS 0 has no store to be left to.
	s.Congest(true, 2500, &out)
	require.EqualValues(t, 91, deliver(packet.QoS0, 100, 2500))
	require.InDelta(t, 10_000, s.Resident(), 1010)
}
