package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eclipse/paho.golang/paho"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/internal/control"
	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/backup"
	"github.com/troupemq/troupe/persistence/memory"
)

func TestBackupAndRestore(t *testing.T) {
	dir := place(t)
	fillStore(t, filepath.Join(dir, "d"), some())
	r := work(t, dir, nil, "backup", "--data-dir", "d", "b")
	require.Equal(t, exitDone, r.code, r.stderr)
	require.Regexp(t, `^backup of [\d.]+ KiB, 303 keys \(retained [\d.]+ KiB, meta \d+ B, sessions 16 B\), SHA-256 [0-9a-f]{12}\.\.\. of `+dir+`/d in b\n$`, r.stdout)
	require.Equal(t, []string{"b", "d"}, names(t, dir))
	info, err := os.Stat(filepath.Join(dir, "b"))
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm(), "it holds what Clients sent")

	r = work(t, dir, nil, "restore", "--check", "b")
	require.Equal(t, exitDone, r.code, r.stderr)
	require.Contains(t, r.stdout, "complete: backup of ")

	r = work(t, dir, nil, "restore", "--data-dir", "sub/new", "b")
	require.Equal(t, exitDone, r.code, r.stderr)
	require.Contains(t, r.stdout, " restored to "+dir+"/sub/new\n")
	require.Equal(t, some(), stored(t, filepath.Join(dir, "sub", "new")))
	require.Equal(t, []string{"new"}, names(t, filepath.Join(dir, "sub")))
}

// By way of pipes; what is restored to is an empty directory, which stays the
// same one.
func TestBackupAndRestoreThroughPipes(t *testing.T) {
	dir := place(t)
	fillStore(t, filepath.Join(dir, "d"), some())
	r := work(t, dir, nil, "backup", "--data-dir", "d", "-")
	require.Equal(t, exitDone, r.code, r.stderr)
	require.Regexp(t, `^troupe: backup of .* of `+dir+`/d\n$`, r.stderr)

	require.NoError(t, os.Mkdir(filepath.Join(dir, "empty"), 0o750))
	before, err := os.Stat(filepath.Join(dir, "empty"))
	require.NoError(t, err)
	require.NoError(t, os.Symlink("empty", filepath.Join(dir, "link")))
	r = work(t, dir, []byte(r.stdout), "restore", "--data-dir", "link", "-")
	require.Equal(t, exitDone, r.code, r.stderr)
	require.Equal(t, some(), stored(t, filepath.Join(dir, "empty")))
	info, err := os.Stat(filepath.Join(dir, "empty"))
	require.NoError(t, err)
	require.EqualValues(t, 0o750, info.Mode().Perm())
	require.True(t, os.SameFile(before, info), "it may be a mount point")
	require.Equal(t, []string{"d", "empty", "link"}, names(t, dir))
}

func TestBackupKeepsWhatIsThere(t *testing.T) {
	dir := place(t)
	fillStore(t, filepath.Join(dir, "d"), some())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "b"), []byte("mine"), 0o600))
	require.Equal(t, result{exitFailure, "", "troupe: backup file b: it is there already; name another file, or remove it first\n"},
		work(t, dir, nil, "backup", "--data-dir", "d", "b"))
	r := work(t, dir, nil, "backup", "--data-dir", "d", "none/b")
	require.Equal(t, exitFailure, r.code)
	require.Regexp(t, `^troupe: backup file none/b: open .*: no such file or directory\n$`, r.stderr)
	require.Equal(t, []string{"b", "d"}, names(t, dir))
}

// A restore that fails leaves what was there and nothing else.
func TestRestoreLeavesNothingHalfDone(t *testing.T) {
	store := memory.New()
	put(t, store, some())
	var whole, newer bytes.Buffer
	_, err := backup.Write(&whole, store)
	require.NoError(t, err)
	put(t, store, map[string]string{string(persistence.PartMeta.Named("format")): "4711"})
	_, err = backup.Write(&newer, store)
	require.NoError(t, err)
	altered := bytes.Clone(whole.Bytes())
	altered[len(altered)/2]++

	for what, c := range map[string]struct {
		text []byte
		want string
	}{
		"cut off":      {whole.Bytes()[:whole.Len()-1], "damaged in block "},
		"altered":      {altered, "damaged in block "},
		"no backup":    {[]byte("name: troupe\n"), "this is not a backup of TroupeMQ: it does not begin with "},
		"newer format": {newer.Bytes(), "the directory has a newer format: "},
	} {
		for _, before := range []string{"missing", "empty"} {
			dir := place(t)
			if before == "empty" {
				require.NoError(t, os.Mkdir(filepath.Join(dir, "d"), 0o751))
			}
			r := work(t, dir, c.text, "restore", "--data-dir", "d", "-")
			require.Equal(t, exitFailure, r.code, what)
			require.Empty(t, r.stdout)
			require.Regexp(t, "^troupe: nothing was restored from standard input: "+c.want+".*\n$", r.stderr)
			if before == "missing" {
				require.Empty(t, names(t, dir), what)
				continue
			}
			require.Equal(t, []string{"d"}, names(t, dir), what)
			require.Empty(t, names(t, filepath.Join(dir, "d")), what)
		}
	}
}

