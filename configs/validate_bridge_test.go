package configs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// bridged is a Config with one bridge that is right, after a change.
func bridged(change func(b *Bridge)) Config {
	c := Defaults()
	b := NewBridge("a", "mqtt://x")
	change(&b)
	c.Bridges = []Bridge{b}
	return c
}

func TestBridgeRanges(t *testing.T) {
	for want, change := range map[string]func(b *Bridge){
		`name: "" is not a name; allowed: 1 to 64 letters, digits, '.', '-' or '_'`:                  func(b *Bridge) { b.Name = "" },
		`name: "a/b" is not a name; allowed: 1 to 64 letters, digits, '.', '-' or '_'`:               func(b *Bridge) { b.Name = "a/b" },
		`order: "best" is not allowed; allowed: priority, rotate, random`:                            func(b *Bridge) { b.Order = "best" },
		`resend: "never" is not allowed; allowed: at-least-once, at-most-once`:                       func(b *Bridge) { b.Resend = "never" },
		"protocol: 6 is not allowed; allowed: 3 to 5":                                                func(b *Bridge) { b.Protocol = 6 },
		"protocol: 2 is not allowed; allowed: 3 to 5":                                                func(b *Bridge) { b.Protocol = 2 },
		"failback_after: -1s is not allowed; allowed: 0s or more":                                    func(b *Bridge) { b.FailbackAfter = Duration(-time.Second) },
		"keep_alive: 1.5s is not allowed; allowed: whole seconds from 0s to 65535s":                  func(b *Bridge) { b.KeepAlive = Duration(1500 * time.Millisecond) },
		"session_expiry: -1s is not allowed; allowed: whole seconds from 0s to 4294967295s":          func(b *Bridge) { b.SessionExpiry = Duration(-time.Second) },
		"connect_timeout: 0s is not allowed; allowed: 1ms or more":                                   func(b *Bridge) { b.ConnectTimeout = 0 },
		"health.interval: 99ms is not allowed; allowed: 100ms or more":                               func(b *Bridge) { b.Health.Interval = Duration(99 * time.Millisecond) },
		"health.timeout: 0s is not allowed; allowed: 100ms or more":                                  func(b *Bridge) { b.Health.Timeout = 0 },
		"health.ack_timeout: 999ms is not allowed; allowed: 0s, or 1s or more":                       func(b *Bridge) { b.Health.AckTimeout = Duration(999 * time.Millisecond) },
		"backoff.initial: 9ms is not allowed; allowed: 10ms or more":                                 func(b *Bridge) { b.Backoff.Initial = Duration(9 * time.Millisecond) },
		"backoff.maximum: 499ms is not allowed; allowed: 500ms, which is backoff.initial, or more":   func(b *Bridge) { b.Backoff.Maximum = Duration(499 * time.Millisecond) },
		"max_inflight: 0 is not allowed; allowed: 1 to 65535":                                        func(b *Bridge) { b.MaxInflight = 0 },
		"max_inflight: 65536 is not allowed; allowed: 1 to 65535":                                    func(b *Bridge) { b.MaxInflight = 65536 },
		"queue.memory: 1023B is not allowed; allowed: 1KiB or more":                                  func(b *Bridge) { b.Queue.Memory = 1023 },
		"queue.max_messages: -1 is not allowed; allowed: 0 or more":                                  func(b *Bridge) { b.Queue.MaxMessages = -1 },
		"queue.max_age: 999µs is not allowed; allowed: 0s, or 1ms or more":                           func(b *Bridge) { b.Queue.MaxAge = Duration(999 * time.Microsecond) },
		`queue.overflow: "reject" is not allowed; allowed: slow-publisher, drop-oldest, drop-newest`: func(b *Bridge) { b.Queue.Overflow = "reject" },
		"rate.messages_per_second: -1 is not allowed; allowed: 0 or more":                            func(b *Bridge) { b.Rate.MessagesPerSecond = -1 },
		`acknowledge: "" is not allowed; allowed: local, remote`:                                     func(b *Bridge) { b.Acknowledge = "" },
		"hops: -1 is not allowed; allowed: 0 or more":                                                func(b *Bridge) { b.Hops = -1 },
	} {
		c := bridged(change)
		require.EqualError(t, c.Validate(), "bridges[0]."+want)
	}
	for _, change := range []func(b *Bridge){
		func(*Bridge) {},
		func(b *Bridge) { b.Name = strings.Repeat("n", 64) },
		func(b *Bridge) { b.Protocol = 3 },
		func(b *Bridge) {
			b.FailbackAfter, b.KeepAlive, b.SessionExpiry = 0, 0, Duration(math.MaxUint32*time.Second)
		},
		func(b *Bridge) {
			b.Health = Health{Duration(100 * time.Millisecond), Duration(100 * time.Millisecond), 0}
		},
		func(b *Bridge) { b.Backoff = Backoff{Duration(10 * time.Millisecond), Duration(10 * time.Millisecond)} },
		func(b *Bridge) { b.Queue.Memory, b.Queue.Spool = KiB, 0 },
	} {
		c := bridged(change)
		require.NoError(t, c.Validate())
		c.DataDir = ""
		require.NoError(t, c.Validate())
	}
}

