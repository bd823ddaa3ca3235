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
	several := map[string]func(all []Instance){
		"instances.yaml": func(all []Instance) {
			require.Len(t, all, 3)
			require.Equal(t, filepath.Join("troupe-data", "machines"), all[0].Config.DataDir)
			require.Equal(t, DurabilityDisk, all[0].Config.Durability)
			require.Equal(t, DurabilityProcess, all[1].Config.Durability)
			require.Equal(t, OnFailureRestart, all[0].Config.Supervision.OnFailure)
			require.Equal(t, "troupe-archive", all[2].Config.DataDir)
			require.Empty(t, all[2].Config.Listeners)
		},
	}
	require.Len(t, files, len(holds)+len(several))
	for _, file := range files {
		all, err := LoadAll([]string{file}, Inputs{})
		require.NoError(t, err)
		for _, i := range all {
			require.Empty(t, Warnings(i.Config, i.Sources), file)
		}
		if judge := several[filepath.Base(file)]; judge != nil {
			judge(all)
			continue
		}
		require.Contains(t, holds, filepath.Base(file))
		require.Len(t, all, 1)
		holds[filepath.Base(file)](all[0].Config)
	}
}
