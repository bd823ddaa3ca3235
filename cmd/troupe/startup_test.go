package main

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

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
		{[]string{"--listen", address}, exitFailure, `listener tcp: cannot listen on ` + address + `: .*address already in use`},
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
