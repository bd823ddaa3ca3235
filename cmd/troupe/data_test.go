package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/badger"
)

// work runs the binary in a directory, with what it gets on standard input.
func work(t *testing.T, dir string, input []byte, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := exec.Command(binary, args...)
	c.Dir, c.Stdin, c.Stdout, c.Stderr = dir, bytes.NewReader(input), &stdout, &stderr
	c.Env = []string{"SystemRoot=" + os.Getenv("SystemRoot")}
	err := c.Run()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return result{c.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// place is an empty directory whose path is short enough for a socket, with no
// link in it.
func place(t *testing.T) string {
	dir, err := os.MkdirTemp("", "t")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	dir, err = filepath.EvalSymlinks(dir)
	require.NoError(t, err)
	return dir
}

// some is what a small instance has.
func some() map[string]string {
	keys := make(map[string]string)
	for i := range 300 {
		keys[string(persistence.PartRetained.Named(fmt.Sprintf("a/%03d", i)))] = strings.Repeat(fmt.Sprint(i), 1000)
	}
	keys[string(persistence.PartSession.Key(1))] = "session"
	return keys
}

func put(t *testing.T, store persistence.Store, keys map[string]string) {
	t.Helper()
	var b persistence.Batch
	for k, v := range keys {
		if b.Put([]byte(k), []byte(v)); b.Bytes() > 64<<10 {
			require.NoError(t, store.Apply(&b))
			b.Reset()
		}
	}
	require.NoError(t, store.Apply(&b))
}

// fillStore makes a data directory of an instance that does not run.
func fillStore(t *testing.T, dir string, keys map[string]string) {
	t.Helper()
	store, err := badger.Open(dir, badger.Options{MemTable: 1 << 20, MinFree: -1})
	require.NoError(t, err)
	put(t, store, keys)
	require.NoError(t, store.Close())
}

// stored is what is in a data directory, without what the store says of itself.
func stored(t *testing.T, dir string) map[string]string {
	t.Helper()
	store, err := badger.Open(dir, badger.Options{MinFree: -1})
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()
	keys := make(map[string]string)
	require.NoError(t, store.Scan(nil, nil, func(key, value []byte) bool {
		if persistence.Part(key[0]) != persistence.PartMeta {
			keys[string(key)] = string(value)
		}
		return true
	}))
	return keys
}

// names is what is in a directory.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	all := []string{}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// Commands that need a data directory say so when there is none.
func TestNoDataDirectory(t *testing.T) {
	dir := place(t)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "empty"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "other", "things"), 0o700))
	for _, c := range [][]string{{"backup", "b"}, {"storage"}, {"repair"}} {
		for where, want := range map[string]result{
			"":      {exitUsage, "", "troupe: data_dir is empty: this instance keeps nothing on disk; name a directory with --data-dir or -c\n"},
			"none":  {exitFailure, "", "data directory " + filepath.Join(dir, "none") + " holds nothing; name that of an instance with --data-dir or -c\n"},
			"empty": {exitFailure, "", "data directory " + filepath.Join(dir, "empty") + " holds nothing; name that of an instance with --data-dir or -c\n"},
			"file":  {exitFailure, "", filepath.Join(dir, "file")},
			"other": {exitFailure, "", "directory " + filepath.Join(dir, "other") + " holds other things (things) and no data of ours: "},
		} {
			r := work(t, dir, nil, append(c, "--data-dir", where)...)
			require.Equal(t, want.code, r.code, "%v %s: %s", c, where, r.stderr)
			require.Contains(t, r.stderr, want.stderr)
			require.Empty(t, r.stdout)
		}
	}
	require.Equal(t, []string{"empty", "file", "other"}, names(t, dir))
	require.Empty(t, names(t, filepath.Join(dir, "empty")))
}

func TestDataCommandsTakeArguments(t *testing.T) {
	for args, want := range map[string]string{
		"backup":         "troupe backup takes one argument, the file to write, or - for standard output; 0 were given",
		"restore a b":    "troupe restore takes one argument, the file to read, or - for standard input; 2 were given",
		"storage x":      `troupe storage takes no arguments, only flags: "x"`,
		"repair x":       `troupe repair takes no arguments, only flags: "x"`,
		"backup -c no.x": "no.x: not known what language this is; allowed: a name that ends with .yaml, .yml, .toml or .json",
	} {
		if strings.HasPrefix(args, "backup -c") {
			args += " b"
		}
		require.Equal(t, result{exitUsage, "", "troupe: " + want + "\n"}, command(t, "", nil, strings.Fields(args)...))
	}
}

// While somebody has the directory and answers nothing, it is left alone.
func TestLockedDataDirectory(t *testing.T) {
	dir := place(t)
	at := filepath.Join(dir, "d")
	store, err := badger.Open(at, badger.Options{MinFree: -1, Owner: "a test"})
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()
	for _, c := range [][]string{{"backup", "b"}, {"storage"}, {"repair"}} {
		r := work(t, dir, nil, append(c, "--data-dir", "d")...)
		require.Equal(t, exitFailure, r.code)
		require.Regexp(t, `^troupe: (no backup was made: )?the directory is in use: `+at+` is in use by a test, process \d+ since .*; stop that first, or choose another directory; nobody answers at `+at+`/control\.sock\n$`, r.stderr)
	}
	require.Equal(t, []string{"d"}, names(t, dir))
}

func TestAmountText(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 64 << 20: "64.0 MiB", 5 << 40: "5.0 TiB", 1<<63 - 1: "8.0 EiB"} {
		require.Equal(t, want, amountText(n))
	}
}

// Serve says on its first lines what it keeps and what that is worth.
func TestKept(t *testing.T) {
	c := configs.Defaults()
	require.Equal(t, "data directory troupe-data; durability disk: what is acknowledged survives a loss of power", whatIsKept(c))
	c.Durability = configs.DurabilityProcess
	require.Equal(t, "data directory troupe-data; durability process: what is acknowledged survives the end of the process, and may not survive a loss of power", whatIsKept(c))
	c.Durability, c.Persistence.FlushMessages = configs.DurabilityMemory, 1
	require.Equal(t, "data directory troupe-data; durability memory: what is acknowledged is written within 1s or 1 message, and lost if the process is killed before", whatIsKept(c))
	c.DataDir = ""
	require.Equal(t, "no data directory: sessions, queued and retained messages end with the process", whatIsKept(c))
}
