package configs

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// load is Load with a file of the given name and text in the working
// directory, so that messages name it as a user would have.
func load(t *testing.T, name, text string, environ []string, args ...string) (Config, Sources, error) {
	t.Helper()
	t.Chdir(t.TempDir())
	in := Inputs{Environ: environ, Flags: pflag.NewFlagSet("", pflag.ContinueOnError)}
	if name != "" {
		in.File = name
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	}
	AddFlags(in.Flags)
	require.NoError(t, in.Flags.Parse(args))
	return Load(in)
}

func yes() *bool {
	v := true
	return &v
}

func TestEmptyFileIsAllDefaults(t *testing.T) {
	for _, f := range []struct{ name, text string }{
		{"c.yaml", ""},
		{"c.yml", "# nothing but a comment\n"},
		{"c.yaml", "---\n"},
		{"c.yaml", "\ufeff\n"},
		{"c.yaml", "limits:\nsession:\n  queue:\n"},
		{"c.toml", ""},
		{"c.toml", "[limits]\n"},
		{"c.json", ""},
		{"c.json", "{}"},
		{"C.JSON", "null"},
	} {
		c, sources, err := load(t, f.name, f.text, nil)
		require.NoError(t, err, "%s %q", f.name, f.text)
		require.Empty(t, cmp.Diff(Defaults(), c))
		for key, s := range sources {
			require.Equal(t, Source{Kind: KindDefault}, s, key)
		}
	}
}

// One file, three times: each language gives the same Config and the line of
// each value.
func TestLanguages(t *testing.T) {
	want := Defaults()
	want.Name = "plant-7"
	want.Listeners = []Listener{
		{Name: "all", Address: ":1883", Transport: "tcp", TLS: tlsDefaults(), AllowAnonymous: yes()},
		{Name: "near", Address: "[::1]:1884", Transport: "tcp", TLS: tlsDefaults()},
	}
	want.Limits.MaxPacketSize = 64 * KiB
	want.Limits.ReceiveMaximum = 20
	want.Session.Queue.MaxBytes = 1_000_000
	want.Session.Queue.Overflow = OverflowReject
	want.Shutdown.GracePeriod = Duration(90 * time.Second)

	files := []struct {
		name, text string
		lines      map[string]int
	}{
		{"c.yaml", `name: plant-7
listeners:
  - name: all
    address: :1883
    allow_anonymous: true
  - {name: near, address: "[::1]:1884"}
limits:
  max_packet_size: 64KiB
  receive_maximum: 20
session:
  queue: {max_bytes: 1000000, overflow: reject}
shutdown:
  grace_period: 1m30s
`, map[string]int{"name": 1, "listeners": 2, "listeners[0]": 3, "listeners[0].address": 4, "listeners[1].address": 6,
			"limits.max_packet_size": 8, "limits.receive_maximum": 9, "session.queue.max_bytes": 11, "shutdown.grace_period": 13}},
		{"c.toml", `name = "plant-7"
shutdown.grace_period = "1m30s"

[[listeners]]
name = "all"
address = ":1883"
allow_anonymous = true
[[listeners]]
name = "near"
address = "[::1]:1884"

[limits]
max_packet_size = "64KiB"
receive_maximum = 20
[session]
queue = {max_bytes = 1_000_000, overflow = "reject"}
`, map[string]int{"name": 1, "listeners": 8, "listeners[0]": 4, "listeners[0].address": 6, "listeners[1].address": 10,
			"limits.max_packet_size": 13, "limits.receive_maximum": 14, "session.queue.max_bytes": 16, "shutdown.grace_period": 2}},
		{"c.json", `{
  "name": "plant-7",
  "listeners": [
    {
      "name": "all", "address": ":1883",
      "allow_anonymous": true
    },
    {"name": "near", "address": "[::1]:1884"}
  ],
  "limits": {
    "max_packet_size": "64KiB",
    "receive_maximum": 20
  },
  "session": {"queue": {"max_bytes": 1e6, "overflow": "reject"}},
  "shutdown": {"grace_period": "1m30s"}
}`, map[string]int{"name": 2, "listeners": 3, "listeners[0]": 4, "listeners[0].address": 5, "listeners[1].address": 8,
			"limits.max_packet_size": 11, "limits.receive_maximum": 12, "session.queue.max_bytes": 14, "shutdown.grace_period": 15}},
	}
	for _, f := range files {
		t.Run(f.name, func(t *testing.T) {
			c, sources, err := load(t, f.name, f.text, nil)
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(want, c))
			for key, line := range f.lines {
				require.Equal(t, Source{KindFile, f.name, line}, sources[key], key)
			}
			require.Equal(t, Source{Kind: KindDefault}, sources["listeners[1].transport"])
			require.Equal(t, Source{Kind: KindDefault}, sources["session.queue.max_age"])
		})
	}
}

