package configs

import "time"

// Defaults is the Config of an empty file: one TCP listener on loopback, where
// Clients may be anonymous, and everything in memory.
func Defaults() Config {
	return Config{
		Name:       "troupe",
		DataDir:    "troupe-data",
		Durability: DurabilityMemory,
		Listeners:  []Listener{{Name: "tcp", Address: "127.0.0.1:1883", Transport: TransportTCP}},
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
			ExpiryMaximum: Duration(168 * time.Hour),
			Queue: Queue{
				MaxMessages: 100_000,
				MaxBytes:    64 * MiB,
				MaxAge:      0,
				Overflow:    OverflowDropOldest,
				Patience:    Duration(10 * time.Second),
			},
		},
		Retained: Retained{MaxMessages: 0, MaxBytes: 0},
		Sys:      Sys{Interval: Duration(10 * time.Second)},
		Log:      Log{Level: LogInfo, Format: LogAuto},
		Shutdown: Shutdown{GracePeriod: Duration(10 * time.Second)},
	}
}

// listenerDefaults is what an entry of the listeners has before its own fields
// are read.
func listenerDefaults() Listener { return Listener{Transport: TransportTCP} }
