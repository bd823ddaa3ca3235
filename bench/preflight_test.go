package bench

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPreflight(t *testing.T) {
	w := Workload{Name: "w", Kind: Idle, Connections: 10}
	require.NoError(t, w.Preflight("mqtt://127.0.0.1:1883", 0))
	require.ErrorContains(t, w.Preflight("fish://x", 0), "fish")
	w.Connections = 50_000_000
	require.ErrorContains(t, w.Preflight("mqtt://127.0.0.1:1883", 0), "workload w needs 50000064 open files")
	w.Kind = "fish"
	require.ErrorContains(t, w.Preflight("mqtt://127.0.0.1:1883", 0), "fish")
}
