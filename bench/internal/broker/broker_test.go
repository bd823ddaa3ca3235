package broker

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A process that ends instead of listening is told from one that was killed, with
// what it said. The Go tool knows no command serve.
func TestProcessThatEnds(t *testing.T) {
	tool, err := exec.LookPath("go")
	require.NoError(t, err)
	var said strings.Builder
	o := Options{Binary: tool, Dir: t.TempDir(), Stderr: &said}
	_, err = Start(o)
	require.ErrorContains(t, err, "the broker did not start: exit status 2")
	require.Contains(t, said.String(), "serve")
	require.ErrorContains(t, Interrupt(o, patience), "the broker had ended by itself: exit status 2")

	o.Binary = "/nowhere/troupe"
	_, err = Start(o)
	require.Error(t, err)
	require.Error(t, Interrupt(o, patience))
	require.Equal(t, "unknown", (*Process)(nil).Memory())
}
