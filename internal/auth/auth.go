// Package auth is how an instance asks who a Client is. It holds the questions
// and no answers: password files and the like are built on it.
package auth

import (
	"context"
	"time"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// Client is what is known of a Client when it connects.
type Client struct {
	ID       string // Client Identifier, as assigned if the Client sent none
	Username string
	Password []byte // nil: none was sent
	Version  packet.Version
	Address  string // remote network address
	Listener string // name of the listener it came through
}

// Authenticator judges Clients. Both functions are optional and may block:
// they are called on goroutines of their own, never by an actor.
type Authenticator struct {
	// Connect answers Success, BadUserNameOrPassword, NotAuthorized, Banned or
	// another Reason Code of CONNACK. Nil: everybody is let in whom the
	// listener lets in without a name.
	Connect func(ctx context.Context, c Client) packet.ReasonCode
	// Exchange begins an extended authentication (MQTT 5 section 4.12) with
	// the named method, or returns nil if it does not know the method. Nil:
	// no method is known [MQTT-4.12.0-1].
	Exchange func(c Client, method string) Exchange
}

// Exchange takes the Authentication Data of the Client's next packet and says
// what to answer. It is called for one packet at a time.
type Exchange func(ctx context.Context, data []byte) session.AuthResult

// Ask puts a question to an Authenticator on a goroutine of its own, with a
// context that ends after limit, and hands the answer to tell. A function that
// panics has answered failed: it is the program's, and must not end it here.
func Ask[T any](limit time.Duration, ask func(context.Context) T, failed T, tell func(T)) {
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		answer := failed
		defer func() {
			_ = recover()
			tell(answer)
		}()
		answer = ask(ctx)
	}()
}
