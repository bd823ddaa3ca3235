package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/badger"
)

// damage alters a byte in the middle of a file of a data directory, and gives the
// name of the file.
func damage(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	text, err := os.ReadFile(files[0])
	require.NoError(t, err)
	at := bytes.Index(text, []byte("150150150"))
	require.Positive(t, at)
	text[at+20] ^= 0x10
	require.NoError(t, os.WriteFile(files[0], text, 0o600))
	return filepath.Base(files[0])
}

func TestRepairLeavesWhatIsSound(t *testing.T) {
	dir := place(t)
	fillStore(t, filepath.Join(dir, "d"), some())
	require.Equal(t, result{exitDone, dir + "/d is not damaged; nothing was done\n", ""}, work(t, dir, nil, "repair", "--data-dir", "d"))
	require.Equal(t, []string{"d"}, names(t, dir))
}

// What can be read is saved under the same name, what is lost is listed, and the
// damaged directory is kept.
func TestRepair(t *testing.T) {
	dir := place(t)
	at := filepath.Join(dir, "d")
	fillStore(t, at, some())
	file := damage(t, at)
	require.NoError(t, os.Chmod(at, 0o750))

	r := work(t, dir, nil, "backup", "--data-dir", "d", "b")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.stderr, "`troupe repair`")

	r = work(t, dir, nil, "repair", "--data-dir", "d")
	require.Equal(t, exitDone, r.code, r.stderr)
	require.Empty(t, r.stderr)
	require.Contains(t, r.stdout, file)
	require.Contains(t, r.stdout, " are lost, or have an older value\n")
	found := regexp.MustCompile(`repaired: (\S+) is the copy; the damaged directory is kept as (\S+), remove it when it is of no more use\n$`).FindStringSubmatch(r.stdout)
	require.NotNil(t, found, r.stdout)
	require.Equal(t, at, found[1])
	require.Equal(t, []string{"d", filepath.Base(found[2])}, names(t, dir))
	require.FileExists(t, filepath.Join(found[2], file))
	info, err := os.Stat(at)
	require.NoError(t, err)
	require.EqualValues(t, 0o750, info.Mode().Perm())

	kept := stored(t, at)
	require.Less(t, len(kept), len(some()))
	require.NotEmpty(t, kept)
	for key, value := range kept {
		require.Equal(t, some()[key], value)
	}
	require.Contains(t, work(t, dir, nil, "repair", "--data-dir", "d").stdout, "is not damaged")
}

func TestRepairIntoAnotherPlace(t *testing.T) {
	dir := place(t)
	at := filepath.Join(dir, "d")
	fillStore(t, at, some())
	damage(t, at)
	r := work(t, dir, nil, "repair", "--data-dir", "d", "--into", "copy")
	require.Equal(t, exitDone, r.code, r.stderr)
	require.Contains(t, r.stdout, "repaired: the copy is "+dir+"/copy; "+at+" is as it was\n")
	require.Equal(t, []string{"copy", "d"}, names(t, dir))
	require.NotEmpty(t, stored(t, filepath.Join(dir, "copy")))

	r = work(t, dir, nil, "repair", "--data-dir", "d", "--into", "copy")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.stderr, "the new directory is not empty")
	require.NotEmpty(t, stored(t, filepath.Join(dir, "copy")))
}

// The broker does not give a number a second time though what counts them is lost.
func TestRepairKeepsNumbersApart(t *testing.T) {
	dir := place(t)
	at := filepath.Join(dir, "d")
	keys := some()
	keys[string(persistence.PartBody.Key(7<<persistence.BootShift|1))] = "body"
	fillStore(t, at, keys)
	damage(t, at)
	require.NoError(t, os.Remove(filepath.Join(at, "MANIFEST")))
	r := work(t, dir, nil, "repair", "--data-dir", "d")
	require.Equal(t, exitDone, r.code, r.stderr)
	store, err := badger.Open(at, badger.Options{MinFree: -1})
	require.NoError(t, err)
	require.Greater(t, store.Boot(), uint64(7))
	require.NoError(t, store.Close())
}
