package configs

// Config is all that one instance is told. The zero value is not useful: start
// from [Defaults]. The comment of each field is its entry in
// docs/configuration.md.
type Config struct {
	// Name of the instance: a field of every log line. 1 to 64 letters, digits, dots, dashes or underscores.
	Name string `koanf:"name"`
	// DataDir is the directory of this instance and of no other, relative to the working directory; it is made if it is not there. Empty (`""`, in a file or as a flag): nothing is kept on disk, all state ends with the process and `durability` has no meaning.
	DataDir string `koanf:"data_dir"`
	// Durability is what an acknowledgement to a Client says is safe. `memory`: it will be written within `persistence.flush_interval` or `persistence.flush_messages`, whichever is first, so that much may be lost; `process`: it survives the end of the process, kill -9 included; `disk`: it survives a loss of power too (fsync before the acknowledgement).
	Durability Durability `koanf:"durability"`
	// Persistence says how the data directory is written.
	Persistence Persistence `koanf:"persistence"`
	// Listeners are the addresses where Clients connect. A list here replaces the default one.
	Listeners []Listener `koanf:"listeners"`
	// Auth says who may connect, and what he may do then. With any of it nobody is let in without credentials, unless a listener says so.
	Auth Auth `koanf:"auth"`
	// Limits bound what Clients can ask for.
	Limits Limits `koanf:"limits"`
	// Session bounds what is kept for a Client.
	Session Session `koanf:"session"`
	// Retained bounds the Retained Messages of the instance.
	Retained Retained `koanf:"retained"`
	// Bridges hand messages on to other brokers, and take some from them. There is none by default; a list here replaces the one before it. Examples of whole files are in configs/examples.
	Bridges []Bridge `koanf:"bridges"`
	// Sys sets up the `$SYS` topics.
	Sys Sys `koanf:"sys"`
	// Metrics says where Prometheus finds what the instance counts.
	Metrics Metrics `koanf:"metrics"`
	// Log says what is logged and how.
	Log Log `koanf:"log"`
	// Shutdown says how the instance stops.
	Shutdown Shutdown `koanf:"shutdown"`
	// Supervision says what becomes of the instance when it fails, in a process that runs several.
	Supervision Supervision `koanf:"supervision"`
}

// Auth says who may connect, and what he may do then.
type Auth struct {
	// PasswordFile has a line for each user, with his name and what his password is checked against; `troupe passwd` makes and edits it. Empty: nobody is known by a password.
	PasswordFile string `koanf:"password_file"`
	// ACLFile has rules for what Clients may publish and subscribe to; docs/authentication.md has its form. What no rule allows is denied. Empty: who is let in may do everything.
	ACLFile string `koanf:"acl_file"`
}

// Supervision says what becomes of an instance when it fails.
type Supervision struct {
	// OnFailure is what happens when the instance fails, at its start or later. `restart`: it is started again, after a pause; `stop`: it stays stopped, and the others go on; `stop-all`: the process ends, with the reason; `auto`: restart if there are other instances in the process, otherwise stop. The process ends with the last of its instances. With `auto` and `stop-all` a process is not started at all if somebody else has a port or the data directory of the instance.
	OnFailure OnFailure `koanf:"on_failure"`
	// Backoff is the pause before it is started again.
	Backoff Backoff `koanf:"backoff"`
}

// Persistence says how the data directory is written.
type Persistence struct {
	// FlushInterval is how long what was acknowledged may wait to be written, with `durability: memory`; at least 1ms.
	FlushInterval Duration `koanf:"flush_interval"`
	// FlushMessages is how many messages may wait to be written, with `durability: memory`; at least 1.
	FlushMessages int `koanf:"flush_messages"`
	// Memtable is how much the store gathers in memory before it sorts that into a file; 1MiB to 1GiB. More of it takes more memory, at rest and much more while tables are merged, and writes the same data less often: docs/operating.md has figures.
	Memtable Size `koanf:"memtable"`
	// MinFree is how much room stays free on the device. With less nothing is written and nothing that would have to be kept is acknowledged, until there is room again. The store needs twice `memtable` for itself, which stays free with 0 too.
	MinFree Size `koanf:"min_free"`
	// MaxDisk is how much the data directory may take. From seven eighths on messages that have to be kept wait, and are not acknowledged, until Clients have taken some; at the bound nothing is written, as with `persistence.min_free`. While files are merged there may be up to twice as much for a while. It can be changed while the instance runs. 0: all that the device has; otherwise at least 64MiB.
	MaxDisk Size `koanf:"max_disk"`
	// OnError says what happens when the device fails otherwise, in a write or an fsync. `stop`: the instance stops with the reason; `read-only`: it goes on and takes nothing that it would have to keep. What is published with QoS 1 or 2 to be kept is refused with 0x97, Clients who want their Session kept with 0x88; before MQTT 5, where a message cannot be refused, the connection is closed.
	OnError OnError `koanf:"on_error"`
}