// One value in more and more layers: the last layer has it, and is its source.
func TestPrecedence(t *testing.T) {
	file := "\nlog: {level: debug, format: json}\nname: file\n"
	environ := []string{"TROUPE_LOG_LEVEL=warn", "TROUPE_NAME=", "PATH=/bin", "TROUPE"}
	for _, step := range []struct {
		file    bool
		environ []string
		args    []string
		level   LogLevel
		source  string
	}{
		{level: LogInfo, source: "default"},
		{file: true, level: LogDebug, source: "c.yaml:2"},
		{file: true, environ: environ, level: LogWarn, source: "env TROUPE_LOG_LEVEL"},
		{file: true, environ: environ, args: []string{"--log-level=error"}, level: LogError, source: "flag --log-level"},
		{file: true, args: []string{"--log-level=error"}, level: LogError, source: "flag --log-level"},
		{environ: environ, level: LogWarn, source: "env TROUPE_LOG_LEVEL"},
	} {
		name := ""
		if step.file {
			name = "c.yaml"
		}
		c, sources, err := load(t, name, file, step.environ, step.args...)
		require.NoError(t, err)
		require.Equal(t, step.level, c.Log.Level)
		require.Equal(t, step.source, sources["log.level"].String())
		if step.file {
			require.Equal(t, "file", c.Name, "an empty variable counts as not set")
			require.Equal(t, LogJSON, c.Log.Format, "the other keys of a section stay")
			require.Equal(t, "c.yaml:2", sources["log.format"].String())
		}
	}
}

func TestEnvironmentHasEveryKind(t *testing.T) {
	c, sources, err := load(t, "", "", []string{
		"TROUPE_DATA_DIR=/tmp/x=y",
		"TROUPE_LIMITS_MAX_CONNECTIONS=12",
		"TROUPE_LIMITS_MAX_PACKET_SIZE=2048",
		"TROUPE_SESSION_QUEUE_MAX_AGE=5m",
		"TROUPE_SESSION_QUEUE_OVERFLOW=drop-newest",
		"TROUPE_PERSISTENCE_FLUSH_MESSAGES=1",
		"TROUPE_PERSISTENCE_ON_ERROR=read-only",
		"TROUPE_SESSION_TOTAL_MAX_BYTES=1GiB",
	})
	require.NoError(t, err)
	want := Defaults()
	want.DataDir = "/tmp/x=y"
	want.Limits.MaxConnections = 12
	want.Limits.MaxPacketSize = 2 * KiB
	want.Session.Queue.MaxAge = Duration(5 * time.Minute)
	want.Session.Queue.Overflow = OverflowDropNewest
	want.Persistence.FlushMessages = 1
	want.Persistence.OnError = OnErrorReadOnly
	want.Session.Total.MaxBytes = GiB
	require.Empty(t, cmp.Diff(want, c))
	require.Equal(t, "env TROUPE_SESSION_QUEUE_MAX_AGE", sources["session.queue.max_age"].String())
}

// An empty text is a value in a file and in a flag; a variable without one counts
// as not set.
func TestNoDataDirectory(t *testing.T) {
	c, sources, err := load(t, "c.yaml", `data_dir: ""`, []string{"TROUPE_DATA_DIR="})
	require.NoError(t, err)
	require.Empty(t, c.DataDir)
	require.Equal(t, "c.yaml:1", sources["data_dir"].String())

	c, sources, err = load(t, "c.yaml", "data_dir: a", nil, "--data-dir=")
	require.NoError(t, err)
	require.Empty(t, c.DataDir)
	require.Equal(t, "flag --data-dir", sources["data_dir"].String())
}

func TestEnvironmentLeavesServiceLinksAlone(t *testing.T) {
	_, _, err := load(t, "", "", []string{
		"TROUPE_SERVICE_HOST=10.0.0.1", "TROUPE_SERVICE_PORT=1883", "TROUPE_SERVICE_PORT_MQTT=1883", "TROUPE_PORT=tcp://10.0.0.1:1883",
		"TROUPE_PORT_1883_TCP=tcp://10.0.0.1:1883", "TROUPE_PORT_1883_TCP_ADDR=10.0.0.1", "TROUPE_INNER_PORT_1883_UDP_PROTO=udp",
	})
	require.NoError(t, err)
}

// Variables change single fields of listeners; the next number makes a new one.
func TestListenersFromEnvironment(t *testing.T) {
	c, sources, err := load(t, "c.yaml", "listeners:\n- {name: a, address: 127.0.0.1:1}\n- {name: b, address: 127.0.0.1:2}\n", []string{
		"TROUPE_LISTENERS_2_NAME=c",
		"TROUPE_LISTENERS_2_ADDRESS=127.0.0.1:4",
		"TROUPE_LISTENERS_1_ADDRESS=0.0.0.0:3",
		"TROUPE_LISTENERS_1_ALLOW_ANONYMOUS=true",
	})
	require.NoError(t, err)
	require.Empty(t, cmp.Diff([]Listener{
		{Name: "a", Address: "127.0.0.1:1", Transport: "tcp", TLS: tlsDefaults()},
		{Name: "b", Address: "0.0.0.0:3", Transport: "tcp", TLS: tlsDefaults(), AllowAnonymous: yes()},
		{Name: "c", Address: "127.0.0.1:4", Transport: "tcp", TLS: tlsDefaults()},
	}, c.Listeners))
	require.Equal(t, "c.yaml:3", sources["listeners[1].name"].String())
	require.Equal(t, "env TROUPE_LISTENERS_1_ADDRESS", sources["listeners[1].address"].String())
	require.Equal(t, "env TROUPE_LISTENERS_2_NAME", sources["listeners[2].name"].String())
}

