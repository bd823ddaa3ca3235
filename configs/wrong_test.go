package configs

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Every kind of bad input, with the line that the operator reads.
func TestWrongFiles(t *testing.T) {
	for _, c := range []struct{ what, name, text, want string }{
		{"unknown key", "c.yaml", "name: a\nlimits:\n  max_conections: 5\n",
			"c.yaml:3: limits.max_conections: unknown key; did you mean limits.max_connections?"},
		{"unknown key in TOML", "c.toml", "name = 'a'\n[limits]\nmax_conections = 5\n",
			"c.toml:3: limits.max_conections: unknown key; did you mean limits.max_connections?"},
		{"unknown key in JSON", "c.json", "{\"name\": \"a\",\n\"limits\": {\n\"max_conections\": 5}}",
			"c.json:3: limits.max_conections: unknown key; did you mean limits.max_connections?"},
		{"unknown section", "c.yaml", "limit: {max_connections: 5}", "c.yaml:1: limit: unknown key; did you mean limits?"},
		{"unknown key of an entry", "c.yaml", "listeners:\n- {name: a, address: localhost:1}\n- name: b\n  adress: localhost:2\n",
			"c.yaml:4: listeners[1].adress: unknown key; did you mean listeners[1].address? (and 1 more)"},
		{"right key, wrong section", "c.yaml", "max_packet_size: 1MiB", "c.yaml:1: max_packet_size: unknown key; did you mean limits.max_packet_size?"},
		{"swapped letters", "c.yaml", "log: {elvel: info}", "c.yaml:1: log.elvel: unknown key; did you mean log.level?"},
		{"line break in a key", "c.json", `{"a\nb\u001b[1m": 1}`,
			`c.json:1: a\nb\x1b[1m: unknown key; there are name, data_dir, durability, persistence, listeners, auth, limits, session, retained, bridges, sys, metrics, log, shutdown, supervision`},
		{"capitals", "c.yaml", "Name: a", "c.yaml:1: Name: unknown key; did you mean name?"},
		{"like no key", "c.yaml", "zzzzzzzzzzzz: 1",
			"c.yaml:1: zzzzzzzzzzzz: unknown key; there are name, data_dir, durability, persistence, listeners, auth, limits, session, retained, bridges, sys, metrics, log, shutdown, supervision"},
		{"like no key of its section", "c.yaml", "log: {zzzzzzzzzzzz: 1}", "c.yaml:1: log.zzzzzzzzzzzz: unknown key; log holds level, format"},
		{"dotted key", "c.yaml", "log.level: debug", "c.yaml:1: log.level: unknown key; the dot separates sections, so write log: {level: ...}"},
		{"key that is no text", "c.yaml", "log: {1: debug}", "c.yaml:1: log.1: unknown key; log holds level, format"},

		{"no durability", "c.yaml", "durability: power", `c.yaml:1: durability: "power" is not allowed; allowed: memory, process, disk`},
		{"no way on", "c.yaml", "persistence: {on_error: retry}", `c.yaml:1: persistence.on_error: "retry" is not allowed; allowed: stop, read-only`},
		{"no loss window", "c.yaml", "persistence:\n  flush_interval: 0s", "c.yaml:2: persistence.flush_interval: 0s is not allowed; allowed: 1ms or more"},
		{"unknown key of the store", "c.yaml", "persistence: {memtabel: 8MiB}", "c.yaml:1: persistence.memtabel: unknown key; did you mean persistence.memtable?"},
		{"no value for a directory", "c.yaml", "data_dir:", "c.yaml:1: data_dir: no value; give one, or leave the key out for its default"},
		{"later: quic", "c.yaml", "listeners: [{name: a, address: 'localhost:1', transport: quic}]",
			"c.yaml:1: listeners[0].transport: quic is not there yet; allowed: tcp, tls"},

		{"text for a number", "c.yaml", "\nlimits: {receive_maximum: ten}", `c.yaml:2: limits.receive_maximum: "ten" is not a whole number`},
		{"quoted number", "c.yaml", "limits: {receive_maximum: '10'}", `c.yaml:1: limits.receive_maximum: "10" is not a whole number`},
		{"fraction", "c.json", `{"limits": {"receive_maximum": 1.5}}`, "c.json:1: limits.receive_maximum: 1.5 is not a whole number"},
		{"endless number", "c.yaml", "limits: {max_connections: .inf}", "c.yaml:1: limits.max_connections: +Inf is not a whole number"},
		{"huge number", "c.yaml", "limits: {max_connections: 18446744073709551615}", "c.yaml:1: limits.max_connections: 18446744073709551615 is not a whole number"},
		{"list for a number", "c.yaml", "limits: {max_connections: [1]}", "c.yaml:1: limits.max_connections: a list is not a whole number"},
		{"section for a number", "c.toml", "[limits.max_connections]\n", "c.toml:1: limits.max_connections: a section is not a whole number"},
		{"truth for a size", "c.yaml", "limits: {max_packet_size: true}", "c.yaml:1: limits.max_packet_size: true is not a size"},
		{"bad size", "c.yaml", "limits: {max_packet_size: 1MB}",
			`c.yaml:1: limits.max_packet_size: "1MB" is not a size; write bytes or a whole number with B, KiB, MiB, GiB or TiB`},
		{"bad duration", "c.yaml", "sys: {interval: 10 s}", `c.yaml:1: sys.interval: "10 s" is not a duration; write 500ms, 10s, 5m or 2h`},
		{"no unit", "c.yaml", "sys: {interval: 10}", "c.yaml:1: sys.interval: 10 has no unit; write 10s, 10m or 10h"},
		{"no unit in TOML", "c.toml", "sys.interval = 10", "c.toml:1: sys.interval: 10 has no unit; write 10s, 10m or 10h"},
		{"section for a duration", "c.yaml", "sys: {interval: {}}", "c.yaml:1: sys.interval: a section is not a duration"},
		{"number for text", "c.yaml", "name: 7", "c.yaml:1: name: 7 is not text; put it in quotes"},
		{"list for text", "c.yaml", "name: [a]", "c.yaml:1: name: a list is not text"},
		{"word for truth", "c.yaml", "listeners: [{name: a, address: 'localhost:1', allow_anonymous: yes}]",
			`c.yaml:1: listeners[0].allow_anonymous: "yes" is not true or false`},
		{"number for truth", "c.json", `{"listeners": [{"name": "a", "address": "localhost:1", "allow_anonymous": 1}]}`,
			"c.json:1: listeners[0].allow_anonymous: 1 is not true or false"},
		{"no value", "c.yaml", "name:\n", "c.yaml:1: name: no value; give one, or leave the key out for its default"},
		{"value for a section", "c.yaml", "log: debug", `c.yaml:1: log: "debug" is not a section; it holds level, format`},
		{"list for a section", "c.yaml", "log:\n- debug", "c.yaml:1: log: a list is not a section; it holds level, format"},
		{"value for a list", "c.yaml", "listeners: localhost:1883",
			`c.yaml:1: listeners: "localhost:1883" is not a list; each entry holds name, address, transport, tls, allow_anonymous`},
		{"section for a list", "c.yaml", "listeners: {name: a}",
			"c.yaml:1: listeners: a section is not a list; each entry holds name, address, transport, tls, allow_anonymous"},
		{"no list", "c.yaml", "listeners:", "c.yaml:1: listeners: no value is not a list; each entry holds name, address, transport, tls, allow_anonymous"},
		{"value for an entry", "c.yaml", "listeners:\n- {name: a, address: 'localhost:1'}\n- localhost:1883",
			`c.yaml:3: listeners[1]: "localhost:1883" is not an entry; it holds name, address, transport, tls, allow_anonymous`},

		{"not YAML", "c.yaml", "name: a\nlimits: {\n", "c.yaml:2: did not find expected node content"},
		{"tab in YAML", "c.yaml", "limits:\n\tmax_connections: 1\n", "c.yaml:2: found character that cannot start any token"},
		{"key twice in YAML", "c.yaml", "name: a\nsys: {interval: 0s}\nname: b\n", `c.yaml:3: mapping key "name" already defined at line 1`},
		{"two documents", "c.yaml", "name: a\n---\nname: b\n", "c.yaml:2: a second document starts here; allowed: one"},
		{"a list in YAML", "c.yaml", "- name: a\n", "c.yaml:1: holds no keys; write lines such as name: troupe"},
		{"a word in YAML", "c.yaml", "troupe\n", "c.yaml:1: holds no keys; write lines such as name: troupe"},
		{"unknown anchor", "c.yaml", "name: *x\n", "c.yaml: unknown anchor 'x' referenced"},
		{"not TOML", "c.toml", "name = 'a'\nlimits = {\n", `c.toml:2: invalid character at start of key: \n`},
		{"key twice in TOML", "c.toml", "name = 'a'\nname = 'b'\n", "c.toml: key name is already defined"},
		{"not JSON", "c.json", "{\"name\": \"a\",\n}", "c.json:2: invalid character '}' looking for beginning of object key string"},
		{"half of JSON", "c.json", "{\"name\":\n", "c.json:2: unexpected end of JSON input"},
		{"more than JSON", "c.json", "{}\n{}", "c.json:2: invalid character '{' after top-level value"},
		{"key twice in JSON", "c.json", "{\"name\": \"a\",\n\"name\": \"b\"}", "c.json:2: name: is there a second time"},
		{"a list in JSON", "c.json", "[]", `c.json:1: holds no keys; write an object such as {"name": "troupe"}`},

		{"not loopback", "c.yaml", "listeners:\n- name: a\n  address: 0.0.0.0:1883\n",
			"c.yaml:3: listeners[0].allow_anonymous: false lets nobody in at 0.0.0.0:1883, which is not loopback, since there are no users; allowed: an auth.password_file with users, user names from certificates (tls.username), true, which lets everyone in, or an address such as 127.0.0.1:1883"},
		{"not loopback, written", "c.yaml", "listeners:\n- name: a\n  address: :1883\n  allow_anonymous: false\n",
			"c.yaml:4: listeners[0].allow_anonymous: false lets nobody in at :1883, which is not loopback, since there are no users; allowed: an auth.password_file with users, user names from certificates (tls.username), true, which lets everyone in, or an address such as 127.0.0.1:1883"},
		{"listener without name", "c.yaml", "name: x\nlisteners:\n- address: localhost:1883\n", "c.yaml:3: listeners[0].name: missing; every listener needs a name of its own"},
		{"listener without address", "c.yaml", "listeners: [{name: a}]",
			`c.yaml:1: listeners[0].address: "" is not an address: missing port in address; write host:port, as in 127.0.0.1:1883`},
	} {
		t.Run(c.what, func(t *testing.T) {
			_, _, err := load(t, c.name, c.text, nil)
			require.EqualError(t, err, c.want)
		})
	}
}

