package troupe

import (
	"github.com/troupemq/troupe/internal/auth"
	"github.com/troupemq/troupe/internal/auth/password"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// Client is what an [Authenticator], an [Authorizer] and [Hooks] are told of a Client.
//
//	type Client struct {
//		ID       string         // Client Identifier; empty: it sent none, and gets one when it is let in
//		Username string         // what it says, unless Verified
//		Password []byte         // nil: none was sent
//		Version  packet.Version // of MQTT: packet.V31, V311 or V5
//		Address  string         // remote network address
//		Listener string         // name of the listener it came through, or Name of [ServeOptions]
//
//		Certificate *x509.Certificate // shown to a TLS listener, and verified; nil: none
//		Certified   bool              // Username is from the Certificate: no password is needed
//		Verified    bool              // Username is the Client's: an Authenticator let it in, or it is Certified
//	}
//
// An Authorizer must not go by a Username that is not Verified.
type Client = auth.Client

// ReasonCode is a Reason Code of MQTT 5 (table 2-6), of which package protocol/packet
// has all: packet.NotAuthorized, packet.QuotaExceeded and so on.
//
//	func (c ReasonCode) IsError() bool                      // 0x80 and above
//	func (c ReasonCode) String() string                     // its name in lower case
//	func (c ReasonCode) ReturnCode() (code uint8, ok bool)  // the Connect Return code of 3.1.1 that means the same, if one does
type ReasonCode = packet.ReasonCode

// Authenticator judges who Clients are.
//
//	type Authenticator interface {
//		Authenticate(ctx context.Context, c Client) error
//	}
//
// It answers nil for a Client that is who it says it is. An error that is
// [ErrUnknownClient] leaves the judgement to the next Authenticator, a [*Refusal]
// says what the Client is told, and any other refuses it with Unspecified error
// (0x80). It is called on a goroutine of its own, for many Clients at a time, and may
// block until ctx is done, within limits.connect_timeout.
type Authenticator = auth.Authenticator

// AuthenticatorFunc is a function that is an [Authenticator].
//
//	type AuthenticatorFunc func(ctx context.Context, c Client) error
//
//	func (f AuthenticatorFunc) Authenticate(ctx context.Context, c Client) error // calls f
type AuthenticatorFunc = auth.AuthenticatorFunc

// ErrUnknownClient is what an Authenticator answers that knows nothing of a
// Client: the next one is asked. A Client that nobody knows is refused.
var ErrUnknownClient = auth.ErrUnknown

// Refusal is the error of an [Authenticator], an [Authorizer] or of [Hooks] that says
// what the Client is told.
//
//	type Refusal struct {
//		Code   ReasonCode // what the Client is told; one that is no error stands for Not authorized (0x87)
//		Reason string     // why; empty: it is not said
//	}
//
// Where [Hooks].Publish or Subscribe refuses a message or a Topic Filter, the Reason is
// sent to the Client as Reason String, if that has MQTT 5, wants such (Request Problem
// Information) and its Maximum Packet Size allows; of several Topic Filters in one
// SUBSCRIBE the first that is refused has the word. It is logged at debug. Whoever is not
// let in is told no more than the Code: there the Reason is for the log alone.
//
//	func (r *Refusal) Error() string // Code and Reason
type Refusal = auth.Refusal

// Exchanger is an [Authenticator] that knows methods of extended authentication
// (section 4.12) as well.
//
//	type Exchanger interface {
//		Exchange(c Client, method string) AuthExchange
//	}
//
// It begins one with the named method, for a CONNECT or to authenticate again, or
// returns nil if it does not know the method. It must not block.
type Exchanger = auth.Exchanger

// AuthExchange judges one packet of an extended authentication after the other: it
// takes the Authentication Data of the Client's next packet and says what to answer.
//
//	type AuthExchange func(ctx context.Context, data []byte) AuthResult
//
// It is called for one packet at a time, on a goroutine of its own, and may block
// until ctx is done.
type AuthExchange = auth.Exchange

// AuthResult is the answer to one packet of an extended authentication.
//
//	type AuthResult struct {
//		Code   ReasonCode // packet.Success, packet.ContinueAuthentication, or an error, which refuses the Client
//		Data   []byte     // Authentication Data for the Client
//		Reason string     // Reason String, sent if the Client wants such
//	}
type AuthResult = session.AuthResult

// Authorizer says what Clients may do.
//
//	type Authorizer interface {
//		Permissions(ctx context.Context, c Client) (Permissions, error)
//	}
//
// It is asked once for each Network Connection, when the Client was let in, and
// answers nil if the Client may do everything. An error refuses the Client as one of
// an [Authenticator] does; it is called as that is.
type Authorizer = auth.Authorizer

// Permissions are what a Client may do. They are asked while the Client waits
// and others with it, so the answer must come at once; for one Client never two
// at a time. What they forbid is refused with Not authorized (0x87).
//
//	type Permissions interface {
//		// MayPublish tells whether the Client may publish to a topic, whose bytes are valid until it returns.
//		MayPublish(topic []byte, qos QoS, retain bool) bool
//		// MaySubscribe tells whether it may subscribe to a Topic Filter, $share/name/ included.
//		MaySubscribe(filter string, qos QoS) bool
//	}
//
// They may answer otherwise later: each message is asked about anew.
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
//
//	func (h *Hashing) Do(ctx context.Context, f func()) error
//
// Do is for a program that hashes passwords itself: it calls f when it is its turn, and
// returns when f has. The error is that of ctx, which bounds the wait alone; f was not
// called then.
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