func TestListenReplacesListeners(t *testing.T) {
	file := "listeners:\n- {name: a, address: 127.0.0.1:1}\n- {name: b, address: 127.0.0.1:2}\n- {name: c, address: 127.0.0.1:3}\n"
	c, sources, err := load(t, "c.yaml", file, nil, "--listen=:1883", "--listen=[::1]:1884", "--allow-anonymous")
	require.NoError(t, err)
	require.Empty(t, cmp.Diff([]Listener{
		{Name: "tcp", Address: ":1883", Transport: "tcp", TLS: tlsDefaults(), AllowAnonymous: yes()},
		{Name: "tcp-2", Address: "[::1]:1884", Transport: "tcp", TLS: tlsDefaults(), AllowAnonymous: yes()},
	}, c.Listeners))
	require.Equal(t, "flag --listen", sources["listeners[1].address"].String())
	require.Equal(t, "default", sources["listeners[1].transport"].String())
	require.NotContains(t, sources, "listeners[2].name")
}

// Every value has a source, and nothing else has.
func TestEveryValueHasASource(t *testing.T) {
	_, sources, err := load(t, "c.yaml", `
listeners: [{name: a, address: localhost:1}, {name: b, address: localhost:2}]
bridges:
- name: b
  upstreams: ["mqtt://x", {uri: "mqtt://y"}]
  forward: [{local: a}]
`, nil)
	require.NoError(t, err)
	entries := map[string]int{"listeners": 2, "bridges": 1, "bridges[0].upstreams": 2, "bridges[0].forward": 1}
	want := map[string]bool{}
	var expand func(path string)
	expand = func(path string) {
		list, _, ok := strings.Cut(path, "[]")
		if !ok {
			want[path] = true
			return
		}
		for i := range entries[list] {
			want[entry(list, i)] = true
			expand(strings.Replace(path, "[]", "["+strconv.Itoa(i)+"]", 1))
		}
	}
	for _, k := range keys() {
		expand(k.path)
	}
	got := map[string]bool{}
	for key := range sources {
		got[key] = true
	}
	require.Empty(t, cmp.Diff(want, got))
}

func TestAliasesAndMergeKeysOfYAML(t *testing.T) {
	c, sources, err := load(t, "c.yaml", `
listeners:
- &base
  name: a
  address: 127.0.0.1:1
- <<: *base
  name: b
  address: 127.0.0.1:2
log: {level: &word debug}
name: *word
`, nil)
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:2", c.Listeners[1].Address)
	require.Equal(t, "debug", c.Name)
	require.Equal(t, "c.yaml:10", sources["name"].String())
}

func TestFileThatCannotBeRead(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir("d.yaml", 0o700))
	for file, want := range map[string]string{
		"none.yaml":                      "none.yaml: cannot be read: no such file or directory",
		filepath.Join("no", "none.toml"): "no/none.toml: cannot be read: no such file or directory",
		"d.yaml":                         "d.yaml: cannot be read: is a directory",
		"troupe.conf":                    "troupe.conf: not known what language this is; allowed: a name that ends with .yaml, .yml, .toml or .json",
		"troupe":                         "troupe: not known what language this is; allowed: a name that ends with .yaml, .yml, .toml or .json",
	} {
		_, _, err := Load(Inputs{File: file})
		require.EqualError(t, err, want)
	}
}

// What is found is told in full, a Problem each, in the order of layers and lines.
func TestAllProblemsAreFound(t *testing.T) {
	_, _, err := load(t, "c.yaml", "sys: {interval: 5}\nlimits:\n  receive_maximum: 0\nnmae: x\nlog: {level: 7}\n",
		[]string{"TROUPE_LOG_FORMAT=loud", "TROUPE_NMAE=x"}, "--data-dir= ")
	require.EqualError(t, err, "c.yaml:1: sys.interval: 5 has no unit; write 5s, 5m or 5h (and 6 more)")
	var lines []string
	for _, p := range err.(Problems) {
		lines = append(lines, p.Error())
	}
	require.Equal(t, []string{
		"c.yaml:1: sys.interval: 5 has no unit; write 5s, 5m or 5h",
		"c.yaml:4: nmae: unknown key; did you mean name?",
		"c.yaml:5: log.level: 7 is not text; put it in quotes",
		"env TROUPE_NMAE: unknown variable; did you mean TROUPE_NAME?",
		`flag --data-dir: data_dir: " " is not a directory; name one, or "" to keep nothing on disk`,
		"c.yaml:3: limits.receive_maximum: 0 is not allowed; allowed: 1 to 65535",
		`env TROUPE_LOG_FORMAT: log.format: "loud" is not allowed; allowed: auto, console, json`,
	}, lines)
}
