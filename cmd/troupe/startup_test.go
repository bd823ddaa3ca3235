package main

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/persistence"
)

// holding is a pattern of what is said of a process that has a port.
func holding(process int) string {
	if runtime.GOOS == "linux" {
		return `process ` + strconv.Itoa(process) + ` \(.+\)`
	}
	return "another process"
}

// What keeps the broker from starting is one line that says what and why, and
// no log besides.
func TestCannotStart(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	address := busy.Addr().String()

	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.yaml")
	require.NoError(t, os.WriteFile(garbage, []byte("\x00\xFF\x7FELF\x02\x01"), 0o600))
	empty := filepath.Join(dir, "list.yaml")
	require.NoError(t, os.WriteFile(empty, []byte("- a\n- b\n"), 0o600))

	for _, c := range []struct {
		args []string
		code int
		want string // a pattern of the line
	}{
		{[]string{"--listen", address}, exitFailure, `listener tcp: cannot listen on ` + address + `: .*in use by ` + holding(os.Getpid())},
		{[]string{"--listen", "192.0.2.1:1883", "--allow-anonymous"}, exitFailure, `listener tcp: cannot listen on 192\.0\.2\.1:1883: .+`},
		{[]string{"--listen", "no-such-host.invalid:1883", "--allow-anonymous"}, exitFailure, `listener tcp: cannot listen on no-such-host\.invalid:1883: .+`},
		{[]string{"--listen", "127.0.0.1"}, exitUsage, `flag --listen: .+`},
		{[]string{"--listen", "127.0.0.1:99999"}, exitUsage, `flag --listen: .+`},
		{[]string{"-c", dir}, exitUsage, ".+"},
		{[]string{"-c", garbage}, exitUsage, `.*garbage\.yaml.+`},
		{[]string{"-c", empty}, exitUsage, `.*list\.yaml.+`},
		{[]string{"-c", filepath.Join(dir, "c.ini")}, exitUsage, `.*c\.ini.+`},
	} {
		r := command(t, "", nil, append([]string{"serve"}, c.args...)...)
		require.Equal(t, c.code, r.code, "%q: %s", c.args, r.stderr)
		require.Regexp(t, `^troupe: `+c.want+`\n$`, r.stderr)
		require.NotContains(t, r.stderr[:len(r.stderr)-1], "\n", "one line")
		require.Empty(t, r.stdout)
	}
}

// Of two listeners the free one is given up when the other is taken.
func TestSecondListenerTaken(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	r := command(t, "listeners:\n  - {name: free, address: '127.0.0.1:0'}\n  - {name: taken, address: '"+busy.Addr().String()+"'}\n",
		nil, "serve", "-c", "c.yaml")
	require.Equal(t, exitFailure, r.code)
	require.Regexp(t, `^troupe: listener taken: cannot listen on .*\n$`, r.stderr)
}

// A data directory that cannot be used is named in one line with the way out, and
// nothing in it is touched.
func TestDataDirectoryThatCannotBeUsed(t *testing.T) {
	dir := place(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, os.WriteFile(in("file"), nil, 0o600))
	require.NoError(t, os.MkdirAll(filepath.Join(in("other"), "things"), 0o700))
	fillStore(t, in("newer"), map[string]string{string(persistence.PartMeta.Named("format")): "4711"})
	fillStore(t, in("damaged"), some())
	damage(t, in("damaged"))
	fillStore(t, in("headless"), some())
	require.NoError(t, os.Remove(filepath.Join(in("headless"), "MANIFEST")))
	broker := serveProcess(t, "name: first", "--data-dir", in("used"))

	for where, want := range map[string]string{
		"used":     `the directory is in use: ` + in("used") + ` is in use by first, process ` + strconv.Itoa(broker.command.Process.Pid) + ` since .*( \(troupe.*\))?; stop that first, or choose another directory`,
		"file":     `data directory ` + in("file") + ` is a file: .*`,
		"other":    `directory ` + in("other") + ` holds other things \(things\) and no data of ours: name an empty directory, or one that does not exist`,
		"newer":    `the directory has a newer format: ` + in("newer") + ` has format 4711, .*`,
		"damaged":  `the directory is damaged: ` + in("damaged") + "/\\d+\\.sst: .*`troupe repair`.*",
		"headless": `the directory is damaged: ` + in("headless") + "/MANIFEST: the file is missing; `troupe repair`.*",
		"file/x":   `.*` + in("file/x") + `.*: not a directory`,
	} {
		r := command(t, "", nil, "serve", "--listen", "127.0.0.1:0", "--data-dir", in(where))
		require.Equal(t, exitFailure, r.code, "%s: %s", where, r.stderr)
		require.Empty(t, r.stdout)
		require.Regexp(t, `^troupe: `+want+`\n$`, r.stderr)
	}
	require.Equal(t, []string{"things"}, names(t, in("other")))
}
