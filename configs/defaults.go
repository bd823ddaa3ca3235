package configs

import "time"

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
		Listeners: []Listener{{Name: "tcp", Address: "127.0.0.1:1883", Transport: TransportTCP}},
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
	}
}

// listenerDefaults is what an entry of the listeners has before its own fields
// are read.
func listenerDefaults() Listener { return Listener{Transport: TransportTCP} }
