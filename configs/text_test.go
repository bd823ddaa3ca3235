package configs

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "0B": 0, "1": 1, "512B": 512, "64KiB": 64 << 10, "3 MiB": 3 << 20, "1GiB": 1 << 30, "2TiB": 2 << 40,
		"9223372036854775807": math.MaxInt64, "8388607TiB": 8388607 << 40,
	} {
		got, err := ParseSize(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "B", "KiB", "-1", "1.5MiB", "1MB", "1kib", "64 K", " 1", "0x10", "1_000", "9223372036854775808", "8388608TiB", "1KiBKiB"} {
		_, err := ParseSize(text)
		require.Error(t, err, text)
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "500ms": 500 * time.Millisecond, "10s": 10 * time.Second, "1h30m": 90 * time.Minute, "1.5s": 1500 * time.Millisecond, "168h": 168 * time.Hour,
	} {
		got, err := ParseDuration(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got.Std(), text)
	}
	for _, text := range []string{"", "10", "-1s", "1d", "s", "10 s", "300000000h"} {
		_, err := ParseDuration(text)
		require.Error(t, err, text)
	}
}

func TestDurationString(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 10 * time.Second: "10s", 5 * time.Minute: "5m", time.Hour: "1h", 168 * time.Hour: "168h", 90 * time.Minute: "1h30m",
		10 * time.Hour: "10h", 70 * time.Second: "1m10s", time.Hour + 10*time.Second: "1h0m10s", 20 * time.Minute: "20m",
	} {
		require.Equal(t, want, Duration(d).String())
	}
}

// The text of a value is read as that value.
func TestTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Size(rapid.Int64Min(0).Draw(t, "size"))
		if rapid.Bool().Draw(t, "whole unit") {
			s = s >> 40 << rapid.SampledFrom([]int{0, 10, 20, 30, 40}).Draw(t, "unit")
		}
		gotSize, err := ParseSize(s.String())
		if err != nil || gotSize != s {
			t.Fatalf("size %d is written as %s and read as %d, %v", s, s, gotSize, err)
		}
		d := Duration(rapid.Int64Min(0).Draw(t, "duration"))
		if rapid.Bool().Draw(t, "whole minutes") {
			d -= d % Duration(time.Minute)
		}
		gotDuration, err := ParseDuration(d.String())
		if err != nil || gotDuration != d {
			t.Fatalf("duration %d is written as %s and read as %d, %v", d, d, gotDuration, err)
		}
	})
}

const printed = `name: "7" # c.yaml:1
data_dir: /srv/x # env TROUPE_DATA_DIR
durability: disk # default
persistence:
  flush_interval: 1s # default
  flush_messages: 1000 # default
  memtable: 8MiB # default
  min_free: 64MiB # default
  max_disk: 0B # default
  on_error: stop # default
listeners:
  - name: far # c.yaml:3
    address: :1883 # c.yaml:4
    transport: tcp # default
    tls:
      cert_file: "" # default
      key_file: "" # default
      ca_file: "" # default
      client_certificate: optional # default
      username: connect # default
    allow_anonymous: true # c.yaml:5
  - name: near # c.yaml:6
    address: localhost:1884 # c.yaml:6
    transport: tcp # c.yaml:6
    tls:
      cert_file: "" # default
      key_file: "" # default
      ca_file: "" # default
      client_certificate: optional # default
      username: connect # default
    allow_anonymous: true # default
auth:
  password_file: "" # default
  acl_file: "" # default
limits:
  max_connections: 0 # default
  max_packet_size: 1000B # c.yaml:7
  receive_maximum: 100 # default
  max_inflight: 100 # default
  topic_alias_maximum: 64 # default
  server_keep_alive: 0s # default
  connect_timeout: 10s # default
  topic_levels: 128 # default
  event_loops: 0 # default
  rate:
    messages_per_second: 0 # default
    bytes_per_second: 0B # default
session:
  expiry_maximum: 168h # default
  passivate_after: 5m # default
  queue:
    max_messages: 100000 # default
    max_bytes: 64MiB # default
    max_age: 1m30s # c.yaml:8
    overflow: drop-oldest # default
    patience: 10s # default
  total:
    max_messages: 0 # default
    max_bytes: 0B # default
    memory: 0B # default
retained:
  max_messages: 0 # default
  max_bytes: 0B # default
  memory: 256MiB # default
bridges: [] # default
sys:
  interval: 10s # default
metrics:
  address: "" # default
log:
  level: debug # flag --log-level
  format: auto # default
shutdown:
  grace_period: 10s # default
supervision:
  on_failure: auto # default
  backoff:
    initial: 1s # default
    maximum: 1m # default
`