// Listener is one address where Clients connect.
type Listener struct {
	// Name of the listener, different from that of the others: a field of its log lines.
	Name string `koanf:"name"`
	// Address is host:port. An empty host stands for all addresses of the machine, port 0 for a free one.
	Address string `koanf:"address"`
	// Transport carries the bytes. `tcp`: as they are; `tls`: encrypted, with the certificate of `tls`.
	Transport Transport `koanf:"transport"`
	// TLS is what Clients are shown and what they have to show, with `transport: tls`.
	TLS TLSServer `koanf:"tls"`
	// AllowAnonymous lets Clients in without credentials. Not set: true on a loopback address (127.0.0.0/8, ::1, localhost) of an instance without `auth`, false elsewhere. A listener where nobody could come in otherwise, since there is no `auth.password_file` and user names are not from certificates (`tls.username`), has to say true.
	AllowAnonymous *bool `koanf:"allow_anonymous"`
}

// TLSServer is what Clients of a listener are shown and what they have to show.
type TLSServer struct {
	// CertFile is the certificate that Clients are shown, in PEM, with those that it comes from behind it.
	CertFile string `koanf:"cert_file"`
	// KeyFile is the key that belongs to it, in PEM.
	KeyFile string `koanf:"key_file"`
	// CAFile holds the certificates, in PEM, that those of Clients have to come from. Empty: Clients are not asked for one.
	CAFile string `koanf:"ca_file"`
	// ClientCertificate says whether Clients need a certificate. `optional`: one that is shown has to be valid; `required`: without one nobody connects. Of no meaning without `tls.ca_file`.
	ClientCertificate ClientCertificate `koanf:"client_certificate"`
	// Username is where the user name comes from. `connect`: from CONNECT, with a password; `common-name`, `san`: from the certificate of the Client, from its Subject or the first of its DNS names, mail addresses or URIs, and a Client with a certificate needs no password then.
	Username CertificateUsername `koanf:"username"`
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
	// TopicLevels is how many levels a Topic Name or Topic Filter may have; up to 65535. 0: any number. In all they may have 64,000 bytes.
	TopicLevels int `koanf:"topic_levels"`
	// EventLoops is how many event loops serve the connections; up to 1024. 0: one for each processor but one.
	EventLoops int `koanf:"event_loops"`
	// Rate bounds what all Clients together publish, the embedding program included. Who comes when it is used up is read from later: nothing is dropped. It can be changed while the instance runs.
	Rate InstanceRate `koanf:"rate"`
}

// InstanceRate bounds what all Clients of an instance together publish.
type InstanceRate struct {
	// MessagesPerSecond that Clients publish, all together. 0: any number.
	MessagesPerSecond int `koanf:"messages_per_second"`
	// BytesPerSecond that Clients send, all together, whatever the packets. 0: any number.
	BytesPerSecond Size `koanf:"bytes_per_second"`
}

// Session bounds what is kept for a Client.
type Session struct {
	// ExpiryMaximum is the longest Session Expiry Interval granted; whole seconds up to 4294967295s, which stands for never. 0s: every Session ends with its connection.
	ExpiryMaximum Duration `koanf:"expiry_maximum"`
	// PassivateAfter is how long the Session of a Client that is away stays awake; then it is on disk alone until a message or the Client comes. 0s or at least 1s. 0s: it stays awake.
	PassivateAfter Duration `koanf:"passivate_after"`
	// Queue bounds what waits for one Client.
	Queue Queue `koanf:"queue"`
	// Total bounds what waits for all Clients together.
	Total Total `koanf:"total"`
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

// Total bounds what waits for all Clients of the instance together. What gives
// way is Overflow of the Queue.
type Total struct {
	// MaxMessages that wait for all Clients together; `session.queue.overflow` says what gives way. 0: any number.
	MaxMessages int `koanf:"max_messages"`
	// MaxBytes that wait for all Clients together, counted as encoded packets; `session.queue.overflow` says what gives way. 0: any number.
	MaxBytes Size `koanf:"max_bytes"`
	// Memory is how much of what waits for all Clients together stays in memory, counted as encoded packets, though one that waits for many is there once. What is beyond it is on disk alone until its Client takes something. Messages with QoS 0, and those of Sessions that end with their connection, are not on disk: of those that is the bound. 0: any number, which is up to 256KiB for each Client that is connected and slow, and 4MiB with QoS 0.
	Memory Size `koanf:"memory"`
}

// Retained bounds the Retained Messages of the instance.
type Retained struct {
	// MaxMessages kept. 0: any number.
	MaxMessages int `koanf:"max_messages"`
	// MaxBytes kept, counted as encoded packets. 0: any number.
	MaxBytes Size `koanf:"max_bytes"`
	// Memory is how much of them stays in memory; what is beyond it is read from the data directory when a Client subscribes. Their Topic Names are always in memory. Of no meaning without a data directory.
	Memory Size `koanf:"memory"`
}

// Sys sets up the $SYS topics.
type Sys struct {
	// Interval between two rounds of `$SYS` messages; 0s or at least 100ms. 0s: none.
	Interval Duration `koanf:"interval"`
}

// Metrics says where Prometheus finds what the instance counts.
type Metrics struct {
	// Address is host:port, as that of a listener, where `GET /metrics` answers in the format of Prometheus, for this instance alone. It is plain HTTP, asks nobody for credentials and changes nothing: let it be an address that only Prometheus reaches. docs/metrics.md has what there is. Empty: nowhere.
	Address string `koanf:"address"`
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
