package configs

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDefaultsAreValid(t *testing.T) {
	c := Defaults()
	require.NoError(t, c.Validate())
}

// Both ends of every range: what is just inside is allowed, what is just
// outside is not.
func TestRanges(t *testing.T) {
	const never = Duration(4294967295 * time.Second)
	for _, r := range []struct {
		want   string // the message, with VALUE for each of wrong
		set    func(c *Config, value int64)
		right  []int64
		wrong  []int64
		format func(value int64) string
	}{
		{"limits.max_connections: VALUE is not allowed; allowed: 0 or more",
			func(c *Config, v int64) { c.Limits.MaxConnections = int(v) }, []int64{0, math.MaxInt32}, []int64{-1}, asNumber},
		{"limits.max_packet_size: VALUE is not allowed; allowed: 256B to 268435460B",
			func(c *Config, v int64) { c.Limits.MaxPacketSize = Size(v) }, []int64{256, 268435460}, []int64{-1, 0, 255, 268435461}, asSize},
		{"limits.receive_maximum: VALUE is not allowed; allowed: 1 to 65535",
			func(c *Config, v int64) { c.Limits.ReceiveMaximum = int(v) }, []int64{1, 65535}, []int64{-1, 0, 65536}, asNumber},
		{"limits.max_inflight: VALUE is not allowed; allowed: 1 to 65535",
			func(c *Config, v int64) { c.Limits.MaxInflight = int(v) }, []int64{1, 65535}, []int64{-1, 0, 65536}, asNumber},
		{"limits.topic_alias_maximum: VALUE is not allowed; allowed: 0 to 65535",
			func(c *Config, v int64) { c.Limits.TopicAliasMaximum = int(v) }, []int64{0, 65535}, []int64{-1, 65536}, asNumber},
		{"limits.server_keep_alive: VALUE is not allowed; allowed: whole seconds from 0s to 65535s",
			func(c *Config, v int64) { c.Limits.ServerKeepAlive = Duration(v) },
			[]int64{0, int64(time.Second), int64(65535 * time.Second)}, []int64{-int64(time.Second), int64(500 * time.Millisecond), int64(65536 * time.Second)}, asDuration},
		{"limits.connect_timeout: VALUE is not allowed; allowed: 1ms or more",
			func(c *Config, v int64) { c.Limits.ConnectTimeout = Duration(v) }, []int64{1e6, math.MaxInt64}, []int64{-1, 0, 1e6 - 1}, asDuration},
		{"limits.topic_levels: VALUE is not allowed; allowed: 0 to 65535",
			func(c *Config, v int64) { c.Limits.TopicLevels = int(v) }, []int64{0, 65535}, []int64{-1, 65536}, asNumber},
		{"limits.event_loops: VALUE is not allowed; allowed: 0 to 1024",
			func(c *Config, v int64) { c.Limits.EventLoops = int(v) }, []int64{0, 1024}, []int64{-1, 1025}, asNumber},
		{"session.expiry_maximum: VALUE is not allowed; allowed: whole seconds from 0s to 4294967295s",
			func(c *Config, v int64) { c.Session.ExpiryMaximum = Duration(v) }, []int64{0, int64(never)}, []int64{-1, 1, int64(never) + 1e9, math.MaxInt64}, asDuration},
		{"persistence.flush_interval: VALUE is not allowed; allowed: 1ms or more",
			func(c *Config, v int64) { c.Persistence.FlushInterval = Duration(v) }, []int64{1e6, math.MaxInt64}, []int64{-1, 0, 1e6 - 1}, asDuration},
		{"persistence.flush_messages: VALUE is not allowed; allowed: 1 or more",
			func(c *Config, v int64) { c.Persistence.FlushMessages = int(v) }, []int64{1, math.MaxInt32}, []int64{-1, 0}, asNumber},
		{"persistence.memtable: VALUE is not allowed; allowed: 1MiB to 1GiB",
			func(c *Config, v int64) { c.Persistence.Memtable = Size(v) }, []int64{1 << 20, 1 << 30}, []int64{-1, 0, 1<<20 - 1, 1<<30 + 1}, asSize},
		{"persistence.min_free: VALUE is not allowed; allowed: 0B or more",
			func(c *Config, v int64) { c.Persistence.MinFree = Size(v) }, []int64{0, math.MaxInt64}, []int64{-1}, asSize},
		{"session.passivate_after: VALUE is not allowed; allowed: 0s, or 1s or more",
			func(c *Config, v int64) { c.Session.PassivateAfter = Duration(v) }, []int64{0, 1e9, math.MaxInt64}, []int64{-1, 1, 1e9 - 1}, asDuration},
		{"session.total.max_messages: VALUE is not allowed; allowed: 0 or more",
			func(c *Config, v int64) { c.Session.Total.MaxMessages = int(v) }, []int64{0, 1, math.MaxInt32}, []int64{-1}, asNumber},
		{"session.total.max_bytes: VALUE is not allowed; allowed: 0B or more",
			func(c *Config, v int64) { c.Session.Total.MaxBytes = Size(v) }, []int64{0, 1, math.MaxInt64}, []int64{-1}, asSize},
		{"retained.memory: VALUE is not allowed; allowed: 0B or more",
			func(c *Config, v int64) { c.Retained.Memory = Size(v) }, []int64{0, 1, math.MaxInt64}, []int64{-1}, asSize},
		{"session.queue.max_messages: VALUE is not allowed; allowed: 1 or more",
			func(c *Config, v int64) { c.Session.Queue.MaxMessages = int(v) }, []int64{1}, []int64{-1, 0}, asNumber},
		{"session.queue.max_bytes: VALUE is not allowed; allowed: 1B or more",
			func(c *Config, v int64) { c.Session.Queue.MaxBytes = Size(v) }, []int64{1, math.MaxInt64}, []int64{-1, 0}, asSize},
		{"session.queue.max_age: VALUE is not allowed; allowed: 0s, or 1ms or more",
			func(c *Config, v int64) { c.Session.Queue.MaxAge = Duration(v) }, []int64{0, 1e6}, []int64{-1, 1, 1e6 - 1}, asDuration},
		{"session.queue.patience: VALUE is not allowed; allowed: 0s, or 1ms or more",
			func(c *Config, v int64) { c.Session.Queue.Patience = Duration(v) }, []int64{0, 1e6}, []int64{-1, 1, 1e6 - 1}, asDuration},
		{"retained.max_messages: VALUE is not allowed; allowed: 0 or more",
			func(c *Config, v int64) { c.Retained.MaxMessages = int(v) }, []int64{0, 5}, []int64{-1}, asNumber},
		{"retained.max_bytes: VALUE is not allowed; allowed: 0B or more",
			func(c *Config, v int64) { c.Retained.MaxBytes = Size(v) }, []int64{0, 5}, []int64{-1}, asSize},
		{"sys.interval: VALUE is not allowed; allowed: 0s, or 100ms or more",
			func(c *Config, v int64) { c.Sys.Interval = Duration(v) }, []int64{0, 1e8}, []int64{-1, 1e8 - 1}, asDuration},
		{"shutdown.grace_period: VALUE is not allowed; allowed: 0s or more",
			func(c *Config, v int64) { c.Shutdown.GracePeriod = Duration(v) }, []int64{0, 1}, []int64{-1}, asDuration},
	} {
		for _, value := range r.right {
			c := Defaults()
			r.set(&c, value)
			require.NoError(t, c.Validate(), "%s: %d", r.want, value)
		}
		for _, value := range r.wrong {
			c := Defaults()
			r.set(&c, value)
			require.EqualError(t, c.Validate(), strings.Replace(r.want, "VALUE", r.format(value), 1))
		}
	}
}

