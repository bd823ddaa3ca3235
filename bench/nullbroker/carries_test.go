package nullbroker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/bench"
)

func TestCarries(t *testing.T) {
	pairs := bench.Traffic{Publishers: 5, Subscribers: 5, PublishQoS: 1, SubscribeQoS: 1, PublishVersion: 4}
	with := func(change func(*bench.Traffic)) bench.Workload {
		t := pairs
		change(&t)
		return bench.Workload{Name: "w", Kind: bench.Messages, Traffic: []bench.Traffic{pairs, t}}
	}
	for complaint, w := range map[string]bench.Workload{
		"":                         with(func(*bench.Traffic) {}),
		"w: it matches no Topic":   with(func(t *bench.Traffic) { t.Filters = 1 }),
		"w: it lowers no QoS":      with(func(t *bench.Traffic) { t.SubscribeQoS = 0 }),
		"w: it translates between": with(func(t *bench.Traffic) { t.SubscribeVersion = 5 }),
		"need pairs":               with(func(t *bench.Traffic) { t.Subscribers = 10 }),
		"nobody to pair":           with(func(t *bench.Traffic) { t.Subscribers, t.PublishQoS, t.SubscribeQoS = 0, 0, 0 }),
		"5 publishers and 7 subscribers cannot be paired evenly": with(func(t *bench.Traffic) { t.Subscribers, t.PublishQoS, t.SubscribeQoS = 7, 0, 0 }),
		"never drops":                  with(func(t *bench.Traffic) { t.Press = true }),
		"never drops a message":        with(func(t *bench.Traffic) { t.ReadRate = 5 }),
		"messages, and not connects":   {Name: "w", Kind: bench.Connects},
		"carry messages, and not idle": {Name: "w", Kind: bench.Idle},
	} {
		err := Carries(w)
		if complaint == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, complaint)
		}
	}
	fan := with(func(t *bench.Traffic) { t.Publishers, t.Subscribers, t.PublishQoS, t.SubscribeQoS = 1, 500, 0, 0 })
	require.NoError(t, Carries(fan))
}
