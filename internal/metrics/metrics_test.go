package metrics

import (
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/internal/rate"
	"github.com/troupemq/troupe/internal/telemetry"
)

// full has something to say to everything.
func full() Reading {
	return Reading{
		Counters: new(telemetry.Counters), Began: time.UnixMilli(1500), Version: "v1.2.3",
		Rate: rate.Figures{Waiting: 3, Episodes: 4, Time: 1500 * time.Millisecond}, Disk: 77,
		Shares: []Share{{"limits.max_connections", 2, 10}, {"session.total.max_bytes", 5, 0}, {"limits.rate.bytes_per_second", -1, 1000}},
		Bridges: []Bridge{
			{Name: "north", Upstream: "mqtt://b", Upstreams: []string{"mqtt://a", "mqtt://b", "mqtt://a"}, Strained: true, Queued: 9, QueuedAge: 1500 * time.Millisecond, Dropped: map[string]int64{"full": 6}},
			{Name: "south", Upstreams: []string{"mqtt://\xff"}, Paused: true},
		},
	}
}

// telling is a registry with one instance that always says the same.
func telling(t testing.TB, r Reading) prometheus.Gatherer {
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(New("edge", func() Reading { return r })))
	return registry
}

// values are the samples: the value by name and labels, without that of the instance.
func values(t testing.TB, g prometheus.Gatherer) map[string]float64 {
	t.Helper()
	found := make(map[string]float64)
	all, err := g.Gather()
	require.NoError(t, err)
	for _, f := range all {
		for _, m := range f.Metric {
			key, owned := f.GetName(), false
			for _, l := range m.Label {
				if l.GetName() == Label {
					owned = l.GetValue() == "edge"
					continue
				}
				key += " " + l.GetName() + "=" + l.GetValue()
			}
			require.True(t, owned, "%s is of no instance", key)
			found[key] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return found
}

// What is counted is told: each counter moves a sample, and no other counter moves
// the same.
func TestEveryCounterIsASample(t *testing.T) {
	still := values(t, telling(t, Reading{Counters: new(telemetry.Counters), Began: time.Unix(0, 0), Disk: -1}))
	moved := make(map[string]string)
	for i := range reflect.TypeFor[telemetry.Counters]().NumField() {
		name := reflect.TypeFor[telemetry.Counters]().Field(i).Name
		c := new(telemetry.Counters)
		reflect.ValueOf(c).Elem().Field(i).Addr().Interface().(*atomic.Int64).Store(7)
		var by []string
		for sample, value := range values(t, telling(t, Reading{Counters: c, Began: time.Unix(0, 0), Disk: -1})) {
			if value != still[sample] {
				require.Equal(t, 7.0, value, sample)
				require.Empty(t, moved[sample], "%s is moved by %s too", sample, name)
				by, moved[sample] = append(by, sample), name
			}
		}
		require.Len(t, by, 1, "%s has to be in one sample: add it to families.go", name)
	}
	for sample := range still {
		own := []string{"troupe_up", "troupe_build_info version=", "troupe_start_time_seconds", "troupe_slowed_connections", "troupe_slowed_total", "troupe_slowed_seconds_total"}
		require.True(t, moved[sample] != "" || slices.Contains(own, sample), "no counter moves %s", sample)
	}
}

// What is not among the counters is told too, in the units of Prometheus.
func TestSamples(t *testing.T) {
	got := values(t, telling(t, full()))
	for sample, want := range map[string]float64{
		"troupe_up": 1, "troupe_build_info version=v1.2.3": 1, "troupe_start_time_seconds": 1.5, "troupe_store_bytes": 77,
		"troupe_slowed_connections": 3, "troupe_slowed_total": 4, "troupe_slowed_seconds_total": 1.5,
		"troupe_share_used share=limits.max_connections": 2, "troupe_share_limit share=limits.max_connections": 10,
		"troupe_share_used share=session.total.max_bytes": 5, "troupe_share_limit share=limits.rate.bytes_per_second": 1000,
		"troupe_bridge_up bridge=north": 1, "troupe_bridge_up bridge=south": 0, "troupe_bridge_paused bridge=south": 1, "troupe_bridge_strained bridge=north": 1,
		"troupe_bridge_upstream_used bridge=north upstream=mqtt://a": 0, "troupe_bridge_upstream_used bridge=north upstream=mqtt://b": 1,
		"troupe_bridge_upstream_used bridge=south upstream=mqtt://\uFFFD": 0,
		"troupe_bridge_queued_messages bridge=north":                      9, "troupe_bridge_queued_age_seconds bridge=north": 1.5, "troupe_bridge_messages_dropped_total bridge=north reason=full": 6,
	} {
		value, there := got[sample]
		require.True(t, there, "there is no %s", sample)
		require.Equal(t, want, value, sample)
	}
	require.NotContains(t, got, "troupe_share_limit share=session.total.max_bytes", "no bound")
	require.NotContains(t, got, "troupe_share_used share=limits.rate.bytes_per_second", "a rate")
}

// Names, units and explanations are as Prometheus wants them.
func TestLint(t *testing.T) {
	problems, err := testutil.GatherAndLint(telling(t, full()))
	require.NoError(t, err)
	require.Empty(t, problems)
	for _, f := range families {
		require.True(t, strings.HasSuffix(f.help, "."), f.name)
		n, err := testutil.GatherAndCount(telling(t, full()), prefix+f.name)
		require.NoError(t, err)
		require.Positive(t, n, "%s is not looked at", f.name)
	}
}

// Of an instance that does not run nothing is known.
func TestDown(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(Down("edge")))
	require.Equal(t, map[string]float64{"troupe_up": 0}, values(t, registry))
}

// Instances with different names share a registry, and one with the name of another
// can take its place there.
func TestOneRegistry(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	reading := full()
	a, b := New("edge", func() Reading { return reading }), New("plant", func() Reading { return reading })
	require.NoError(t, registry.Register(a))
	require.NoError(t, registry.Register(b))
	n, err := testutil.GatherAndCount(registry, "troupe_up")
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.ErrorAs(t, registry.Register(New("edge", func() Reading { return reading })), new(prometheus.AlreadyRegisteredError))
	require.True(t, registry.Unregister(a))
	require.NoError(t, registry.Register(Down("edge")))
	n, err = testutil.GatherAndCount(registry, "troupe_connections")
	require.NoError(t, err)
	require.Equal(t, 1, n)
}
