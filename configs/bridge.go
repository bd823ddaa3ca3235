package configs

// Bridge hands messages on to another broker, the upstream, and takes some from
// it. It has several upstreams to choose from and uses one at a time.
type Bridge struct {
	// Name of the bridge, different from that of the others: in log lines, `$SYS` topics and commands, and it is by this name that the bridge finds its Session and its spool again.
	Name string `koanf:"name"`
	// Upstreams are the brokers to use, in their order. An entry is a URI, or a section with `uri` and what is different for this one.
	Upstreams []Upstream `koanf:"upstreams"`
	// Server is another way to write the first of `upstreams`, for those who come from a broker with one upstream.
	Server string `koanf:"server"`
	// BackupServer is another way to write the second of `upstreams`.
	BackupServer string `koanf:"backup_server"`
	// Order says which upstream is used. `priority`: the first that works, and back to a better one once that has been healthy for `failback_after`; `rotate`: the next one each time a link ends; `random`: any.
	Order BridgeOrder `koanf:"order"`
	// FailbackAfter is how long a better upstream has to stay healthy before the bridge goes back to it, with `order: priority`. 0s: at once.
	FailbackAfter Duration `koanf:"failback_after"`
	// SharedSession says that the upstreams are nodes of one cluster, which have one Session for the bridge: then a message in flight is completed with another node by its Packet Identifier, as with the same one.
	SharedSession bool `koanf:"shared_session"`
	// Resend says what happens to messages that an upstream may have got and has not finally acknowledged, when another one without that Session takes its place. `at-least-once`: they are sent to that one, so that both may have them; `at-most-once`: they are not, so that none may have them.
	Resend Resend `koanf:"resend"`
	// Protocol is the version of MQTT to speak: 5, 4 (3.1.1) or 3 (3.1). Before 5 the properties of messages cannot pass.
	Protocol int `koanf:"protocol"`
	// ClientID is the Client Identifier at the upstreams, different from that of any other Client there. Empty: the names of the instance and of the bridge, with a dash between.
	ClientID string `koanf:"client_id"`
	// Username at the upstreams. Empty: none.
	Username string `koanf:"username"`
	// Password at the upstreams. Empty: none.
	Password string `koanf:"password"`
	// PasswordFile holds the password at the upstreams instead, in its first line.
	PasswordFile string `koanf:"password_file"`
	// TLS is how upstreams with `mqtts` or `wss` are trusted, and what they are shown.
	TLS TLSClient `koanf:"tls"`
	// KeepAlive that the upstreams are told; whole seconds up to 65535s. 0s: none.
	KeepAlive Duration `koanf:"keep_alive"`
	// SessionExpiry is how long the upstreams are to keep the bridge's Session while no link is up; whole seconds up to 4294967295s, which stands for never. Before MQTT 5 they keep it as they like.
	SessionExpiry Duration `koanf:"session_expiry"`
	// ConnectTimeout is how long a link may take until it is subscribed; at least 1ms.
	ConnectTimeout Duration `koanf:"connect_timeout"`
	// Health says how a link is found to be dead.
	Health Health `koanf:"health"`
	// Backoff is the pause before an upstream that failed is tried again.
	Backoff Backoff `koanf:"backoff"`
	// MaxInflight is how many QoS 1 and 2 messages are in flight to the upstream, and never more than its Receive Maximum; 1 to 65535.
	MaxInflight int `koanf:"max_inflight"`
	// Forward says what is handed on to the upstream. No two of these may match the same topic.
	Forward []Forward `koanf:"forward"`
	// Receive says what is taken from the upstream. No two of these may match the same topic.
	Receive []Receive `koanf:"receive"`
	// Queue bounds what waits for the upstream.
	Queue BridgeQueue `koanf:"queue"`
	// Rate bounds what is sent to the upstream.
	Rate Rate `koanf:"rate"`
	// Acknowledge says when the publisher of a message with QoS 1 or 2 is told that it is safe. `local`: once it is safe here; `remote`: once the upstream has acknowledged it too, which goes with `queue.overflow: slow-publisher` and with rules that send with QoS 1 or 2.
	Acknowledge Acknowledge `koanf:"acknowledge"`
	// LoopGuard keeps messages from going round: each carries in a User Property by which brokers it came, and is dropped where it has been before. To upstreams before MQTT 5 the bridge says that it is one, as other brokers do it, so that they send nothing back.
	LoopGuard bool `koanf:"loop_guard"`
	// Hops is over how many bridges a message may come: 1 hands on only what was published here, as in a mesh in which every broker has a bridge to every other. 0: any number. It needs the loop guard and MQTT 5.
	Hops int `koanf:"hops"`
	// FollowServerReference lets an upstream send the bridge to another Server (Reason Codes 0x9C and 0x9D with a Server Reference); MQTT 5 alone.
	FollowServerReference bool `koanf:"follow_server_reference"`
	// StateTopic is a topic that says `1` while the bridge is connected and `0` otherwise, retained, here and at the upstream. Empty: only `$SYS/broker/connection/…/state` here.
	StateTopic string `koanf:"state_topic"`
}

