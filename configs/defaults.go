package configs

import (
	"reflect"
	"time"
)

// Defaults is the Config of an empty file: one TCP listener on loopback, where
// Clients may be anonymous, and all that is acknowledged on disk, in a directory
// below the working directory. A program that embeds the broker and has nothing
// to keep sets DataDir to "".
func Defaults() Config {
	return Config{
		Name:       "troupe",
		DataDir:    "troupe-data",
		Durability: DurabilityDisk,
		Persistence: Persistence{
			FlushInterval: Duration(time.Second),
			FlushMessages: 1000,
			Memtable:      8 * MiB,
			MinFree:       64 * MiB,
			OnError:       OnErrorStop,
		},
		Listeners: []Listener{{Name: "tcp", Address: "127.0.0.1:1883", Transport: TransportTCP, TLS: tlsDefaults()}},
		Limits: Limits{
			MaxConnections:    0,
			MaxPacketSize:     MiB,
			ReceiveMaximum:    100,
			MaxInflight:       100,
			TopicAliasMaximum: 64,
			ServerKeepAlive:   0,
			ConnectTimeout:    Duration(10 * time.Second),
			TopicLevels:       128,
			EventLoops:        0,
		},
		Session: Session{
			ExpiryMaximum:  Duration(168 * time.Hour),
			PassivateAfter: Duration(5 * time.Minute),
			Queue: Queue{
				MaxMessages: 100_000,
				MaxBytes:    64 * MiB,
				MaxAge:      0,
				Overflow:    OverflowDropOldest,
				Patience:    Duration(10 * time.Second),
			},
			Total: Total{MaxMessages: 0, MaxBytes: 0},
		},
		Retained: Retained{MaxMessages: 0, MaxBytes: 0, Memory: 256 * MiB},
		Sys:      Sys{Interval: Duration(10 * time.Second)},
		Log:      Log{Level: LogInfo, Format: LogAuto},
		Shutdown: Shutdown{GracePeriod: Duration(10 * time.Second)},
		Supervision: Supervision{
			OnFailure: OnFailureAuto,
			Backoff:   Backoff{Initial: Duration(time.Second), Maximum: Duration(time.Minute)},
		},
	}
}

// NewBridge is a Bridge with the defaults of an entry of `bridges`.
func NewBridge(name string, uris ...string) Bridge {
	b := bridgeDefaults()
	b.Name = name
	for _, uri := range uris {
		b.Upstreams = append(b.Upstreams, Upstream{URI: uri})
	}
	return b
}

// NewForward is a Forward with the defaults of an entry; remote may be empty.
func NewForward(local, remote string) Forward {
	f := forwardDefaults()
	f.Local, f.Remote = local, remote
	return f
}

// NewReceive is a Receive with the defaults of an entry; local may be empty.
func NewReceive(remote, local string) Receive {
	r := receiveDefaults()
	r.Remote, r.Local = remote, local
	return r
}

// entryDefaults is what an entry of a list has, by the type of the entry, before
// its own fields are read.
func entryDefaults(t reflect.Type) reflect.Value {
	for _, d := range []any{listenerDefaults(), bridgeDefaults(), forwardDefaults(), receiveDefaults()} {
		if reflect.TypeOf(d) == t {
			return reflect.ValueOf(d)
		}
	}
	return reflect.Zero(t)
}

func listenerDefaults() Listener { return Listener{Transport: TransportTCP, TLS: tlsDefaults()} }

func tlsDefaults() TLSServer {
	return TLSServer{ClientCertificate: CertificateOptional, Username: UsernameConnect}
}

func bridgeDefaults() Bridge {
	return Bridge{
		Order:          OrderPriority,
		FailbackAfter:  Duration(30 * time.Second),
		Resend:         ResendAtLeastOnce,
		Protocol:       5,
		KeepAlive:      Duration(10 * time.Second),
		SessionExpiry:  Duration(168 * time.Hour),
		ConnectTimeout: Duration(5 * time.Second),
		Health: Health{
			Interval:   Duration(2 * time.Second),
			Timeout:    Duration(3 * time.Second),
			AckTimeout: Duration(30 * time.Second),
		},
		Backoff:     Backoff{Initial: Duration(500 * time.Millisecond), Maximum: Duration(30 * time.Second)},
		MaxInflight: 100,
		Queue: BridgeQueue{
			Memory:   4 * MiB,
			Spool:    GiB,
			Overflow: BridgeSlowPublisher,
		},
		Acknowledge: AcknowledgeLocal,
		LoopGuard:   true,
	}
}

func forwardDefaults() Forward {
	return Forward{QoS: QoSKeep, Retain: RetainKeep, Retained: RetainedNew}
}

func receiveDefaults() Receive {
	return Receive{QoS: QoSKeep, Retain: RetainKeep, Retained: RetainedNew}
}
