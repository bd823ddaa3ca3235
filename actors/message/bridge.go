package message

import (
	"strings"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe/protocol/session"
)

// BridgePrefix begins the Client Identifiers of the sessions of bridges; no
// Client gets in with such a one.
const BridgePrefix = "$bridge/"

// OfBridge tells whether a Client Identifier is that of a bridge's session.
func OfBridge(clientID string) bool { return strings.HasPrefix(clientID, BridgePrefix) }

// Establish makes the Session of a bridge, or changes the one that is there: it
// is what the instance has of the bridge, whether a link is up or not. It goes to
// the registry of the Client Identifier and on to the session, which answers with
// [Established].
type Establish struct {
	ClientID string // BridgePrefix and the name of the bridge
	Bridge   *actor.PID
	Limits   *session.Limits
	// Subscriptions are all that the Session is to have.
	Subscriptions []session.Subscription
	// Remote says that who publishes is acknowledged once the upstream has.
	Remote  bool
	Figures *BridgeFigures

	// House is that of the registry, which sets it; nil if nothing is kept.
	House *House
	// Ended is the Session that passed this message back because it had ended
	// before it got it; the registry makes a new one.
	Ended *actor.PID
}

// Established tells a bridge that publishers see its subscriptions.
type Established struct{ ClientID string }

// Retire ends the Session of a bridge that is not wanted any more. Without
// Discard one for which messages wait is kept, but gets no more.
type Retire struct {
	ClientID string
	Discard  bool
	Bridge   *actor.PID // who is answered with Retired
}

// Retired tells what became of the Session of a bridge.
type Retired struct {
	ClientID string
	Left     int // messages that wait still, or were discarded
}

// BridgeFigures is what is known of the messages of one bridge. Its session and
// its links write them, anybody reads them.
type BridgeFigures struct {
	Queued      atomic.Int64 // messages that wait, in memory and in the store
	QueuedBytes atomic.Int64 // of their frames
	Spooled     atomic.Int64 // of the messages that wait, those that only the store has
	OldestAt    atomic.Int64 // Unix ms since when the oldest of those that wait has waited; 0: nothing waits, or it is not known
	Inflight    atomic.Int64 // messages that the upstream has not finally acknowledged
	Strained    atomic.Bool  // publishers are slowed down
	Forwarded   atomic.Int64 // messages written to an upstream, repeated ones not counted
	Resent      atomic.Int64 // repeated ones
	Received    atomic.Int64 // messages that came from an upstream
	BytesOut    atomic.Int64 // written to upstreams
	BytesIn     atomic.Int64 // read from upstreams

	DroppedFull      atomic.Int64 // QoS 1 and 2 at the bound of the spool, by drop-oldest or drop-newest
	DroppedExpired   atomic.Int64 // Message Expiry Interval passed
	DroppedAged      atomic.Int64 // waited longer than queue.max_age
	DroppedTooLarge  atomic.Int64 // above the upstream's Maximum Packet Size
	DroppedOffline   atomic.Int64 // QoS 0 while no link is up
	DroppedCongested atomic.Int64 // QoS 0 for an upstream that takes no more
	DroppedSwitch    atomic.Int64 // may have come to an upstream that is gone, and are not sent again
	DroppedLoop      atomic.Int64 // have been here before, or have come over too many bridges
	DroppedRefused   atomic.Int64 // answered with an error by the upstream, or by this broker
}