// Upstream is a broker that a bridge may use.
type Upstream struct {
	// URI of the upstream: mqtt, mqtts, ws, wss or unix, with host, port and path as they apply, and a user name and a password before the host if they are to be there; without a port: 1883, 8883, 80 or 443. `instance://` and a name: another instance of this process, without a socket.
	URI string `koanf:"uri"`
	// ClientID at this upstream. Empty: that of the bridge.
	ClientID string `koanf:"client_id"`
	// Username at this upstream. Empty: that of the bridge.
	Username string `koanf:"username"`
	// Password at this upstream. Empty: that of the bridge.
	Password string `koanf:"password"`
	// PasswordFile holds the password at this upstream instead, in its first line.
	PasswordFile string `koanf:"password_file"`
	// TLS of this upstream. What is not set is as for the bridge.
	TLS TLSClient `koanf:"tls"`
}

// TLSClient is how a TLS server is trusted and what it is shown.
type TLSClient struct {
	// CAFile holds the certificates, in PEM, that the server's has to come from. Empty: those of the system.
	CAFile string `koanf:"ca_file"`
	// CertFile is the certificate, in PEM, that the server is shown. Empty: none.
	CertFile string `koanf:"cert_file"`
	// KeyFile is the key that belongs to it.
	KeyFile string `koanf:"key_file"`
	// ServerName is the name that the server's certificate has to have, and the one that is asked for (SNI). Empty: the host of the URI.
	ServerName string `koanf:"server_name"`
	// ALPN are the protocols to offer, separated by commas. Empty: none.
	ALPN string `koanf:"alpn"`
	// Insecure trusts any server: nothing is verified. For tests alone.
	Insecure bool `koanf:"insecure"`
}

// Health says how a link is found to be dead.
type Health struct {
	// Interval is how long the upstream may say nothing before it is asked (PINGREQ); at least 100ms.
	Interval Duration `koanf:"interval"`
	// Timeout is how long it may take to answer then; at least 100ms.
	Timeout Duration `koanf:"timeout"`
	// AckTimeout is how long it may leave a message unacknowledged; 0s or at least 1s. 0s: any time.
	AckTimeout Duration `koanf:"ack_timeout"`
}

// Backoff is the pause before an upstream that failed is tried again. It doubles
// with each failure in a row.
type Backoff struct {
	// Initial is the first pause; at least 10ms. Each is shortened by up to a half at random.
	Initial Duration `koanf:"initial"`
	// Maximum is the longest pause; at least `backoff.initial`.
	Maximum Duration `koanf:"maximum"`
}

// BridgeQueue bounds what waits for an upstream.
type BridgeQueue struct {
	// Memory is how much of it is in memory while a link is up, counted as encoded packets; at least 1KiB. The rest is in the data directory.
	Memory Size `koanf:"memory"`
	// Spool is how much may wait in all, counted as encoded packets. 0: any amount that the disk takes. Without a data directory all of it is in memory, and is gone with the process.
	Spool Size `koanf:"spool"`
	// MaxMessages that wait. 0: any number.
	MaxMessages int `koanf:"max_messages"`
	// MaxAge is how long a message waits before it is dropped, whatever its own Message Expiry Interval; 0s or at least 1ms. 0s: any time.
	MaxAge Duration `koanf:"max_age"`
	// Overflow says what gives way at a bound. `slow-publisher`: nothing is lost, and who publishes to the bridge is acknowledged and read from once there is room; `drop-oldest`: the message that waited longest; `drop-newest`: the one that came last.
	Overflow BridgeOverflow `koanf:"overflow"`
	// QoS0 keeps messages with QoS 0 too: they are sent with QoS 1 then, unless the rule says otherwise. Otherwise they are dropped while no link is up.
	QoS0 bool `koanf:"qos0"`
}

// Rate bounds what is sent to an upstream.
type Rate struct {
	// MessagesPerSecond that are sent. 0: any number.
	MessagesPerSecond int `koanf:"messages_per_second"`
	// BytesPerSecond that are sent, counted as encoded packets. 0: any number.
	BytesPerSecond Size `koanf:"bytes_per_second"`
}
