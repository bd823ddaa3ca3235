package badger

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/persistence"
)

// Whether a directory is in use can be asked without taking it, and what the
// system says of its owner stands beside what the owner says.
func TestInUse(t *testing.T) {
	if runtime.GOOS == "plan9" || runtime.GOOS == "js" {
		t.Skip("there are no locks here")
	}
	dir := filepath.Join(t.TempDir(), "d")
	asked := func(id int) Options {
		return Options{MinFree: -1, Owner: "me", Holder: func(at string) (int, string) {
			require.Equal(t, dir, at)
			return id, "troupe"
		}}
	}
	require.NoError(t, InUse(dir, Options{}))
	require.NoDirExists(t, dir)
	s, err := Open(dir, asked(1))
	require.NoError(t, err)
	for id, want := range map[int]string{
		0:           fmt.Sprintf("is in use by me, process %d since [^()]*; stop that first", os.Getpid()),
		os.Getpid(): fmt.Sprintf(`is in use by me, process %d since .* \(troupe\); stop that first`, os.Getpid()),
		1:           `is in use by process 1 \(troupe\); stop that first`,
	} {
		err := InUse(dir, asked(id))
		require.ErrorIs(t, err, persistence.ErrLocked)
		require.Regexp(t, want, err.Error())
		_, err = Open(dir, asked(id))
		require.ErrorIs(t, err, persistence.ErrLocked)
		require.Regexp(t, want, err.Error())
	}
	require.NoError(t, s.Close())
	require.NoError(t, InUse(dir, Options{}))
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.NoError(t, InUse(file, Options{}))
}
