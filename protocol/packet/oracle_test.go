package packet

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOracles runs the module that compares this package with other codecs. It
// is not part of ours because of what it depends on.
func TestOracles(t *testing.T) {
	// What a test opens is what its cached result depends on.
	files, err := filepath.Glob("oracle/*")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		_, err := os.ReadFile(name)
		require.NoError(t, err)
	}

	command := exec.Command("go", "test", "./...")
	command.Dir = "oracle"
	command.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly")
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s", output)
	require.Contains(t, string(output), "ok", "the oracles ran no test")
}