func TestRemoteAcknowledgementNeedsSafety(t *testing.T) {
	c := bridged(func(b *Bridge) { b.Acknowledge = AcknowledgeRemote })
	require.NoError(t, c.Validate())
	c.Durability = DurabilityMemory
	require.ErrorContains(t, c.Validate(), "bridges[0].acknowledge: remote does not go with durability: memory")
	c.Durability, c.DataDir = DurabilityDisk, ""
	require.ErrorContains(t, c.Validate(), "bridges[0].acknowledge: remote needs a data directory")
}

// What does not go together is refused where it was written, with the way out.
func TestBridgeThatCannotWork(t *testing.T) {
	forward := func(change func(f *Forward)) func(b *Bridge) {
		return func(b *Bridge) {
			b.Forward = []Forward{NewForward("a/#", "")}
			change(&b.Forward[0])
		}
	}
	receive := func(change func(r *Receive)) func(b *Bridge) {
		return func(b *Bridge) {
			b.Receive = []Receive{NewReceive("a/#", "")}
			change(&b.Receive[0])
		}
	}
	for want, change := range map[string]func(b *Bridge){
		"acknowledge: remote does not go with queue.overflow: drop-oldest, ": func(b *Bridge) { b.Acknowledge, b.Queue.Overflow = AcknowledgeRemote, BridgeDropOldest },
		"hops: 1 has no meaning with loop_guard: false, ":                    func(b *Bridge) { b.Hops, b.LoopGuard = 1, false },
		"hops: 1 does not go with protocol: 4, ":                             func(b *Bridge) { b.Hops, b.Protocol = 1, 4 },
		"follow_server_reference: true does not go with protocol: 3, ":       func(b *Bridge) { b.FollowServerReference, b.Protocol = true, 3 },
		`state_topic: "a/#" is not a Topic Name: `:                           func(b *Bridge) { b.StateTopic = "a/#" },
		`state_topic: "$SYS/a" is a topic of the server; `:                   func(b *Bridge) { b.StateTopic = "$SYS/a" },

		"server: does not go with upstreams; ":                  func(b *Bridge) { b.Server = "mqtt://y" },
		"backup_server: does not go with upstreams; ":           func(b *Bridge) { b.BackupServer = "mqtt://y" },
		"backup_server: does not go without server; ":           func(b *Bridge) { b.Upstreams, b.BackupServer = nil, "mqtt://y" },
		"upstreams: missing; name at least one, ":               func(b *Bridge) { b.Upstreams = nil },
		"upstreams[1].uri: missing; write a URI, ":              func(b *Bridge) { b.Upstreams = append(b.Upstreams, Upstream{}) },
		`backup_server: "tcp://y" has the scheme "tcp"; `:       func(b *Bridge) { b.Upstreams, b.Server, b.BackupServer = nil, "mqtt://x", "tcp://y" },
		`backup_server: "mqtt://X:1883" is what server is al`:   func(b *Bridge) { b.Upstreams, b.Server, b.BackupServer = nil, "mqtt://x", "mqtt://X:1883" },
		"upstreams[0].tls.insecure: has no meaning with mqtt; ": func(b *Bridge) { b.Upstreams[0].TLS.Insecure = true },
		"tls.server_name: has no meaning, since no upstream ":   func(b *Bridge) { b.TLS.ServerName = "x" },
		`upstreams[0].uri: "mqtt://x" has a user name, and `:    func(b *Bridge) { b.Upstreams[0] = Upstream{URI: "mqtt://u:p@x", Username: "u"} },
		"password_file: does not go with password; ":            func(b *Bridge) { b.Password, b.PasswordFile = "a", "b" },
		"upstreams[0].uri: has a password and no user name, ":   func(b *Bridge) { b.Password, b.Protocol = "a", 4 },
		`client_id: "a\x00" is not text that MQTT can carry`:    func(b *Bridge) { b.ClientID = "a\x00" },
		"upstreams[0].username: has 65536 bytes; ":              func(b *Bridge) { b.Upstreams[0].Username = strings.Repeat("u", 65536) },
		`upstreams[1].client_id: "b" is not that of the first `: func(b *Bridge) {
			b.SharedSession, b.Upstreams = true, []Upstream{{URI: "mqtt://x"}, {URI: "mqtt://y", ClientID: "b"}}
		},

		"forward[0].local: missing; ":                                           forward(func(f *Forward) { f.Local = "" }),
		`forward[0].local: "a#" is not a Topic Filter: `:                        forward(func(f *Forward) { f.Local = "a#" }),
		`forward[0].local: "$share/g/a" is of a Shared Subscription, `:          forward(func(f *Forward) { f.Local = "$share/g/a" }),
		`forward[0].remote: "b+" is not a Topic Filter: `:                       forward(func(f *Forward) { f.Remote = "b+" }),
		"forward[0].remote: \"+/#\" has 1 `+` and \"a/#\" only 0 ":              forward(func(f *Forward) { f.Remote = "+/#" }),
		`forward[0].prefix: "+/" cannot be a part of a Topic Name: `:            forward(func(f *Forward) { f.Prefix = "+/" }),
		`forward[0].suffix: "/#" cannot be a part of a Topic Name: `:            forward(func(f *Forward) { f.Suffix = "/#" }),
		`forward[0].remote: "$SYS/#" is of topics that the upstream keeps `:     forward(func(f *Forward) { f.Local = "$SYS/#" }),
		`forward[0].qos: "3" is not allowed; `:                                  forward(func(f *Forward) { f.QoS = "3" }),
		`forward[0].retain: "no" is not allowed; `:                              forward(func(f *Forward) { f.Retain = "no" }),
		`forward[0].retained: "no" is not allowed; `:                            forward(func(f *Forward) { f.Retained = "no" }),
		`forward[0].user_properties: "a" is not name=value; `:                   forward(func(f *Forward) { f.UserProperties = "a" }),
		"forward[0].user_properties: does not go with protocol: 4, ":            func(b *Bridge) { b.Protocol = 4; forward(func(f *Forward) { f.UserProperties = "a=b" })(b) },
		`forward[0].qos: "0" does not go with queue.qos0: true, `:               func(b *Bridge) { b.Queue.QoS0 = true; forward(func(f *Forward) { f.QoS = QoS0 })(b) },
		`forward[0].qos: "max-0" does not go with acknowledge: remote, `:        func(b *Bridge) { b.Acknowledge = AcknowledgeRemote; forward(func(f *Forward) { f.QoS = QoSMost0 })(b) },
		`forward[1].local: "a/b" and forward[0].local "a/#" match some of the `: func(b *Bridge) { forward(func(*Forward) {})(b); b.Forward = append(b.Forward, NewForward("a/b", "c")) },

		"receive[0].remote: missing; ":                                          receive(func(r *Receive) { r.Remote = "" }),
		`receive[0].remote: "$share/g/a" is of a Shared Subscription, `:         receive(func(r *Receive) { r.Remote = "$share/g/a" }),
		"receive[0].local: \"b/+\" has 1 `+` and \"a/#\" only 0 ":               receive(func(r *Receive) { r.Local = "b/+" }),
		`receive[0].local: "$SYS/#" is of topics that this broker keeps `:       receive(func(r *Receive) { r.Local = "$SYS/#" }),
		`receive[0].qos: "" is not allowed; `:                                   receive(func(r *Receive) { r.QoS = "" }),
		`receive[0].retained: "never" does not go with protocol: 4, `:           func(b *Bridge) { b.Protocol = 4; receive(func(r *Receive) { r.Retained = RetainedNever })(b) },
		`receive[1].remote: "+/b" and receive[0].remote "a/#" match some of th`: func(b *Bridge) { receive(func(*Receive) {})(b); b.Receive = append(b.Receive, NewReceive("+/b", "")) },
	} {
		c := bridged(change)
		err := c.Validate()
		require.Error(t, err, want)
		require.True(t, strings.HasPrefix(err.Error(), "bridges[0]."+want), "%s\n%v", want, err)
		require.Len(t, err, 1, want)
	}
}

