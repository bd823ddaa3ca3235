package troupe

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/protocol/packet"
)

// Who sends more than the rate of the instance waits, that is told, and a reload
// that lifts the rate lets all of it in: nothing was lost.
func TestRateHoldsBackAndIsLifted(t *testing.T) {
	b := startWith(t, func(c *configs.Config) { c.Limits.Rate.MessagesPerSecond = 1 })
	var got atomic.Int64
	_, err := b.Subscribe(within(t), "flood", AtMostOnce, func(*Message) { got.Add(1) })
	require.NoError(t, err)
	c := connect(t, b, "one")
	const all = 1000
	for range all {
		c.send(&packet.Publish{Topic: []byte("flood"), Payload: []byte("x")})
	}
	reached := func() int64 {
		for _, s := range b.Status().Shares {
			if s.Name == "limits.rate.messages_per_second" {
				return *s.Reached
			}
		}
		return 0
	}
	require.Eventually(t, func() bool { return reached() == 1 }, patience, time.Millisecond)
	require.Less(t, got.Load(), int64(100))
	lifted := b.Config()
	lifted.Limits.Rate.MessagesPerSecond = 0
	restart, err := b.Reload(within(t), lifted)
	require.NoError(t, err)
	require.Empty(t, restart)
	require.Eventually(t, func() bool { return got.Load() == all }, patience, time.Millisecond)
}
