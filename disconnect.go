package troupe

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/protocol/packet"
)

// ErrNoClient is returned by Disconnect if no Client with that Client Identifier
// is connected.
var ErrNoClient = errors.New("troupe: no such client is connected")

// Disconnect ends the Network Connection of a Client: because its account was
// closed, say, and the program's [Authenticator] would not let it in any more. When
// it returns without an error nothing counts that the Client sends from then on,
// and its Will is published, after its Will Delay Interval. The Session stays as
// with any end of a connection: until it expires.
//
// code is what a Client of MQTT 5 is told, one of those that a DISCONNECT of a
// Server can have (table 3-13) and that is an error: AdministrativeAction (0x98), or
// NotAuthorized (0x87), mostly. reason is for its Reason String, and for the log;
// "": there is none. The connection of an earlier version is closed without a word.
//
// A Client that is being authenticated is not connected yet: have it refused there
// from now on, and disconnect it then. One that was let in a moment ago, and has no
// Session yet, is missed; it comes to [Hooks].Connected.
//
// It must not be called by a [Hooks] function, but on a goroutine that this starts.
//
// Errors: [ErrNoClient], [ErrNotRunning], that of ctx (the Client may or may not be
// disconnected), and a code or a reason that no DISCONNECT can have.
func (b *Broker) Disconnect(ctx context.Context, clientID string, code ReasonCode, reason string) error {
	t, err := b.running()
	if err != nil {
		return err
	}
	if !code.IsError() || !packet.TypeDisconnect.Allows(code) {
		return fmt.Errorf("troupe: disconnect %s: %s (0x%02x) is no error that a DISCONNECT can have", quoted(clientID), code, byte(code))
	}
	if !sayable(reason) {
		return fmt.Errorf("troupe: disconnect %s: the reason is not text of at most %d bytes that MQTT can carry", quoted(clientID), math.MaxUint16)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if message.OfBridge(clientID) { // it is no Client's
		return ErrNoClient
	}
	registry, _ := t.clients.Registry([]byte(clientID))
	found := make(chan bool, 1)
	t.system.Send(registry, &message.Disconnect{ClientID: clientID, Code: code, Reason: reason, Found: found})
	select {
	case yes := <-found:
		if !yes {
			return ErrNoClient
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-b.done:
		return ErrNotRunning
	}
}
