package troupe

import (
	"github.com/troupemq/troupe/internal/auth"
	"github.com/troupemq/troupe/internal/auth/password"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// Client is what an [Authenticator] and an [Authorizer] are told of a Client.
type Client = auth.Client

// ReasonCode is a Reason Code of MQTT 5 (table 2-6).
type ReasonCode = packet.ReasonCode

// Authenticator judges who Clients are. Its method may block, and is called for
// many Clients at a time.
type Authenticator = auth.Authenticator

// AuthenticatorFunc is a function that is an Authenticator.
type AuthenticatorFunc = auth.AuthenticatorFunc

// ErrUnknownClient is what an Authenticator answers that knows nothing of a
// Client: the next one is asked. A Client that nobody knows is refused.
var ErrUnknownClient = auth.ErrUnknown

// Refusal is the error of an Authenticator or Authorizer that says what the
// Client is told.
type Refusal = auth.Refusal

// Exchanger is an Authenticator that knows methods of extended authentication
// (section 4.12) as well.
type Exchanger = auth.Exchanger

// AuthExchange judges one packet of an extended authentication after the other.
type AuthExchange = auth.Exchange

// AuthResult is the answer to one packet of an extended authentication:
// Success, ContinueAuthentication with the Data for the Client, or an error.
type AuthResult = session.AuthResult

// Authorizer says what Clients may do. Its method may block, and is called for
// many Clients at a time.
type Authorizer = auth.Authorizer

// Permissions are what a Client may do. They are asked while the Client waits
// and others with it, so the answer must come at once; for one Client never two
// at a time. What they forbid is refused with Not authorized (0x87).
type Permissions = auth.Permissions

// WithAuthenticator has a judge who Clients are. It may be given several times:
// they are asked in this order, and before a password file, until one knows the
// Client.
func WithAuthenticator(a Authenticator) Option {
	return func(b *Broker) {
		if f, ok := a.(AuthenticatorFunc); a == nil || ok && f == nil {
			b.refuse("WithAuthenticator: the authenticator is nil")
		}
		b.judge.Authenticators = append(b.judge.Authenticators, a)
	}
}

// WithAuthorizer has a say what Clients may publish and subscribe to. It may be
// given several times, and together with a file of rules: all have to allow it.
func WithAuthorizer(a Authorizer) Option {
	return func(b *Broker) {
		if a == nil {
			b.refuse("WithAuthorizer: the authorizer is nil")
		}
		b.judge.Authorizers = append(b.judge.Authorizers, a)
	}
}

// Hashing bounds how many passwords are hashed at a time, see [WithHashing].
type Hashing = password.Hashing

// NewHashing returns a bound of so many passwords at a time; 0: as many as half of
// the processors, and at least one.
func NewHashing(most int) *Hashing { return password.NewHashing(most) }

// WithHashing has the Broker share a bound on hashing passwords with all others that
// have the same one: each hash takes 25 ms of a processor and 19 MiB. Those who
// wait are served in turn, one of each Broker. Without it the Broker has its own;
// those of an instances.Supervisor share one.
func WithHashing(h *Hashing) Option {
	return func(b *Broker) {
		if h == nil {
			b.refuse("WithHashing: the bound is nil; without the option the broker has its own")
		}
		b.hashing = h
	}
}
