package configs

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// One file with bridges, three times: each language gives the same, with the
// defaults of each entry, and the line of each value.
func TestBridgesInEachLanguage(t *testing.T) {
	uplink := NewBridge("uplink", "mqtt://node1:1883")
	uplink.Upstreams = append(uplink.Upstreams, Upstream{URI: "mqtts://node2:8883", ClientID: "second", TLS: TLSClient{ServerName: "node2"}})
	uplink.Queue.Memory = 8 * MiB
	uplink.Backoff.Maximum = Duration(time.Minute)
	uplink.LoopGuard = false
	forward := NewForward("sensors/+/state/#", "plant7/+/state/#")
	forward.QoS = QoS1
	uplink.Forward = []Forward{forward, NewForward("alarms", "")}
	receive := NewReceive("plant7/commands/#", "commands/#")
	receive.QoS = QoSMost1
	uplink.Receive = []Receive{receive}
	second := NewBridge("second", "unix:///run/broker.sock")
	want := []Bridge{uplink, second}

	for _, f := range []struct {
		name, text string
		lines      map[string]int
	}{
		{"c.yaml", `bridges:
  - name: uplink
    upstreams:
      - mqtt://node1:1883
      - uri: mqtts://node2:8883
        client_id: second
        tls: {server_name: node2}
    backoff: {maximum: 1m}
    loop_guard: false
    forward:
      - {local: "sensors/+/state/#", remote: "plant7/+/state/#", qos: 1}
      - local: alarms
    receive:
      - {remote: "plant7/commands/#", local: "commands/#", qos: max-1}
    queue: {memory: 8MiB}
  - {name: second, upstreams: ["unix:///run/broker.sock"]}
`, map[string]int{"bridges[0].upstreams[0].uri": 4, "bridges[0].upstreams[1].tls.server_name": 7, "bridges[0].forward[1].local": 12, "bridges[0].queue.memory": 15, "bridges[1].name": 16}},
		{"c.toml", `[[bridges]]
name = "uplink"
upstreams = ["mqtt://node1:1883", {uri = "mqtts://node2:8883", client_id = "second", tls = {server_name = "node2"}}]
loop_guard = false
backoff.maximum = "1m"
queue = {memory = "8MiB"}
[[bridges.forward]]
local = "sensors/+/state/#"
remote = "plant7/+/state/#"
qos = 1
[[bridges.forward]]
local = "alarms"
[[bridges.receive]]
remote = "plant7/commands/#"
local = "commands/#"
qos = "max-1"
[[bridges]]
name = "second"
upstreams = ["unix:///run/broker.sock"]
`, map[string]int{"bridges[0].upstreams": 3, "bridges[0].upstreams[1].tls.server_name": 3, "bridges[0].forward[0].qos": 10, "bridges[0].forward[1].local": 12, "bridges[0].queue.memory": 6, "bridges[1].name": 18}},
		{"c.json", `{"bridges": [
  {"name": "uplink",
   "upstreams": [
     "mqtt://node1:1883",
     {"uri": "mqtts://node2:8883", "client_id": "second", "tls": {"server_name": "node2"}}],
   "backoff": {"maximum": "1m"}, "loop_guard": false,
   "forward": [
     {"local": "sensors/+/state/#", "remote": "plant7/+/state/#", "qos": 1},
     {"local": "alarms"}],
   "receive": [{"remote": "plant7/commands/#", "local": "commands/#", "qos": "max-1"}],
   "queue": {"memory": "8MiB"}},
  {"name": "second", "upstreams": ["unix:///run/broker.sock"]}]}
`, map[string]int{"bridges[0].upstreams[0].uri": 4, "bridges[0].upstreams[1].tls.server_name": 5, "bridges[0].forward[1].local": 9, "bridges[0].queue.memory": 11, "bridges[1].name": 12}},
	} {
		t.Run(f.name, func(t *testing.T) {
			c, sources, err := load(t, f.name, f.text, nil)
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(want, c.Bridges))
			for key, line := range f.lines {
				require.Equal(t, line, sources.of(key).Line, key)
			}
			require.Equal(t, Source{Kind: KindDefault}, sources["bridges[0].forward[1].qos"])
			require.Equal(t, Source{Kind: KindDefault}, sources["bridges[0].queue.spool"])
		})
	}
}

