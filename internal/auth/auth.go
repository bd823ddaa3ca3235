// Package auth is how an instance asks who a Client is and what it may do. It
// holds the questions and no answers: password files and the like are built on
// it.
package auth

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// Client is what is known of a Client when it connects.
type Client struct {
	ID       string // Client Identifier; empty: the Client sent none, and gets one when it is let in
	Username string
	Password []byte // nil: none was sent
	Version  packet.Version
	Address  string // remote network address
	Listener string // name of the listener it came through

	// Certificate is what the Client showed to a TLS listener, verified; nil: none.
	Certificate *x509.Certificate
	// Certified says that Username is from the Certificate: no password is
	// needed.
	Certified bool
	// Verified says that Username is the Client's: an Authenticator has let it in,
	// or it is Certified. An Authorizer must not go by another, which is but what the
	// Client says; an extended authentication does not tell a name.
	Verified bool
}

// Authenticator judges who Clients are.
type Authenticator interface {
	// Authenticate answers nil for a Client that is who it says it is. An error
	// that is [ErrUnknown] leaves the judgement to the next Authenticator, a
	// [Refusal] says what the Client is told, and any other refuses it with
	// Unspecified error (0x80).
	//
	// It is called on a goroutine of its own, for many Clients at a time, and may
	// block until ctx is done, within limits.connect_timeout.
	Authenticate(ctx context.Context, c Client) error
}

// Admitter is an Authenticator whose word may come to an end while its Clients are
// connected.
type Admitter interface {
	Authenticator
	// Admit is Authenticate for a Client whose connection is to end with the
	// Admission.
	Admit(ctx context.Context, c Client) (Admission, error)
}

// Admission is what a Client was let in by. It is asked again when the instance is
// reloaded; it must answer at once.
type Admission = session.Admission

// AuthenticatorFunc is a function that is an Authenticator.
type AuthenticatorFunc func(ctx context.Context, c Client) error

// Authenticate implements Authenticator.
func (f AuthenticatorFunc) Authenticate(ctx context.Context, c Client) error { return f(ctx, c) }

// Exchanger is an Authenticator that knows methods of extended authentication
// (MQTT 5 section 4.12).
type Exchanger interface {
	// Exchange begins one with the named method, for a CONNECT or to authenticate
	// again, or returns nil if it does not know the method [MQTT-4.12.0-1]. It must
	// not block.
	Exchange(c Client, method string) Exchange
}

// Exchange takes the Authentication Data of the Client's next packet and says
// what to answer. It is called for one packet at a time, on a goroutine of its
// own, and may block until ctx is done.
type Exchange func(ctx context.Context, data []byte) session.AuthResult

// Authorizer says what Clients may do.
type Authorizer interface {
	// Permissions of a Client that was let in, nil if it may do everything. An
	// error refuses the Client as one of Authenticate does. It is asked once for
	// each Network Connection, and called as Authenticate is.
	Permissions(ctx context.Context, c Client) (Permissions, error)
}

// Permissions are what one Client may do while it is connected.
type Permissions = session.Permissions

// ErrUnknown is the answer of an Authenticator that knows nothing of a Client.
var ErrUnknown = errors.New("the client is not known")

// Refusal is an answer to a Client that is not let in.
type Refusal struct {
	Code   packet.ReasonCode // for CONNACK (table 3-1)
	Reason string            // for the log; of a hook that refuses a message or a Topic Filter, its Reason String as well
}

func (r *Refusal) Error() string {
	if r.Reason == "" {
		return r.Code.String()
	}
	return r.Code.String() + ": " + r.Reason
}

// CodeOf is what a Client is told that was refused with err.
func CodeOf(err error) packet.ReasonCode {
	if r := (*Refusal)(nil); errors.As(err, &r) {
		if r.Code.IsError() {
			return r.Code
		}
		return packet.NotAuthorized
	}
	return packet.UnspecifiedError
}

// Ask puts a question on a goroutine of its own, with a
// context that ends after limit, and hands the answer to tell. A function that
// panics has answered failed: it is the program's, and must not end it here.
func Ask[T any](limit time.Duration, ask func(context.Context) T, failed func(reason any) T, tell func(T)) {
	go answer(limit, ask, failed, tell)
}

func answer[T any](limit time.Duration, ask func(context.Context) T, failed func(reason any) T, tell func(T)) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var answer T
	defer func() {
		if reason := recover(); reason != nil {
			answer = failed(reason)
		}
		tell(answer)
	}()
	answer = ask(ctx)
}

// Panicked is the error of a function of the program that did.
func Panicked(reason any) error { return fmt.Errorf("it panicked: %v", reason) }