const printedFrom = `name: "7"
listeners:
- name: far
  address: ":1883"
  allow_anonymous: true
- {name: near, address: "localhost:1884", transport: tcp}
limits: {max_packet_size: 1000}
session: {queue: {max_age: 90s}}
`

// What is printed shows every value with its source, and read as a file gives
// the same again.
func TestPrintRoundTrip(t *testing.T) {
	c, sources, err := load(t, "c.yaml", printedFrom, []string{"TROUPE_DATA_DIR=/srv/x"}, "--log-level=debug")
	require.NoError(t, err)
	var yaml, again bytes.Buffer
	require.NoError(t, WriteYAML(&yaml, c, sources))
	require.Empty(t, cmp.Diff(printed, yaml.String()))

	want := c
	want.Listeners = []Listener{c.Listeners[0], c.Listeners[1]}
	want.Listeners[1].AllowAnonymous = yes() // what not set stands for is printed
	got, _, err := load(t, "printed.yaml", yaml.String(), nil)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(want, got))
	require.NoError(t, WriteYAML(&again, got, sources))
	require.Equal(t, yaml.String(), again.String())

	var object bytes.Buffer
	require.NoError(t, WriteJSON(&object, c, sources))
	var parts struct {
		Config  json.RawMessage
		Sources map[string]string
	}
	require.NoError(t, json.Unmarshal(object.Bytes(), &parts))
	got, _, err = load(t, "printed.json", string(parts.Config), nil)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(want, got))
	require.Equal(t, "c.yaml:8", parts.Sources["session.queue.max_age"])
	require.Len(t, parts.Sources, len(sources))
}

func TestPrintNoListeners(t *testing.T) {
	c, sources, err := load(t, "c.yaml", "listeners: []", nil)
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, WriteYAML(&out, c, sources))
	require.Contains(t, out.String(), "listeners: [] # c.yaml:1\n")
	got, _, err := load(t, "printed.yaml", out.String(), nil)
	require.NoError(t, err)
	require.Empty(t, got.Listeners)
}

// Whatever a file holds, it is read or refused with its name.
func FuzzFile(f *testing.F) {
	for _, seed := range []string{printedFrom, printed, "", "a: &a [*a]", "a: &a {b: *a}\n<<: *a", "? [x]\n: 1\n", "[[listeners]]\n[listeners.x]\n",
		"x.y.'z' = [[1], {a = 1}]", `{"listeners": [[], {"name": []}, null]}`, "listeners: [{<<: {name: a}}]",
		"bridges: [{name: a, upstreams: ['mqtt://u:p@x', {uri: 'wss://y/z', tls: {insecure: true}}], forward: [{local: a/+/#, remote: b/#, qos: 1}], receive: [{remote: '#', prefix: x/}]}]",
		"[[bridges]]\nname = 'a'\nserver = 'unix:///x'\nprotocol = 4\n[[bridges.forward]]\nlocal = '$SYS/#'\nprefix = 'a'\n"} {
		f.Add(seed)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		for _, end := range []string{".yaml", ".toml", ".json"} {
			path := dir + "/c" + end
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			c, sources, err := Load(Inputs{File: path})
			if err != nil {
				for _, p := range err.(Problems) {
					if p.Source.Name != path || p.Text == "" {
						t.Fatalf("%q is refused with %q, which does not name the file", text, p)
					}
				}
				continue
			}
			if err := c.Validate(); err != nil {
				t.Fatalf("%q is read as what is not allowed: %v", text, err)
			}
			if err := WriteYAML(&bytes.Buffer{}, c, sources); err != nil {
				t.Fatal(err)
			}
		}
	})
}