func TestBridgesTogether(t *testing.T) {
	both := func(name, client string) Bridge {
		b := NewBridge(name, "mqtt://x", "mqtt://"+name)
		b.ClientID = client
		return b
	}
	c := Defaults()
	c.Bridges = []Bridge{both("a", ""), both("a", "other")}
	require.EqualError(t, c.Validate(), `bridges[1].name: "a" is the name of bridges[0] already; every bridge needs a name of its own`)
	c.Bridges = []Bridge{both("a", ""), both("b", "")}
	require.NoError(t, c.Validate(), "the names of the bridges are in the Client Identifiers")
	c.Bridges = []Bridge{both("a", "me"), both("b", "me")}
	require.EqualError(t, c.Validate(), `bridges[1].upstreams[0].uri: "mqtt://x" is where bridges[0] is "me" too, so that each would push the other out; give them different client_id`)
	c.Bridges = []Bridge{both("a", ""), both("b", "troupe-a")}
	require.Error(t, c.Validate(), "the one that was not written counts")
}

// Messages that go round are refused where nothing stops them, and only there.
func TestCircles(t *testing.T) {
	bridge := func(name string, change func(b *Bridge), rules ...string) Bridge {
		b := NewBridge(name, "mqtt://x:1883")
		for _, rule := range rules {
			words := strings.Fields(rule)
			if words[0] == "out" {
				b.Forward = append(b.Forward, NewForward(words[1], words[2]))
			} else {
				b.Receive = append(b.Receive, NewReceive(words[1], words[2]))
			}
		}
		change(&b)
		return b
	}
	as := func(*Bridge) {}
	unguarded := func(b *Bridge) { b.LoopGuard = false }
	old := func(b *Bridge) { b.Protocol = 4 }
	for _, c := range []struct {
		what    string
		bridges []Bridge
		want    string
	}{
		{"both directions of a topic", []Bridge{bridge("a", as, "out t/# t/#", "in t/# t/#")}, ""},
		{"both directions before MQTT 5", []Bridge{bridge("a", old, "out t/# t/#", "in t/# t/#")}, ""},
		{"both directions without the guard", []Bridge{bridge("a", unguarded, "out t/# t/#", "in t/# t/#")},
			`bridges[0].receive[0].remote: "t/#" takes back what forward[0] hands on, so that it is here twice; allowed: loop_guard: true, or topics that do not overlap`},
		{"other topics without the guard", []Bridge{bridge("a", unguarded, "out t/# up/t/#", "in down/# down/#")}, ""},
		{"comes back under another name", []Bridge{bridge("a", unguarded, "out t/# up/t/#", "in up/# down/#")}, ""},
		{"comes back under its name", []Bridge{bridge("a", unguarded, "out t/# up/t/#", "in q q", "in up/# #")},
			`bridges[0].receive[1].remote: "up/#" takes back what forward[0] hands on, so that it is here twice; allowed: loop_guard: true, or topics that do not overlap`},
		{"two bridges", []Bridge{bridge("a", as, "in t/# t/#"), bridge("b", as, "out t/# t/#")}, ""},
		{"two bridges, one before MQTT 5", []Bridge{bridge("a", as, "in t/# t/#"), bridge("b", old, "out t/# t/#")},
			`bridges[0].receive[0].remote: "t/#" takes from an upstream what bridges[1].forward[0] hands on to it, and that what this takes, so that messages go round for ever; allowed: loop_guard: true and protocol: 5 in both, or topics that do not overlap`},
		{"two upstreams", []Bridge{bridge("a", as, "in t/# t/#"), bridge("b", func(b *Bridge) { b.Protocol, b.Upstreams[0].URI = 4, "mqtt://y" }, "out t/# t/#")}, ""},
		{"the same upstream, written in another way", []Bridge{bridge("a", as, "in t/# t/#"), bridge("b", func(b *Bridge) { b.Protocol, b.Upstreams[0].URI = 4, "MQTT://X" }, "out t/# t/#")},
			`bridges[0].receive[0].remote: "t/#" takes from an upstream what bridges[1].forward[0] hands on to it, and that what this takes, so that messages go round for ever; allowed: loop_guard: true and protocol: 5 in both, or topics that do not overlap`},
	} {
		config := Defaults()
		config.Bridges = c.bridges
		if c.want == "" {
			require.NoError(t, config.Validate(), c.what)
		} else {
			require.EqualError(t, config.Validate(), c.want, c.what)
		}
	}
}