// The file that makes a store of the others is the last, and what cannot be moved
// as a whole is not moved.
func TestMoveUp(t *testing.T) {
	dir := place(t)
	made := filepath.Join(dir, "made")
	require.NoError(t, os.Mkdir(made, 0o700))
	for _, name := range []string{"A", "MANIFEST", "Z"} {
		require.NoError(t, os.WriteFile(filepath.Join(made, name), []byte(name), 0o600))
	}
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "Z", "in the way"), 0o700))
	require.Error(t, moveUp(made, dir))
	require.Equal(t, []string{"A", "MANIFEST", "Z"}, names(t, made))
	require.Equal(t, []string{"Z", "made"}, names(t, dir))

	require.NoError(t, os.RemoveAll(filepath.Join(dir, "Z")))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "MANIFEST", "in the way"), 0o700))
	require.Error(t, moveUp(made, dir))
	require.Equal(t, []string{"A", "MANIFEST", "Z"}, names(t, made), "Z was to be moved before")

	require.NoError(t, os.RemoveAll(filepath.Join(dir, "MANIFEST")))
	require.NoError(t, moveUp(made, dir))
	require.Equal(t, []string{"A", "MANIFEST", "Z"}, names(t, dir))
}

func TestRestoreRefusesWhatIsNotEmpty(t *testing.T) {
	dir := place(t)
	fillStore(t, filepath.Join(dir, "d"), some())
	require.Equal(t, exitDone, work(t, dir, nil, "backup", "--data-dir", "d", "b").code)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "one"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "one", "file"), nil, 0o600))
	for where, want := range map[string]string{
		"d":   `nothing was restored from backup file b: data directory ` + dir + `/d is not empty, it holds .* and \d more; name one that is empty or missing, or move this one away`,
		"one": `nothing was restored from backup file b: data directory ` + dir + `/one is not empty, it holds file; .*`,
		"b":   `nothing was restored from backup file b: data directory: .*`,
	} {
		r := work(t, dir, nil, "restore", "--data-dir", where, "b")
		require.Equal(t, exitFailure, r.code)
		require.Regexp(t, "^troupe: "+want+"\n$", r.stderr)
	}
	require.Equal(t, some(), stored(t, filepath.Join(dir, "d")))
	require.Equal(t, []string{"b", "d", "one"}, names(t, dir))
	require.Equal(t, result{exitFailure, "", "troupe: backup file none: no such file or directory\n"}, work(t, dir, nil, "restore", "none"))
}

func TestRestoreCheck(t *testing.T) {
	require.Equal(t, result{exitFailure, "", "troupe: standard input: this is not a backup of TroupeMQ: it is empty\n"},
		work(t, place(t), nil, "restore", "--check", "-"))
}

// running answers at the socket of a directory as an instance does.
func running(t *testing.T, dir string, h control.Handlers) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o700))
	s, err := control.Serve(dir, control.NewAPI(h))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
}

func TestBackupOfARunningInstance(t *testing.T) {
	dir := place(t)
	store := memory.New()
	put(t, store, some())
	running(t, filepath.Join(dir, "d"), control.Handlers{Backup: func(_ context.Context, w io.Writer) error {
		_, err := backup.Write(w, store)
		return err
	}})
	r := work(t, dir, nil, "backup", "--data-dir", "d", "b")
	require.Equal(t, exitDone, r.code, r.stderr)
	require.Contains(t, r.stdout, ", 301 keys (")
	require.Equal(t, exitDone, work(t, dir, nil, "restore", "--data-dir", "new", "b").code)
	require.Equal(t, some(), stored(t, filepath.Join(dir, "new")))
}

