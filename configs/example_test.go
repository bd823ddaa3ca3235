package configs

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each example is a file that can be served as it is, without a warning, and
// says what its comments say.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("examples/*")
	require.NoError(t, err)
	holds := map[string]func(c Config){
		"bridge-ha-pair.yaml": func(c Config) {
			require.Len(t, c.Bridges[0].Endpoints(), 2)
			require.Equal(t, OrderPriority, c.Bridges[0].Order)
		},
		"bridge-edge-gateway.yaml": func(c Config) {
			require.Equal(t, BridgeDropOldest, c.Bridges[0].Queue.Overflow)
			require.True(t, c.Bridges[0].Queue.QoS0)
			require.Equal(t, 64*KiB, c.Bridges[0].Rate.BytesPerSecond)
		},
		"bridge-mesh.yaml": func(c Config) {
			require.Len(t, c.Bridges, 2)
			for _, b := range c.Bridges {
				require.Equal(t, 1, b.Hops)
				require.True(t, b.LoopGuard)
				require.Empty(t, b.Receive)
			}
		},
		"bridge-weak-upstream.yaml": func(c Config) {
			require.Equal(t, 1, c.Bridges[0].Rate.MessagesPerSecond)
			require.Equal(t, BridgeSlowPublisher, c.Bridges[0].Queue.Overflow)
			require.Equal(t, []Upstream{{URI: "mqtt://ledger.example:1883"}, {URI: "mqtt://ledger-standby.example:1883"}}, c.Bridges[0].Endpoints())
		},
	}
	require.Len(t, files, len(holds))
	for _, file := range files {
		c, sources, err := Load(Inputs{File: file})
		require.NoError(t, err)
		require.Empty(t, Warnings(c, sources), file)
		require.Contains(t, holds, filepath.Base(file))
		holds[filepath.Base(file)](c)
	}
}
