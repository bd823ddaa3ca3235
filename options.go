package troupe

import (
	"context"
	"net"

	"go.uber.org/zap"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/internal/auth"
	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// Option sets up a Broker in [New].
type Option func(*Broker)

// WithConfig uses a whole configuration, as configs.Load or configs.Defaults
// make it. Options after it change single values.
func WithConfig(c configs.Config) Option {
	return func(b *Broker) { b.config = c }
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
// One Store is for one Broker at a time.
func WithStore(store persistence.Store) Option {
	return func(b *Broker) { b.store = store }
}

// WithAddress listens for MQTT over TCP on host:port instead of the
// configured listeners; port 0 is a free one, see [Broker.Addr]. An address
// outside loopback lets nobody in who does not authenticate, so it needs
// [WithAuthentication], or a [WithConfig] that allows anonymous Clients.
func WithAddress(address string) Option {
	return func(b *Broker) {
		b.config.Listeners = []configs.Listener{{Name: "tcp", Address: address, Transport: configs.TransportTCP}}
	}
}

// WithListener also accepts Clients from an open listener, under a name for
// the log. The Broker closes it. anonymous lets Clients in without credentials.
func WithListener(name string, l net.Listener, anonymous bool) Option {
	return func(b *Broker) { b.handed = append(b.handed, handedListener{name, l, anonymous}) }
}

// WithoutListeners opens no port: the program's own [Broker.Publish] and
// [Broker.Subscribe], and listeners of [WithListener], are the only ways in.
func WithoutListeners() Option {
	return func(b *Broker) { b.config.Listeners = nil }
}

// WithLogger logs to log instead of nowhere. The Broker adds its fields and
// never writes to anything else.
func WithLogger(log *zap.Logger) Option {
	return func(b *Broker) { b.log = log }
}

// Client is what an [Authentication] is told of a Client.
type Client = auth.Client

// AuthResult is the answer to one packet of an extended authentication:
// Success, ContinueAuthentication with the Data for the Client, or an error.
type AuthResult = session.AuthResult

// ReasonCode is a Reason Code of MQTT 5 (table 2-6).
type ReasonCode = packet.ReasonCode

// Authentication judges Clients. Both functions are optional; they run on
// goroutines of their own and may block, within the configured connect timeout.
type Authentication struct {
	// Connect judges a CONNECT by user name and password. It answers
	// packet.Success or the Reason Code for the CONNACK. Clients without a
	// user name come here too, unless their listener lets in anonymous ones.
	Connect func(ctx context.Context, c Client) ReasonCode
	// Exchange begins an extended authentication (section 4.12) by method,
	// for a CONNECT and for re-authentication. It returns nil for a method
	// that it does not know, else the function that is called with the
	// Client's data, one packet after the other.
	Exchange func(c Client, method string) func(ctx context.Context, data []byte) AuthResult
}

// WithAuthentication has a judge Clients.
func WithAuthentication(a Authentication) Option {
	return func(b *Broker) {
		b.auth = &auth.Authenticator{Connect: a.Connect}
		if a.Exchange != nil {
			b.auth.Exchange = func(c auth.Client, method string) auth.Exchange {
				if step := a.Exchange(c, method); step != nil {
					return step
				}
				return nil
			}
		}
	}
}