// Variables change single fields of bridges and of their lists, and can make
// new ones.
func TestBridgesFromEnvironment(t *testing.T) {
	c, sources, err := load(t, "c.yaml", "bridges:\n- {name: a, upstreams: ['mqtt://x', 'mqtt://y'], queue: {memory: 1MiB}}\n", []string{
		"TROUPE_BRIDGES_0_PASSWORD=secret",
		"TROUPE_BRIDGES_0_QUEUE_SPOOL=2GiB",
		"TROUPE_BRIDGES_0_UPSTREAMS_1_URI=mqtt://z",
		"TROUPE_BRIDGES_0_UPSTREAMS_2_URI=mqtts://last",
		"TROUPE_BRIDGES_0_UPSTREAMS_2_TLS_SERVER_NAME=other",
		"TROUPE_BRIDGES_0_FORWARD_0_LOCAL=a/#",
		"TROUPE_BRIDGES_0_FORWARD_0_QOS=1",
		"TROUPE_BRIDGES_1_NAME=b",
		"TROUPE_BRIDGES_1_SERVER=mqtt://w",
	})
	require.NoError(t, err)
	a := NewBridge("a", "mqtt://x", "mqtt://z", "mqtts://last")
	a.Upstreams[2].TLS.ServerName = "other"
	a.Password, a.Queue.Spool, a.Queue.Memory = "secret", 2*GiB, MiB
	rule := NewForward("a/#", "")
	rule.QoS = QoS1
	a.Forward = []Forward{rule}
	b := NewBridge("b")
	b.Server = "mqtt://w"
	require.Empty(t, cmp.Diff([]Bridge{a, b}, c.Bridges))
	require.Equal(t, "env TROUPE_BRIDGES_0_UPSTREAMS_1_URI", sources["bridges[0].upstreams[1].uri"].String())
	require.Equal(t, "c.yaml:2", sources["bridges[0].queue.memory"].String())

	_, _, err = load(t, "", "", []string{"TROUPE_BRIDGES_0_NAME=a", "TROUPE_BRIDGES_0_UPSTREAMS_1_URI=mqtt://x"})
	require.ErrorContains(t, err, "env TROUPE_BRIDGES_0_UPSTREAMS_1_URI: bridges[0].upstreams[1].uri: there is no such entry; the next one is bridges[0].upstreams[0]")
	_, _, err = load(t, "", "", []string{"TROUPE_BRIDGES_0_QUEUE_SPOL=1"})
	require.EqualError(t, err, "env TROUPE_BRIDGES_0_QUEUE_SPOL: unknown variable; did you mean TROUPE_BRIDGES_0_QUEUE_SPOOL?")
}

// What is wrong in bridges is told with its place, and never with a password.
func TestWrongBridges(t *testing.T) {
	const start = "bridges:\n- name: a\n  upstreams: ['mqtt://x']\n"
	for text, want := range map[string]string{
		"bridges: {}": "c.yaml:1: bridges: a section is not a list; each entry holds name, upstreams, server, ",
		"bridges:\n- name: a\n  upstreams: mqtt://u:secret@x\n":  `c.yaml:3: bridges[0].upstreams: "mqtt://x" is not a list; each entry holds uri, client_id,`,
		"bridges:\n- name: a\n  upstreams:\n  - [mqtt://x]\n":    "c.yaml:4: bridges[0].upstreams[0]: a list is not an entry; it is the text of uri, or it holds uri, client_id,",
		"bridges:\n- mqtt://x\n":                                 `c.yaml:2: bridges[0]: "mqtt://x" is not an entry; it holds name, upstreams,`,
		"bridges:\n- name: a\n":                                  `c.yaml:2: bridges[0].upstreams: missing; name at least one, as in ["mqtt://node1:1883"]`,
		"bridges:\n- name: a\n  upstreams: [tcp://x]\n":          `c.yaml:3: bridges[0].upstreams[0].uri: "tcp://x" has the scheme "tcp"; write mqtt://x`,
		"bridges:\n- name: a\n  server: ssl://u:secret@x:1\n":    `c.yaml:3: bridges[0].server: "ssl://x:1" has the scheme "ssl"; write mqtts://x:1`,
		start + "  upstream: [mqtt://x]\n":                       "c.yaml:4: bridges[0].upstream: unknown key; did you mean bridges[0].upstreams?",
		start + "  queue:\n    memroy: 1MiB\n":                   "c.yaml:5: bridges[0].queue.memroy: unknown key; did you mean bridges[0].queue.memory?",
		start + "  forward:\n  - lcoal: a\n":                     "c.yaml:5: bridges[0].forward[0].lcoal: unknown key; did you mean bridges[0].forward[0].local? (and 1 more)",
		start + "  forward:\n  - local: a\n    qos: 3\n":         `c.yaml:6: bridges[0].forward[0].qos: "3" is not allowed; allowed: keep, 0, 1, 2, max-0, max-1`,
		start + "  forward:\n  - local: a\n    qos: '3'\n":       `c.yaml:6: bridges[0].forward[0].qos: "3" is not allowed; allowed: keep, 0, 1, 2, max-0, max-1`,
		start + "  forward:\n  - local: a/+\n    remote: b/#\n":  "c.yaml:6: bridges[0].forward[0].remote: \"b/#\" ends with `#` and \"a/+\" does not",
		start + "  password: 4711\n":                             "c.yaml:4: bridges[0].password: what is there is not text; put it in quotes",
		start + "  password: [secret]\n":                         "c.yaml:4: bridges[0].password: what is there is not text; put it in quotes",
		start + "- name: b\n  upstreams: ['mqtt://x', 'mqtt']\n": `c.yaml:5: bridges[1].upstreams[1].uri: "mqtt" is no URI; write one as in mqtt://node1:1883`,
		start + "  loop_guard: 'yes'\n":                          `c.yaml:4: bridges[0].loop_guard: "yes" is not true or false`,
		start + "  keep_alive: 10\n":                             "c.yaml:4: bridges[0].keep_alive: 10 has no unit; write 10s, 10m or 10h",
	} {
		_, _, err := load(t, "c.yaml", text, nil)
		require.Error(t, err, text)
		require.True(t, strings.HasPrefix(err.Error(), want), "%s\n%v", text, err)
		require.NotContains(t, err.Error(), "secret")
		require.NotContains(t, err.Error(), "4711")
	}
}

