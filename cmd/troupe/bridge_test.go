package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBridges runs the module that puts bridges of the binary through faults of networks and upstreams. It is not part of ours because of what it
// depends on.
func TestBridges(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("it freezes processes with signals that are not there")
	}
	dir := filepath.Join("..", "..", "bench", "bridge")
	// What a test opens is what its cached result depends on.
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		_, err := os.ReadFile(name)
		require.NoError(t, err)
	}
	command := exec.Command("go", "test", "-parallel", "6", "./...") // most of it is waiting
	command.Dir = dir
	command.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly", "BINARY_UNDER_TEST="+binary)
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s", output)
	require.Contains(t, string(output), "ok", "no test of a bridge ran")
}