func TestParseUpstream(t *testing.T) {
	for uri, want := range map[string]UpstreamURI{
		"mqtt://Node1":              {Scheme: "mqtt", Host: "node1", Port: "1883"},
		"MQTTS://node1:0883/":       {Scheme: "mqtts", Host: "node1", Port: "883", Path: "/"},
		"ws://node1/a/b":            {Scheme: "ws", Host: "node1", Port: "80", Path: "/a/b"},
		"wss://[::1]":               {Scheme: "wss", Host: "::1", Port: "443"},
		"unix:///run/broker.sock":   {Scheme: "unix", Path: "/run/broker.sock"},
		"instance://Plant_7.a":      {Scheme: "instance", Host: "Plant_7.a"},
		"mqtt://[fe80::1%25eth0]:1": {Scheme: "mqtt", Host: "fe80::1%eth0", Port: "1"},
	} {
		got, err := ParseUpstream(uri)
		require.NoError(t, err, uri)
		require.Equal(t, uri, got.Bare)
		got.Bare = ""
		require.Equal(t, want, got)
	}
	for uri, want := range map[string]string{
		"":                          "missing; write a URI, as in mqtt://node1:1883",
		"node1:1883":                `"node1:1883" is no URI; write one as in mqtt://node1:1883; allowed: mqtt, mqtts, ws, wss, unix, instance`,
		"mqtt-tcp://node1":          `"mqtt-tcp://node1" has the scheme "mqtt-tcp"; write mqtt://node1`,
		"tls://u:secret@node1:8883": `"tls://node1:8883" has the scheme "tls"; write mqtts://node1:8883`,
		"https://node1/mqtt":        `"https://node1/mqtt" has the scheme "https"; write wss://node1/mqtt`,
		"quic://node1":              `"quic://node1" has a scheme that is not there yet; allowed: mqtt, mqtts, ws, wss, unix, instance`,
		"amqp://node1":              `"amqp://node1" has the scheme "amqp"; allowed: mqtt, mqtts, ws, wss, unix, instance`,
		"mqtt://":                   `"mqtt://" has no host; write one as in mqtt://node1`,
		"mqtt://:1883":              `"mqtt://:1883" has no host; write one as in mqtt://node1`,
		"mqtt://u:secret@":          `"mqtt://" has no host; write one as in mqtt://node1`,
		"mqtt://node1:":             `"mqtt://node1:" has a colon and no port behind it`,
		"mqtt://node1:0":            `"mqtt://node1:0" has the port 0; allowed: 1 to 65535`,
		"mqtt://node1:65536":        `"mqtt://node1:65536" has the port 65536; allowed: 1 to 65535`,
		"mqtt://node1:mqtt":         `"mqtt://node1:mqtt" is no URI: invalid port ":mqtt" after host`,
		"mqtt://2001:db8::1":        `"mqtt://2001:db8::1" has an IPv6 address without brackets; write it as in mqtt://[2001:db8::1]:1883`,
		"mqtt://node1/path":         `"mqtt://node1/path" has a path, which is for ws, wss and unix`,
		"ws://node1/a?b=c":          `"ws://node1/a?b=c" has a query or a fragment, which have no meaning here`,
		"ws://node1/a#":             `"ws://node1/a#" has a query or a fragment, which have no meaning here`,
		"unix://run/broker.sock":    `"unix://run/broker.sock" is no Unix socket; write three slashes, as in unix:///run/broker.sock`,
		"unix:///":                  `"unix:///" is no Unix socket; write three slashes, as in unix:///run/broker.sock`,
		"instance://":               `"instance://" does not name an instance; write its name, as in instance://plant`,
		"instance://a:1883":         `"instance://a:1883" does not name an instance; write its name, as in instance://plant`,
		"instance://u:secret@a/b":   `"instance://a/b" has a path, which is for ws, wss and unix`,
		"mqtt://u:sec%ret@node1":    `"mqtt://node1" is no URI; write what is special in a user name or password (%, @, :, /, ?, #, a space) as %25, %40, ..., or use the keys username and password`,
		"mqtt://u:sec/ret@node1":    `"mqtt://node1" is no URI; write what is special in a user name or password (%, @, :, /, ?, #, a space) as %25, %40, ..., or use the keys username and password`,
		"mqtt://u:sec#ret@node1":    `"mqtt://node1" is no URI; write what is special in a user name or password (%, @, :, /, ?, #, a space) as %25, %40, ..., or use the keys username and password`,
	} {
		_, err := ParseUpstream(uri)
		require.EqualError(t, err, want)
	}
	for uri, want := range map[string]string{
		"mqtt://u:secret@node1": "mqtt://u:***@node1", "mqtt://u@node1": "mqtt://u@node1", "instance://u:secret@A": "instance://u:***@A", "mqtt://node1": "mqtt://node1", "bad://u:secret@node1": "bad://node1", "": "",
		"ws://u:secret@node1/a@b": "ws://u:***@node1/a%40b", "unix:///run/a@b": "unix:///run/a@b", "unix://u:secret@/run/a@b": "unix://u:***@/run/a@b",
	} {
		require.Equal(t, want, withoutPassword(uri))
	}
}

