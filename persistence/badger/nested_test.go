package badger

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/persistence"
)

// One directory inside of another that is in use is refused, as is the other way
// round, also over a link, and nothing is made there.
func TestNested(t *testing.T) {
	if runtime.GOOS == "plan9" || runtime.GOOS == "js" {
		t.Skip("there are no locks here")
	}
	base, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	outer := filepath.Join(base, "outer")
	inner := filepath.Join(outer, "a", "inner")
	asked := func(of string) Options {
		return Options{MinFree: -1, Owner: "me", Holder: func(at string) (int, string) {
			require.Equal(t, of, at)
			return 1, "troupe"
		}}
	}
	refused := func(dir, of, want string) {
		t.Helper()
		for _, err := range []error{InUse(dir, asked(of)), func() error { _, err := Open(dir, asked(of)); return err }()} {
			require.ErrorIs(t, err, persistence.ErrLocked)
			require.Contains(t, err.Error(), dir+want+of+", which is in use by process 1 (troupe); stop that first")
		}
	}
	s, err := Open(outer, Options{MinFree: -1})
	require.NoError(t, err)
	refused(inner, outer, " is inside of ")
	require.NoDirExists(t, filepath.Dir(inner))
	if runtime.GOOS != "windows" { // where not everyone may make one
		link := filepath.Join(base, "link")
		require.NoError(t, os.Symlink(outer, link))
		refused(filepath.Join(link, "new"), outer, " is inside of ")
	}
	require.NoError(t, InUse(filepath.Join(base, "beside"), asked("")))
	require.NoError(t, s.Close())

	s, err = Open(inner, Options{MinFree: -1})
	require.NoError(t, err)
	refused(outer, inner, " holds ")
	require.NoError(t, s.Close())
	require.NoError(t, InUse(outer, asked("")))
}
