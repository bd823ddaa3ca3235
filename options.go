package troupe

import (
	"errors"
	"net"
	"slices"

	"go.uber.org/zap"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/persistence"
)

// Option sets up a Broker in [New]. There is one for what no configuration can
// hold, and for what nearly every program says: the name, the directory, an
// address. All else is said with [WithSettings], or [WithConfig]. Where two options say the
// same, the later one holds. One that cannot be is an error of New, and so is one
// that is nil.
type Option func(*Broker)

// refuse notes what an option was given and cannot be.
func (b *Broker) refuse(what string) { b.refused = append(b.refused, errors.New("troupe: "+what)) }

// WithConfig uses a whole configuration, as configs.Load or configs.Defaults
// make it. Options after it change single values.
func WithConfig(c configs.Config) Option {
	return func(b *Broker) { b.config = c }
}

// WithSettings changes single values of the configuration, any of them: change is
// called once, in [New], with what the options before it made.
//
//	troupe.WithSettings(func(c *configs.Config) {
//		c.Durability = configs.DurabilityProcess
//		c.Session.Queue.MaxMessages = 100
//	})
func WithSettings(change func(c *configs.Config)) Option {
	return func(b *Broker) {
		if change == nil {
			b.refuse("WithSettings: the function is nil")
			return
		}
		b.config.Listeners, b.config.Bridges = slices.Clone(b.config.Listeners), slices.Clone(b.config.Bridges) // they may be the caller's still
		change(&b.config)
	}
}

// WithName names the instance: a field of every log line.
func WithName(name string) Option {
	return func(b *Broker) { b.config.Name = name }
}

// WithDataDir keeps what is acknowledged in the directory dir, of this instance
// and of no other, instead of the configured one. "" keeps nothing on disk: all
// state ends with the Broker.
func WithDataDir(dir string) Option {
	return func(b *Broker) { b.config.DataDir = dir }
}

// WithStore keeps what is acknowledged in a store of the program's own, instead
// of in a directory: in memory for tests, say. The program closes it after the Broker has ended.
// One Store is for one Broker at a time: Start fails (persistence.ErrLocked) if another
// has it and it is a persistence.Claimer, as that of persistence/memory is.
func WithStore(store persistence.Store) Option {
	return func(b *Broker) {
		if store == nil {
			b.refuse("WithStore: the store is nil")
		}
		b.store = store
	}
}

// WithAddress listens for MQTT over TCP on host:port instead of the
// configured listeners; port 0 is a free one, see [Broker.Addr]. An address
// outside loopback lets nobody in who does not authenticate, so it needs
// [WithAuthenticator], or a [WithConfig] that allows anonymous Clients.
func WithAddress(address string) Option {
	return func(b *Broker) {
		b.config.Listeners = []configs.Listener{{Name: "tcp", Address: address, Transport: configs.TransportTCP}}
	}
}

// WithListener also accepts Clients from an open listener, under a name for
// the log. anonymous lets Clients in without credentials. From Start on it is the
// Broker's, which closes it at its end, with a Start that fails, and with a Shutdown
// before any. When [New] fails it is the program's still, and open.
func WithListener(name string, l net.Listener, anonymous bool) Option {
	return func(b *Broker) {
		if l == nil {
			b.refuse("WithListener: the listener is nil")
		}
		b.handed = append(b.handed, handedListener{name: name, listener: l, anonymous: anonymous})
	}
}

// WithoutListeners opens no port: the program's own [Broker.Publish] and
// [Broker.Subscribe], and listeners of [WithListener], are the only ways in.
func WithoutListeners() Option {
	return func(b *Broker) { b.config.Listeners = nil }
}

// WithLogger logs to log instead of nowhere. The Broker adds its fields and
// never writes to anything else.
func WithLogger(log *zap.Logger) Option {
	return func(b *Broker) {
		if log == nil {
			b.refuse("WithLogger: the logger is nil; without the option nothing is logged")
		}
		b.log = log
	}
}
