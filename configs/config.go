package configs

// Config is all that one instance is told. The zero value is not useful: start
// from [Defaults]. The comment of each field is its entry in
// docs/configuration.md.
type Config struct {
	// Name of the instance: a field of every log line. 1 to 64 letters, digits, dots, dashes or underscores.
	Name string `koanf:"name"`
	// DataDir is the directory of this instance and of no other, relative to the working directory. With `durability: memory` nothing is written there.
	DataDir string `koanf:"data_dir"`
	// Durability is what an acknowledgement means. `memory`: Sessions, queued and Retained Messages live in memory and end with the process.
	Durability Durability `koanf:"durability"`
	// Listeners are the addresses where Clients connect. A list here replaces the default one.
	Listeners []Listener `koanf:"listeners"`
	// Limits bound what Clients can ask for.
	Limits Limits `koanf:"limits"`
	// Session bounds what is kept for a Client.
	Session Session `koanf:"session"`
	// Retained bounds the Retained Messages of the instance.
	Retained Retained `koanf:"retained"`
	// Sys sets up the `$SYS` topics.
	Sys Sys `koanf:"sys"`
	// Log says what is logged and how.
	Log Log `koanf:"log"`
	// Shutdown says how the instance stops.
	Shutdown Shutdown `koanf:"shutdown"`
}

// Listener is one address where Clients connect.
type Listener struct {
	// Name of the listener, different from that of the others: a field of its log lines.
	Name string `koanf:"name"`
	// Address is host:port. An empty host stands for all addresses of the machine, port 0 for a free one.
	Address string `koanf:"address"`
	// Transport carries the bytes.
	Transport Transport `koanf:"transport"`
	// AllowAnonymous lets Clients in without credentials. Not set: true on a loopback address (127.0.0.0/8, ::1, localhost), false elsewhere. A listener elsewhere has to say true, since there is no other way in yet.
	AllowAnonymous *bool `koanf:"allow_anonymous"`
}

// Limits bound what Clients can ask for.
type Limits struct {
	// MaxConnections at a time, over all listeners. 0: as many as the machine allows.
	MaxConnections int `koanf:"max_connections"`
	// MaxPacketSize is the largest packet taken from a Client, from its first byte to its last; 256B to 268435460B, the most that MQTT can express. MQTT 5 Clients are told in CONNACK.
	MaxPacketSize Size `koanf:"max_packet_size"`
	// ReceiveMaximum is how many QoS 1 and 2 messages a Client may have in flight to the broker; 1 to 65535.
	ReceiveMaximum int `koanf:"receive_maximum"`
	// MaxInflight is how many QoS 1 and 2 messages the broker has in flight to a Client, and never more than the Client's own Receive Maximum; 1 to 65535.
	MaxInflight int `koanf:"max_inflight"`
	// TopicAliasMaximum is how many Topic Aliases a Client may use, and the most that the broker uses towards it; 0 to 65535. 0: none.
	TopicAliasMaximum int `koanf:"topic_alias_maximum"`
	// ServerKeepAlive replaces the Keep Alive of MQTT 5 Clients; whole seconds up to 65535s. 0s: the Client's own.
	ServerKeepAlive Duration `koanf:"server_keep_alive"`
	// ConnectTimeout is how long a new connection has for its CONNECT, any AUTH exchange included; at least 1ms.
	ConnectTimeout Duration `koanf:"connect_timeout"`
	// TopicLevels is how many levels a Topic Name or Topic Filter may have; up to 65535. 0: any number.
	TopicLevels int `koanf:"topic_levels"`
	// EventLoops is how many event loops serve the connections; up to 1024. 0: one for each processor but one.
	EventLoops int `koanf:"event_loops"`
}

// Session bounds what is kept for a Client.
type Session struct {
	// ExpiryMaximum is the longest Session Expiry Interval granted; whole seconds up to 4294967295s, which stands for never. 0s: every Session ends with its connection.
	ExpiryMaximum Duration `koanf:"expiry_maximum"`
	// Queue bounds what waits for one Client.
	Queue Queue `koanf:"queue"`
}

// Queue bounds what waits for one Client, offline or slower than its
// subscriptions.
type Queue struct {
	// MaxMessages that wait for one Client; at least 1.
	MaxMessages int `koanf:"max_messages"`
	// MaxBytes that wait for one Client, counted as encoded packets; at least 1B.
	MaxBytes Size `koanf:"max_bytes"`
	// MaxAge is how long a message waits before it is dropped, whatever its own Message Expiry Interval; 0s or at least 1ms. 0s: any time.
	MaxAge Duration `koanf:"max_age"`
	// Overflow says what gives way when the queue is full. `drop-oldest`: the message that waited longest; `drop-newest`: the one that came last; `reject`: the publisher is told (0x97, Quota exceeded).
	Overflow Overflow `koanf:"overflow"`
	// Patience is how long a connected Client that takes nothing slows down who publishes to it with QoS 1 and 2. While it takes something, nothing is dropped: publishers are slowed down from half of a bound on. 0s or at least 1ms. 0s: nobody is slowed down, and what overflows gives way at once. Of no meaning with `overflow: reject`.
	Patience Duration `koanf:"patience"`
}

// Retained bounds the Retained Messages of the instance.
type Retained struct {
	// MaxMessages kept. 0: any number.
	MaxMessages int `koanf:"max_messages"`
	// MaxBytes kept, counted as encoded packets. 0: any number.
	MaxBytes Size `koanf:"max_bytes"`
}

// Sys sets up the $SYS topics.
type Sys struct {
	// Interval between two rounds of `$SYS` messages; 0s or at least 100ms. 0s: none.
	Interval Duration `koanf:"interval"`
}

// Log says what is logged and how.
type Log struct {
	// Level is the least that is logged.
	Level LogLevel `koanf:"level"`
	// Format of the lines on standard error. `auto`: console on a terminal, json otherwise.
	Format LogFormat `koanf:"format"`
}

// Shutdown says how the instance stops.
type Shutdown struct {
	// GracePeriod is how long queues are drained after the first signal. 0s: not at all.
	GracePeriod Duration `koanf:"grace_period"`
}

// Anonymous tells whether Clients may connect to l without credentials: what
// AllowAnonymous says, else whether the address is a loopback one.
func (l Listener) Anonymous() bool {
	if l.AllowAnonymous != nil {
		return *l.AllowAnonymous
	}
	return l.loopback()
}
