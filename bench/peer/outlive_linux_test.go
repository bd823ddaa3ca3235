package peer

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A harness that is killed has no chance to stop anything.
func TestDoesNotOutliveTheHarness(t *testing.T) {
	binary, err := os.Executable()
	require.NoError(t, err)
	harness := exec.Command(binary)
	harness.Env = append(os.Environ(), role+"=harness", "TMPDIR="+t.TempDir()) // what it leaves behind
	out, err := harness.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, harness.Start())
	uri, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	conn := dial(t, strings.TrimSpace(uri))

	require.NoError(t, harness.Process.Kill())
	require.Error(t, harness.Wait())
	_, err = conn.Read(make([]byte, 1)) // returns when the peer's end of the connection is gone
	require.Error(t, err)
}
