package disk

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUsage(t *testing.T) {
	dir := t.TempDir()
	none, err := Usage(filepath.Join(dir, "nowhere"))
	require.NoError(t, err)
	require.Zero(t, none)

	require.NoError(t, os.Mkdir(filepath.Join(dir, "below"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "below", "file"), make([]byte, 1<<20), 0o600))
	some, err := Usage(dir)
	require.NoError(t, err)
	require.InDelta(t, 1<<20, some, 64<<10)
}
