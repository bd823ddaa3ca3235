package main

import (
	"context"
	"encoding/json"
	"net"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/internal/control"
)

// leaveSocket leaves a socket behind as a killed process does.
func leaveSocket(t *testing.T, path string) {
	t.Helper()
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, l.Close())
}

func TestStorageOfADirectory(t *testing.T) {
	dir := place(t)
	fillStore(t, filepath.Join(dir, "d"), some())
	r := work(t, dir, nil, "storage", "--data-dir", "d")
	require.Equal(t, exitDone, r.code, r.stderr)
	require.Regexp(t, `^instance        troupe, not running
data directory  `+dir+`/d
on disk         [\d.]+ [KM]iB
free there      [\d.]+ [MGTP]iB

 *keys +size  of
 *2 +\d+ B  meta
 *300 +[\d.]+ KiB  retained
 *1 +\d+ B  sessions
$`, r.stdout)

	r = work(t, dir, nil, "storage", "--data-dir", "d", "--json")
	require.Equal(t, exitDone, r.code, r.stderr)
	var s control.Storage
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &s))
	require.Equal(t, filepath.Join(dir, "d"), s.DataDir)
	require.False(t, s.Running)
	require.Nil(t, s.Counts)
	require.Len(t, s.Usage.Parts, 3)
	require.Positive(t, s.Usage.Disk)
}

func TestStorageOfARunningInstance(t *testing.T) {
	dir := place(t)
	want := control.Storage{
		Instance: "i", Running: true, DataDir: "/d", Durability: "disk", Trouble: "the device is full",
		Usage:  control.Usage{Disk: 5 << 20, Free: -1, Memory: 3 << 20, Parts: []control.Part{{Name: "sessions", Keys: 10, Bytes: 2048}}},
		Counts: &control.Counts{Sessions: 10, Connected: 2, Subscriptions: 1, QueuedMessages: 30, QueuedBytes: 4000, RetainedMessages: 1, RetainedBytes: 12},
	}
	running(t, filepath.Join(dir, "d"), control.Handlers{Storage: func(context.Context) (control.Storage, error) { return want, nil }})
	require.Equal(t, result{exitDone, `instance        i, running, durability disk
trouble         the device is full
data directory  /d
on disk         5.0 MiB
in memory       3.0 MiB
sessions        10, 2 connected, 1 subscription
queued          30 messages, 3.9 KiB
retained        1 message, 12 B

  keys     size  of
    10  2.0 KiB  sessions
`, ""}, work(t, dir, nil, "storage", "--data-dir", "d"))

	r := work(t, dir, nil, "storage", "--data-dir", "d", "--json")
	var s control.Storage
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &s))
	require.Equal(t, want, s)
}