// Files that bridges name are read, and what is wrong with them said at the key.
func TestFilesOfBridges(t *testing.T) {
	t.Chdir(t.TempDir())
	certificate(t, "good")
	certificate(t, "other")
	for name, text := range map[string]string{"junk.pem": "junk", "empty.txt": "\nsecond line\n", "password.txt": "secret\r\n"} {
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	}
	require.NoError(t, os.Mkdir("folder", 0o700))
	for want, change := range map[string]func(b *Bridge){
		"": func(b *Bridge) {
			b.TLS = TLSClient{CAFile: "good.pem", CertFile: "good.pem", KeyFile: "good.key"}
			b.PasswordFile = "password.txt"
		},
		"tls.ca_file: none.pem cannot be read: ":                           func(b *Bridge) { b.TLS.CAFile = "none.pem" },
		"tls.ca_file: junk.pem holds no certificate in PEM":                func(b *Bridge) { b.TLS.CAFile = "junk.pem" },
		"tls.ca_file: folder cannot be read: ":                             func(b *Bridge) { b.TLS.CAFile = "folder" },
		"upstreams[1].tls.ca_file: junk.pem holds no certificate":          func(b *Bridge) { b.TLS.CAFile, b.Upstreams[1].TLS.CAFile = "good.pem", "junk.pem" },
		"tls.cert_file: good.pem is of no use without key_file; ":          func(b *Bridge) { b.TLS.CertFile = "good.pem" },
		"upstreams[1].tls.key_file: good.key is of no use without cert_fi": func(b *Bridge) { b.Upstreams[1].TLS.KeyFile = "good.key" },
		"tls.cert_file: junk.pem and good.key: ":                           func(b *Bridge) { b.TLS.CertFile, b.TLS.KeyFile = "junk.pem", "good.key" },
		"tls.cert_file: good.pem and other.key: ":                          func(b *Bridge) { b.TLS.CertFile, b.TLS.KeyFile = "good.pem", "other.key" },
		"tls.key_file: none.key cannot be read: ":                          func(b *Bridge) { b.TLS.CertFile, b.TLS.KeyFile = "good.pem", "none.key" },
		"tls.alpn: a protocol has 256 bytes; allowed: up to 255":           func(b *Bridge) { b.TLS.ALPN = "mqtt, " + strings.Repeat("x", 256) },
		"password_file: none.txt cannot be read: ":                         func(b *Bridge) { b.PasswordFile = "none.txt" },
		"password_file: empty.txt has nothing in its first line; ":         func(b *Bridge) { b.PasswordFile = "empty.txt" },
		"upstreams[0].password_file: empty.txt has nothing in its first l": func(b *Bridge) { b.Upstreams[0].PasswordFile = "empty.txt" },
	} {
		c := bridged(func(b *Bridge) {
			b.Upstreams = []Upstream{{URI: "mqtts://x"}, {URI: "wss://y"}}
			change(b)
		})
		err := c.Validate()
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.Error(t, err, want)
		require.True(t, strings.HasPrefix(err.Error(), "bridges[0]."+want), "%s\n%v", want, err)
		require.Len(t, err, 1, "it is said once: %s", want)
	}
}

