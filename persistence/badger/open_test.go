package badger_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	library "github.com/dgraph-io/badger/v4"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/badger"
)

func open(t *testing.T, dir string) *badger.Store {
	t.Helper()
	s, err := badger.Open(dir, badger.Options{MemTable: 1 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func put(t *testing.T, s *badger.Store, key, value []byte) {
	t.Helper()
	var b persistence.Batch
	b.Put(key, value)
	require.NoError(t, s.Apply(&b))
}

func TestOpenMakesADirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	open(t, dir)
	info, err := os.Stat(dir)
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		require.Equal(t, os.FileMode(0o700), info.Mode().Perm(), "nobody else may read what Clients keep")
	}
}

func TestOpenRefusesWhatIsNotOurs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := badger.Open(file, badger.Options{})
	require.ErrorContains(t, err, file+" is a file")

	_, err = badger.Open(filepath.Dir(file), badger.Options{})
	require.ErrorContains(t, err, "holds other things (file)")
	files, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	require.Len(t, files, 1, "nothing was written there")

	other := t.TempDir()
	db, err := library.Open(library.DefaultOptions(other).WithLogger(nil))
	require.NoError(t, err)
	require.NoError(t, db.Close())
	_, err = badger.Open(other, badger.Options{})
	require.ErrorContains(t, err, "another program")
}

func TestOpenTakesAnEmptyFileSystem(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "lost+found"), 0o700))
	open(t, dir)
}

func TestOpenTellsWhoHasTheDirectory(t *testing.T) {
	dir := t.TempDir()
	s, err := badger.Open(dir, badger.Options{Owner: "instance a"})
	require.NoError(t, err)
	_, err = badger.Open(dir, badger.Options{Owner: "instance b"})
	require.ErrorIs(t, err, persistence.ErrLocked)
	require.ErrorContains(t, err, dir)
	require.ErrorContains(t, err, fmt.Sprintf("instance a, process %d", os.Getpid()))
	err = badger.Repair(dir, t.TempDir(), func(string) {})
	require.ErrorIs(t, err, persistence.ErrLocked)
	put(t, s, []byte("k"), nil) // the first is not disturbed
	require.NoError(t, s.Close())
	open(t, dir)
}

func TestOpenNeedsToWrite(t *testing.T) {
	if os.Geteuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("this user may write anywhere")
	}
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o500))
	_, err := badger.Open(dir, badger.Options{})
	require.ErrorIs(t, err, os.ErrPermission)
	require.ErrorContains(t, err, dir)
}

func TestOpenRefusesANewerFormat(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, persistence.PartMeta.Named("format"), []byte("2"))
	require.NoError(t, s.Close())
	_, err := badger.Open(dir, badger.Options{})
	require.ErrorIs(t, err, persistence.ErrNewer)
	require.ErrorContains(t, err, "has format 2, this version of the program knows 1 at most: use")
	_, err = badger.Open(dir, badger.Options{})
	require.ErrorIs(t, err, persistence.ErrNewer, "who refuses a directory lets go of it")
}

func TestBootsAreCounted(t *testing.T) {
	dir := t.TempDir()
	for n := range uint64(3) {
		s := open(t, dir)
		require.Equal(t, n+1, s.Boot())
		require.NoError(t, s.Close())
	}
}

// TestOpenAfterKill opens what a process leaves that was killed, and the empty
// files that are left if that was within one of the library's steps.
func TestOpenAfterKill(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for i := range uint64(100) {
		put(t, s, persistence.PartPage.Key(i), make([]byte, 20<<10)) // several logs, never synced
	}
	left := clone(t, dir)
	for _, name := range []string{"00099.mem", "000099.vlog", "000099.sst"} {
		require.NoError(t, os.WriteFile(filepath.Join(left, name), nil, 0o600))
	}
	s = open(t, left)
	n := uint64(0)
	require.NoError(t, s.Scan(persistence.PartPage.Key(), nil, func(key, value []byte) bool {
		require.Equal(t, n, persistence.Number(key, 0))
		require.Len(t, value, 20<<10)
		n++
		return true
	}))
	require.Equal(t, uint64(100), n)
}

// clone copies a directory that is open: a process that comes after one that was
// killed finds the same.
func clone(t *testing.T, dir string) string {
	t.Helper()
	into := t.TempDir()
	for range 10 { // again, if a file went away meanwhile
		require.NoError(t, os.RemoveAll(into))
		if err := os.CopyFS(into, os.DirFS(dir)); err == nil {
			return into
		}
	}
	t.Fatal("the directory does not come to rest")
	return ""
}