func asNumber(v int64) string   { return strconv.FormatInt(v, 10) }
func asSize(v int64) string     { return Size(v).String() }
func asDuration(v int64) string { return Duration(v).String() }

func TestChoices(t *testing.T) {
	for want, set := range map[string]func(c *Config){
		`durability: "" is not allowed; allowed: memory, process, disk`:                            func(c *Config) { c.Durability = "" },
		`durability: "ram" is not allowed; allowed: memory, process, disk`:                         func(c *Config) { c.Durability = "ram" },
		`persistence.on_error: "" is not allowed; allowed: stop, read-only`:                        func(c *Config) { c.Persistence.OnError = "" },
		`persistence.on_error: "ignore" is not allowed; allowed: stop, read-only`:                  func(c *Config) { c.Persistence.OnError = "ignore" },
		`listeners[0].transport: "" is not allowed; allowed: tcp, tls`:                             func(c *Config) { c.Listeners[0].Transport = "" },
		`listeners[0].transport: quic is not there yet; allowed: tcp, tls`:                         func(c *Config) { c.Listeners[0].Transport = "quic" },
		`session.queue.overflow: "drop" is not allowed; allowed: drop-oldest, drop-newest, reject`: func(c *Config) { c.Session.Queue.Overflow = "drop" },
		`log.level: "INFO" is not allowed; allowed: debug, info, warn, error`:                      func(c *Config) { c.Log.Level = "INFO" },
		`log.format: "text" is not allowed; allowed: auto, console, json`:                          func(c *Config) { c.Log.Format = "text" },
		`name: "" is not a name; allowed: 1 to 64 letters, digits, '.', '-' or '_'`:                func(c *Config) { c.Name = "" },
		"name: \"café\" is not a name; allowed: 1 to 64 letters, digits, '.', '-' or '_'":          func(c *Config) { c.Name = "café" },
		`data_dir: " " is not a directory; name one, or "" to keep nothing on disk`:                func(c *Config) { c.DataDir = " " },
		`data_dir: "a\x00b" is not a directory; name one, or "" to keep nothing on disk`:           func(c *Config) { c.DataDir = "a\x00b" },
	} {
		c := Defaults()
		set(&c)
		require.EqualError(t, c.Validate(), want)
	}
	c := Defaults()
	c.Name = strings.Repeat("n", 64)
	require.NoError(t, c.Validate())
	c.Name += "n"
	require.Error(t, c.Validate())
}

