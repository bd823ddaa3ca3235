//go:build unix

package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A signal ends a comparison, and what was measured until then is written.
func TestBenchInterrupted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "r.json")
	c := exec.Command(binary, "bench", "A", "--null=false", "--rounds", "10000", "--duration", "20ms", "--warm-up", "0s", "--clients", "1", "--json", file)
	stderr, err := c.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	lines := bufio.NewScanner(stderr)
	require.True(t, lines.Scan(), "it says what the first round came to")
	require.Contains(t, lines.Text(), "A round 1 troupe: ")
	require.NoError(t, c.Process.Signal(os.Interrupt))
	var last string
	for lines.Scan() {
		last = lines.Text()
	}
	_ = c.Wait()
	require.Equal(t, exitCut, c.ProcessState.ExitCode(), last)
	require.Regexp(t, `^troupe: ended after \d+ of 10000 runs: interrupted$`, last)
	got := readBack(t, file)
	require.NotEmpty(t, got.Ended)
	require.NotEmpty(t, got.Runs)
}
