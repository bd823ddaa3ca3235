package troupe

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/protocol/packet"
)

func TestPace(t *testing.T) {
	begun := time.Now()
	p := newPace(begun)
	at := func(after time.Duration, messages int64) float64 {
		got, bytes := p.now(sample{begun.Add(after), messages, 10 * messages})
		require.InDelta(t, 10*got, bytes, 1e-6)
		return got
	}
	require.Zero(t, at(time.Millisecond, 1000), "too short to say")
	require.InDelta(t, 100, at(10*time.Second, 1000), 1e-9, "since the start")
	require.InDelta(t, 100, at(10*time.Second, 1000), 1e-9, "asked again at once")
	require.InDelta(t, 1500/10.5, at(10500*time.Millisecond, 1500), 1e-9, "and soon")
	require.InDelta(t, 300, at(15*time.Second, 2500), 1e-9, "since the question before")
	require.Zero(t, at(25*time.Second, 2500))
}

func TestSharesAreTold(t *testing.T) {
	b := startWith(t, func(c *configs.Config) {
		c.DataDir = t.TempDir()
		c.Limits.MaxConnections = 10
		c.Persistence.MaxDisk = 1 * configs.GiB
		c.Retained.MaxMessages = 5
	})
	connect(t, b, "one").send(&packet.Publish{Topic: []byte("state"), Payload: []byte("on"), QoS: packet.QoS1, Retain: true})
	shares := make(map[string]InstanceShare)
	require.Eventually(t, func() bool {
		for _, s := range b.Status().Shares {
			shares[s.Name] = s
		}
		return shares["retained.max_messages"].Used == 1
	}, patience, time.Millisecond)
	require.Equal(t, InstanceShare{Name: "limits.max_connections", Unit: "connections", Used: 1, Limit: 10}, shares["limits.max_connections"])
	require.Equal(t, 5.0, shares["retained.max_messages"].Limit)
	disk := shares["persistence.max_disk"]
	require.Equal(t, float64(configs.GiB), disk.Limit)
	require.Positive(t, disk.Used)
	require.Zero(t, *disk.Reached)
	require.Zero(t, shares["session.total.max_messages"].Limit)
	require.NoError(t, b.Shutdown(within(t)))
	require.Empty(t, b.Status().Shares)
}