// Every word of a choice is allowed, with a data directory and without.
func TestDurabilityAndWhatToDoOnError(t *testing.T) {
	for _, d := range []Durability{DurabilityMemory, DurabilityProcess, DurabilityDisk} {
		for _, e := range []OnError{OnErrorStop, OnErrorReadOnly} {
			for _, dir := range []string{"", "data"} {
				c := Defaults()
				c.Durability, c.Persistence.OnError, c.DataDir = d, e, dir
				require.NoError(t, c.Validate(), "%s, %s, %q", d, e, dir)
			}
		}
	}
}

func TestMetricsAddress(t *testing.T) {
	for address, want := range map[string]string{
		"": "", "127.0.0.1:9641": "", ":9641": "", "127.0.0.1:0": "",
		"localhost":       `metrics.address: "localhost" is not an address: missing port in address; write host:port, as in 127.0.0.1:9641, or "" for none`,
		"unix:/x.sock":    `metrics.address: "unix:/x.sock" is not an address: port "/x.sock" is not a number from 0 to 65535; write host:port, as in 127.0.0.1:9641, or "" for none`,
		"0.0.0.0:1883":    "metrics.address: 0.0.0.0:1883 is the address of listeners[0] already",
		"localhost:01883": "metrics.address: localhost:01883 is the address of listeners[0] already",
	} {
		c := Defaults()
		c.Metrics.Address = address
		if want == "" {
			require.NoError(t, c.Validate(), address)
			continue
		}
		require.EqualError(t, c.Validate(), want)
	}
}

func TestListeners(t *testing.T) {
	listener := func(name, address string) Listener {
		return Listener{Name: name, Address: address, Transport: TransportTCP}
	}
	for _, l := range []struct {
		list []Listener
		want string
	}{
		{nil, ""},
		{[]Listener{listener("a", "127.0.0.1:0"), listener("b", "127.0.0.1:0")}, ""},
		{[]Listener{listener("a", "127.8.9.1:1"), listener("b", "[::1]:1"), listener("c", "LOCALHOST:1")}, ""},
		{[]Listener{listener("a", "localhost:1"), listener("a", "localhost:2")},
			`listeners[1].name: "a" is the name of listeners[0] already; every listener needs a name of its own`},
		{[]Listener{listener("a", "[::1]:1883"), listener("b", "[::1]:01883")}, "listeners[1].address: [::1]:01883 is the address of listeners[0] already"},
		{[]Listener{listener("a", "localhost")}, `listeners[0].address: "localhost" is not an address: missing port in address; write host:port, as in 127.0.0.1:1883`},
		{[]Listener{listener("a", "::1:1883")}, `listeners[0].address: "::1:1883" is not an address: too many colons in address; write host:port, as in 127.0.0.1:1883`},
		{[]Listener{listener("a", "localhost:mqtt")},
			`listeners[0].address: "localhost:mqtt" is not an address: port "mqtt" is not a number from 0 to 65535; write host:port, as in 127.0.0.1:1883`},
		{[]Listener{listener("a", "localhost:65536")},
			`listeners[0].address: "localhost:65536" is not an address: port "65536" is not a number from 0 to 65535; write host:port, as in 127.0.0.1:1883`},
	} {
		c := Defaults()
		c.Listeners = l.list
		if l.want == "" {
			require.NoError(t, c.Validate())
			continue
		}
		require.EqualError(t, c.Validate(), l.want)
	}
}
