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
)

// binary is the path of the command, built from these sources by TestMain.
var binary string

func TestMain(m *testing.M) {
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "troupe")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "troupe.exe") // the name that Windows wants does no harm elsewhere
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%s%v\n", out, err)
		return 1
	}
	return m.Run()
}

// result is what one run of the binary left behind.
type result struct {
	code           int
	stdout, stderr string
}

// command runs the binary to its end in a directory of its own that holds
// c.yaml with the given text, in an environment of nothing but environ.
func command(t *testing.T, file string, environ []string, args ...string) result {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "c.yaml"), []byte(file), 0o600))
	var stdout, stderr bytes.Buffer
	c := exec.Command(binary, args...)
	c.Dir, c.Stdout, c.Stderr = dir, &stdout, &stderr
	c.Env = append([]string{"SystemRoot=" + os.Getenv("SystemRoot")}, environ...)
	err := c.Run()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return result{c.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func TestVersion(t *testing.T) {
	r := command(t, "", nil, "version")
	require.Regexp(t, `^troupe \S+( [0-9a-f]{12}(\+changes)?)? go\S+ \w+/\w+\n$`, r.stdout)
	require.Zero(t, r.code)
	require.Empty(t, r.stderr)
}

func TestHelpTellsExitCodes(t *testing.T) {
	for _, args := range [][]string{nil, {"help"}, {"--help"}} {
		r := command(t, "", nil, args...)
		require.Zero(t, r.code)
		require.Contains(t, r.stdout, "Exit codes: 0 done; 1 failed")
		require.Contains(t, r.stdout, "serve ")
	}
	for _, name := range []string{"backup", "restore", "storage", "repair"} {
		r := command(t, "", nil, "help", name)
		require.Zero(t, r.code)
		require.Contains(t, r.stdout, "-c, --config file")
		require.Contains(t, r.stdout, "--data-dir directory")
	}
	for _, name := range []string{"serve", "check", "config print"} {
		r := command(t, "", nil, append([]string{"help"}, strings.Fields(name)...)...)
		require.Zero(t, r.code)
		for _, flag := range []string{"-c, --config file", "--listen host:port", "--data-dir", "--log-level"} {
			require.Contains(t, r.stdout, flag)
		}
	}
}

// What is not allowed is one line on standard error, exit code 2 and nothing
// else; serve is not tried.
func TestNotAllowed(t *testing.T) {
	for _, c := range []struct {
		file    string
		environ []string
		args    []string
		want    string
	}{
		{"", nil, []string{"serv"}, `unknown command "serv"; did you mean serve?`},
		{"", nil, []string{"ctl", "instance", "strat", "a", "-c", "x.yaml"}, `unknown command "strat"; did you mean start?`},
		{"", nil, []string{"ctl", "instance", "-x"}, `unknown shorthand flag: 'x' in -x`},
		{"", nil, []string{"xyz"}, `unknown command "xyz"; run troupe --help`},
		{"", nil, []string{"config", "prin"}, `unknown command "prin"; did you mean print?`},
		{"", nil, []string{"serve", "now"}, `troupe serve takes no arguments, only flags: "now"`},
		{"", nil, []string{"serve", "--lisen=:1"}, "unknown flag: --lisen"},
		{"", nil, []string{"check", "-c"}, "flag needs an argument: 'c' in -c"},
		{"", nil, []string{"check", "--config="}, "--config names no file"},
		{"", nil, []string{"config", "print", "--format=toml"}, `--format: "toml" is not allowed; allowed: yaml, json`},
		{"", nil, []string{"serve", "-c", "none.yaml"}, "none.yaml: cannot be read: no such file or directory"},
		{"", nil, []string{"config", "print", "-c", "none.yaml"}, "none.yaml: cannot be read: no such file or directory"},
		{"nmae: x", nil, []string{"serve", "-c", "c.yaml"}, "c.yaml:1: nmae: unknown key; did you mean name?"},
		{"nmae: x\nsys: 5", nil, []string{"serve", "-c", "c.yaml"}, "c.yaml:1: nmae: unknown key; did you mean name? (and 1 more)"},
		{"name: [", nil, []string{"serve", "-c", "c.yaml"}, "c.yaml:1: did not find expected node content"},
		{"", []string{"TROUPE_LOG_LEVEL=loud"}, []string{"serve"}, `env TROUPE_LOG_LEVEL: log.level: "loud" is not allowed; allowed: debug, info, warn, error`},
		{"", nil, []string{"serve", "--listen", "0.0.0.0:1883"}, "flag --listen: listeners[0].allow_anonymous: false lets nobody in at 0.0.0.0:1883, which is not loopback, since there are no users; allowed: an auth.password_file with users, user names from certificates (tls.username), true, which lets everyone in, or an address such as 127.0.0.1:1883"},
		{"", nil, []string{"serve", "--allow-anonymous"}, "flag --allow-anonymous: only goes with --listen; for a configured listener write allow_anonymous there"},
	} {
		require.Equal(t, result{2, "", "troupe: " + c.want + "\n"}, command(t, c.file, c.environ, c.args...), "%q", c.args)
	}
}

func TestCheck(t *testing.T) {
	require.Equal(t, result{0, "c.yaml is valid\n", ""}, command(t, "name: x", nil, "check", "-c", "c.yaml"))
	require.Equal(t, result{0, "the configuration is valid\n", ""}, command(t, "", nil, "check"))
}

// What is allowed and dangerous is said beside, and changes no exit code.
func TestCheckWarns(t *testing.T) {
	r := command(t, `bridges:
- name: uplink
  upstreams: ["mqtt://edge:secret@node1.example"]
  forward: [{local: "sensors/#"}]
`, nil, "check", "-c", "c.yaml")
	require.Equal(t, result{0, "c.yaml is valid\n",
		"troupe: warning: c.yaml:3: bridges[0].upstreams[0].uri: \"mqtt://node1.example\" sends the password, and all messages, so that everyone on the way can read them; write mqtts or wss\n"}, r)
}

// Check has a line for each thing that is wrong, where serve has the first.
func TestCheckTellsAll(t *testing.T) {
	r := command(t, "sys: {interval: 5}\nlimits:\n  receive_maximum: 0\nnmae: x\n", []string{"TROUPE_LOG_FORMAT=loud"}, "check", "-c", "c.yaml")
	require.Equal(t, result{2, "", `troupe: c.yaml:1: sys.interval: 5 has no unit; write 5s, 5m or 5h
troupe: c.yaml:4: nmae: unknown key; did you mean name?
troupe: c.yaml:3: limits.receive_maximum: 0 is not allowed; allowed: 1 to 65535
troupe: env TROUPE_LOG_FORMAT: log.format: "loud" is not allowed; allowed: auto, console, json
`}, r)
}

func TestConfigPrint(t *testing.T) {
	r := command(t, "name: a\nlog:\n  level: warn\n", []string{"TROUPE_NAME=b"},
		"config", "print", "-c", "c.yaml", "--listen", "localhost:1999", "--data-dir", "d")
	require.Zero(t, r.code, r.stderr)
	require.Empty(t, r.stderr)
	for _, line := range []string{
		"name: b # env TROUPE_NAME\n",
		"data_dir: d # flag --data-dir\n",
		"    address: localhost:1999 # flag --listen\n",
		"  level: warn # c.yaml:3\n",
		"  max_packet_size: 1MiB # default\n",
	} {
		require.Contains(t, r.stdout, line)
	}
	// It is a configuration file itself.
	require.Equal(t, result{0, "c.yaml is valid\n", ""}, command(t, r.stdout, nil, "check", "-c", "c.yaml"))

	// Nobody sees a password.
	secret := "bridges: [{name: b, upstreams: [{uri: 'mqtts://a', username: u, password: secret}, 'mqtts://u:secret@b'], password: secret, username: u}]"
	for _, format := range []string{"yaml", "json"} {
		r = command(t, secret, nil, "config", "print", "-c", "c.yaml", "--format", format)
		require.Zero(t, r.code, r.stderr)
		require.NotContains(t, r.stdout, "secret")
		require.Contains(t, r.stdout, "mqtts://u:***@b")
	}

	r = command(t, "name: a\n", nil, "config", "print", "-c", "c.yaml", "--format=json")
	require.Zero(t, r.code, r.stderr)
	require.Contains(t, r.stdout, `"name": "c.yaml:1"`)
	require.Contains(t, r.stdout, `"name": "a"`)
}
