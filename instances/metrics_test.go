package instances

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// All instances are told of, those that do not run too, as they come and go.
func TestMetrics(t *testing.T) {
	s := supervisor(t, Options{})
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(s.Metrics()))
	up := func() map[string]float64 {
		t.Helper()
		families, err := registry.Gather()
		require.NoError(t, err)
		found := make(map[string]float64)
		for _, f := range families {
			if f.GetName() != "troupe_up" {
				continue
			}
			for _, m := range f.Metric {
				found[m.Label[0].GetValue()] = m.GetGauge().GetValue()
			}
		}
		return found
	}
	require.Empty(t, up())
	require.NoError(t, s.Launch(within(t), listening("a", "", ""), listening("b", "", "")))
	require.Equal(t, map[string]float64{"a": 1, "b": 1}, up())
	require.NoError(t, s.Stop(within(t), "a"))
	require.Equal(t, map[string]float64{"a": 0, "b": 1}, up())
	require.NoError(t, s.Start(within(t), "a"))
	require.NoError(t, s.Launch(within(t), listening("c", "", "")))
	require.Equal(t, map[string]float64{"a": 1, "b": 1, "c": 1}, up())
}