func TestEndpoints(t *testing.T) {
	b := NewBridge("up", "mqtt://own:word@a", "mqtts://b", "mqtt://alone@c")
	b.ClientID, b.Username, b.PasswordFile = "me", "user", "general.txt"
	b.TLS = TLSClient{CAFile: "ca", CertFile: "cert", KeyFile: "key", ServerName: "name", ALPN: "mqtt"}
	b.Upstreams[1].ClientID, b.Upstreams[1].Password = "second", "own"
	b.Upstreams[1].TLS = TLSClient{CAFile: "other", Insecure: true}
	require.Empty(t, cmp.Diff([]Upstream{
		{URI: "mqtt://a", ClientID: "me", Username: "own", Password: "word", TLS: b.TLS},
		{URI: "mqtts://b", ClientID: "second", Username: "user", Password: "own",
			TLS: TLSClient{CAFile: "other", CertFile: "cert", KeyFile: "key", ServerName: "name", ALPN: "mqtt", Insecure: true}},
		{URI: "mqtt://c", ClientID: "me", Username: "alone", PasswordFile: "general.txt", TLS: b.TLS},
	}, b.Endpoints()))
	require.Equal(t, "mqtt://own:word@a", b.Upstreams[0].URI, "what was written stays")
	require.Equal(t, "plant-up", b.DefaultClientID("plant"))

	b = NewBridge("up")
	require.Empty(t, b.Endpoints())
	b.Server, b.BackupServer = "mqtt://a", "mqtt://b"
	require.Equal(t, []Upstream{{URI: "mqtt://a"}, {URI: "mqtt://b"}}, b.Endpoints())
}

func TestParseUserProperties(t *testing.T) {
	got, err := ParseUserProperties(" site = plant 7, a=b=c ,empty=")
	require.NoError(t, err)
	require.Equal(t, []UserProperty{{"site", "plant 7"}, {"a", "b=c"}, {"empty", ""}}, got)
	got, err = ParseUserProperties("  ")
	require.NoError(t, err)
	require.Empty(t, got)
	for _, text := range []string{"a", "=b", "a=b,", "a=b,,c=d", "a=\x00", "\xff=b"} {
		_, err = ParseUserProperties(text)
		require.Error(t, err, text)
	}
}

func TestChanges(t *testing.T) {
	old, new := Defaults(), Defaults()
	bridges, restart := Changes(old, new)
	require.False(t, bridges)
	require.Empty(t, restart)

	new.Bridges = []Bridge{}
	bridges, _ = Changes(old, new)
	require.False(t, bridges, "none is none")

	new.Bridges = []Bridge{NewBridge("a", "mqtt://x")}
	new.Log.Level = LogDebug
	new.Metrics.Address = "127.0.0.1:9641"
	new.Session.Queue.MaxMessages++
	new.Listeners = []Listener{old.Listeners[0]}
	new.Listeners[0].AllowAnonymous = yes() // as it was, since it is on loopback
	bridges, restart = Changes(old, new)
	require.True(t, bridges)
	require.Equal(t, []string{"session.queue.max_messages", "metrics.address", "log.level"}, restart)

	old.Bridges = []Bridge{NewBridge("a", "mqtt://x")}
	new.Listeners[0].Address = "127.0.0.1:1884"
	bridges, restart = Changes(old, new)
	require.False(t, bridges)
	require.Equal(t, []string{"listeners[0].address", "session.queue.max_messages", "metrics.address", "log.level"}, restart)

	new.Bridges[0].Upstreams[0].URI = "mqtt://y"
	new.Listeners = nil
	bridges, restart = Changes(old, new)
	require.True(t, bridges)
	require.Equal(t, "listeners", restart[0])
}