func TestWrongEnvironment(t *testing.T) {
	for variable, want := range map[string]string{
		"TROUPE_LIMITS_RECEIVE_MAXIMUM=ten":     `env TROUPE_LIMITS_RECEIVE_MAXIMUM: limits.receive_maximum: "ten" is not a whole number`,
		"TROUPE_LIMITS_RECEIVE_MAXIMUM=0":       "env TROUPE_LIMITS_RECEIVE_MAXIMUM: limits.receive_maximum: 0 is not allowed; allowed: 1 to 65535",
		"TROUPE_SYS_INTERVAL=10":                `env TROUPE_SYS_INTERVAL: sys.interval: "10" is not a duration; write 500ms, 10s, 5m or 2h`,
		"TROUPE_LIMITS_MAX_PACKET_SIZE=1k":      `env TROUPE_LIMITS_MAX_PACKET_SIZE: limits.max_packet_size: "1k" is not a size; write bytes or a whole number with B, KiB, MiB, GiB or TiB`,
		"TROUPE_LISTENERS_0_ALLOW_ANONYMOUS=no": `env TROUPE_LISTENERS_0_ALLOW_ANONYMOUS: listeners[0].allow_anonymous: "no" is not true or false`,
		"TROUPE_LISTENERS_0_ADDRESS=:1883":      "env TROUPE_LISTENERS_0_ADDRESS: listeners[0].allow_anonymous: false lets nobody in at :1883, which is not loopback, since there are no users; allowed: an auth.password_file with users, user names from certificates (tls.username), true, which lets everyone in, or an address such as 127.0.0.1:1883",
		"TROUPE_LISTENERS_2_ADDRESS=:1883":      "env TROUPE_LISTENERS_2_ADDRESS: listeners[2].address: there is no such entry; the next one is listeners[1]",
		"TROUPE_LISTENERS_0_ADRESS=:1883":       "env TROUPE_LISTENERS_0_ADRESS: unknown variable; did you mean TROUPE_LISTENERS_0_ADDRESS?",
		"TROUPE_LISTENERS=:1883":                "env TROUPE_LISTENERS: unknown variable; docs/configuration.md has those there are",
		"TROUPE_LOGLEVEL=debug":                 "env TROUPE_LOGLEVEL: unknown variable; did you mean TROUPE_LOG_LEVEL?",
		"TROUPE_ZZZZZZZZZZZZZ=1":                "env TROUPE_ZZZZZZZZZZZZZ: unknown variable; docs/configuration.md has those there are",
	} {
		_, _, err := load(t, "", "", []string{variable})
		require.EqualError(t, err, want)
	}
}

func TestWrongFlags(t *testing.T) {
	for flag, want := range map[string]string{
		"--log-level=loud":    `flag --log-level: log.level: "loud" is not allowed; allowed: debug, info, warn, error`,
		"--name=a b":          `flag --name: name: "a b" is not a name; allowed: 1 to 64 letters, digits, '.', '-' or '_'`,
		"--listen=1883":       `flag --listen: listeners[0].address: "1883" is not an address: missing port in address; write host:port, as in 127.0.0.1:1883`,
		"--listen=[::]:1883":  "flag --listen: listeners[0].allow_anonymous: false lets nobody in at [::]:1883, which is not loopback, since there are no users; allowed: an auth.password_file with users, user names from certificates (tls.username), true, which lets everyone in, or an address such as 127.0.0.1:1883",
		"--allow-anonymous":   "flag --allow-anonymous: only goes with --listen; for a configured listener write allow_anonymous there",
		"--data-dir= ":        `flag --data-dir: data_dir: " " is not a directory; name one, or "" to keep nothing on disk`,
		"--log-format=coloed": `flag --log-format: log.format: "coloed" is not allowed; allowed: auto, console, json`,
	} {
		_, _, err := load(t, "", "", nil, flag)
		require.EqualError(t, err, want)
	}
}