// A broker that is restored from the backup of another one, which went on all the
// time, has its Sessions, what waits for them and its Retained Messages.
func TestBackupOfABrokerAtWork(t *testing.T) {
	const waiting = 200
	broker := serveProcess(t, "session: {passivate_after: 1s}")
	sink := paho5(t, broker.address, lasting("sink", true))
	sink.subscribe(paho.SubscribeOptions{Topic: "queue/#", QoS: 1})
	require.NoError(t, sink.Disconnect(&paho.Disconnect{}))
	source := paho5(t, broker.address, fresh("source"))
	for i := range waiting {
		source.publish(&paho.Publish{Topic: "queue/1", QoS: 1, Payload: fmt.Append(nil, i)})
	}
	source.publish(&paho.Publish{Topic: "state", QoS: 1, Retain: true, Payload: []byte("on")})

	dir := broker.command.Dir
	r := work(t, dir, nil, "storage")
	require.Equal(t, exitDone, r.code, r.stderr)
	require.Contains(t, r.stdout, "troupe, running, durability disk\n")
	require.Contains(t, r.stdout, "2, 1 connected, 1 subscription\n")
	r = work(t, dir, nil, "backup", "b")
	require.Equal(t, exitDone, r.code, r.stderr)
	source.publish(&paho.Publish{Topic: "queue/1", QoS: 1, Payload: []byte("after the backup")})
	require.Contains(t, work(t, dir, nil, "repair").stderr, " is in use by troupe, process ")
	require.Equal(t, exitFailure, work(t, dir, nil, "restore", "b").code)

	restored := filepath.Join(dir, "restored")
	r = work(t, dir, nil, "restore", "--data-dir", restored, "b")
	require.Equal(t, exitDone, r.code, r.stderr)
	second := serveProcess(t, "", "--data-dir", restored)
	back := paho5(t, second.address, lasting("sink", false))
	require.True(t, back.connack.SessionPresent)
	for i := range waiting {
		back.expect(fmt.Sprint(i))
	}
	back.subscribe(paho.SubscribeOptions{Topic: "state", QoS: 1})
	back.expect("on")
	back.nothingMore()
}

// What an instance could not complete is no backup, and gets no name.
func TestBackupOfAFailingInstance(t *testing.T) {
	for want, handler := range map[string]func(context.Context, io.Writer) error{
		"no backup was made: the instance at PLACE/d/control.sock: out of luck\n": func(context.Context, io.Writer) error { return errors.New("out of luck") },
		"no backup was made: not complete, its writer gave up: out of luck\n": func(_ context.Context, w io.Writer) error {
			_, err := backup.Write(w, brokenStore{})
			return err
		},
		"no backup was made: damaged in its header: it ends after 4 bytes\n": func(_ context.Context, w io.Writer) error {
			_, _ = io.WriteString(w, "trou")
			return errors.New("out of luck")
		},
	} {
		dir := place(t)
		running(t, filepath.Join(dir, "d"), control.Handlers{Backup: handler})
		r := work(t, dir, nil, "backup", "--data-dir", "d", "b")
		require.Equal(t, result{exitFailure, "", "troupe: " + strings.ReplaceAll(want, "PLACE", dir)}, r)
		require.Equal(t, []string{"d"}, names(t, dir))
		r = work(t, dir, nil, "backup", "--data-dir", "d", "-")
		require.Equal(t, exitFailure, r.code)
		require.Contains(t, r.stderr, "troupe: what was written is no backup: ")
	}
}

type brokenStore struct{ persistence.Store }

func (brokenStore) Scan(_, _ []byte, visit func(key, value []byte) bool) error {
	visit([]byte("a"), make([]byte, 1<<20))
	return errors.New("out of luck")
}

// A socket that a killed process left is no instance, and no hindrance.
func TestSocketOfAKilledInstance(t *testing.T) {
	dir := place(t)
	fillStore(t, filepath.Join(dir, "d"), some())
	dead := filepath.Join(dir, "d", control.SocketName)
	leaveSocket(t, dead)
	require.Equal(t, exitDone, work(t, dir, nil, "backup", "--data-dir", "d", "b").code)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "new"), 0o700))
	leaveSocket(t, filepath.Join(dir, "new", control.SocketName))
	r := work(t, dir, nil, "restore", "--data-dir", "new", "b")
	require.Equal(t, exitDone, r.code, r.stderr)
	require.Equal(t, some(), stored(t, filepath.Join(dir, "new")))
}