// certificate writes name.pem and name.key, which belong together.
func certificate(t *testing.T, name string) {
	t.Helper()
	certificateUntil(t, name, time.Now().Add(time.Hour))
}

func certificateUntil(t *testing.T, name string, end time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: end.Add(-2 * time.Hour), NotAfter: end}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	for end, block := range map[string]*pem.Block{".pem": {Type: "CERTIFICATE", Bytes: cert}, ".key": {Type: "PRIVATE KEY", Bytes: private}} {
		require.NoError(t, os.WriteFile(filepath.Clean(name+end), pem.EncodeToMemory(block), 0o600))
	}
}

func TestWarnings(t *testing.T) {
	rule := func(b *Bridge) { b.Forward = []Forward{NewForward("a/#", "")} }
	for _, c := range []struct {
		change func(b *Bridge)
		want   string
	}{
		{rule, ""},
		{func(*Bridge) {}, "bridges[0]: has no rule in forward or receive, so that it only connects"},
		{func(b *Bridge) { rule(b); b.Password = "p" },
			`bridges[0].upstreams[0].uri: "mqtt://x" sends the password, and all messages, so that everyone on the way can read them; write mqtts or wss`},
		{func(b *Bridge) { rule(b); b.Upstreams, b.Server = nil, "ws://u:secret@x/mqtt" },
			`bridges[0].server: "ws://x/mqtt" sends the password, and all messages, so that everyone on the way can read them; write mqtts or wss`},
		{func(b *Bridge) { rule(b); b.Password, b.Upstreams[0].URI = "p", "mqtts://x" }, ""},
		{func(b *Bridge) { rule(b); b.Password, b.Upstreams[0].URI = "p", "mqtt://127.0.0.1:1884" }, ""},
		{func(b *Bridge) { rule(b); b.Password, b.Upstreams[0].URI = "p", "unix:///run/x" }, ""},
		{func(b *Bridge) { rule(b); b.Password, b.Upstreams[0].URI = "p", "instance://other" }, ""},
		{func(b *Bridge) { rule(b); b.Upstreams[0] = Upstream{URI: "wss://x", TLS: TLSClient{Insecure: true}} },
			"bridges[0].upstreams[0].tls.insecure: true trusts whoever answers at x:443, who may read and change all that is sent; write ca_file instead, to trust a certificate of your own"},
		{func(b *Bridge) { rule(b); b.Upstreams[0].URI, b.TLS.Insecure = "mqtts://x", true },
			"bridges[0].tls.insecure: true trusts whoever answers at x:8883, who may read and change all that is sent; write ca_file instead, to trust a certificate of your own"},
		{func(b *Bridge) { rule(b); b.Upstreams[0].URI = "mqtt://localhost" },
			`bridges[0].upstreams[0].uri: "mqtt://localhost" is the listener tcp of this instance itself`},
		{func(b *Bridge) { rule(b); b.Receive, b.Protocol = []Receive{NewReceive("a/#", "")}, 4 },
			`bridges[0].receive[0].remote: "a/#" takes back what forward[0] hands on if the upstream does not know bridges by the protocol level, as Mosquitto does; protocol: 5 leaves no doubt`},
		{func(b *Bridge) { rule(b); b.Receive = []Receive{NewReceive("a/#", "")} }, ""},
	} {
		config := bridged(c.change)
		require.NoError(t, config.Validate())
		var lines []string
		for _, p := range Warnings(config, nil) {
			lines = append(lines, p.Error())
		}
		require.Equal(t, c.want, strings.Join(lines, "\n"))
	}
}

func TestBridgeToItself(t *testing.T) {
	c := bridged(func(b *Bridge) { b.Upstreams = append(b.Upstreams, Upstream{URI: "instance://u:secret@troupe"}) })
	require.EqualError(t, c.Validate(), `bridges[0].upstreams[1].uri: "instance://troupe" is this instance itself; name another instance of the process`)
	c.Name = "other"
	require.NoError(t, c.Validate())
	c.Bridges[0].TLS.Insecure, c.Bridges[0].Upstreams[1].TLS.CAFile = false, "ca.pem"
	require.ErrorContains(t, c.Validate(), "has no meaning with instance; write mqtts or wss, or leave it out")
}
