// Package link holds the actor of one connection to an upstream of a bridge. It speaks MQTT as a Client: towards the upstream as one of it, towards
// its own instance in the place of a connection, which hands on to the Session of the bridge what comes, and writes what that says.
package link

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe/protocol/packet"
)

// Ready tells a bridge that a link could carry messages: the upstream has let it
// in and, unless it only probes, has granted all subscriptions.
type Ready struct {
	Link    *actor.PID
	Present bool // the upstream has a Session of the bridge
}

// Carry has a link that is Ready take the Session of the bridge: what waits is
// sent from now on, and what the upstream sends is published.
type Carry struct{}

// Carries tells a bridge that its Session is served by the link.
type Carries struct{ Link *actor.PID }

// Leave has a link that carries stop in order: nothing new is sent, the
// subscriptions are given up, what is in flight in both directions is completed,
// or is not within the time of the link. The link then ends.
type Leave struct{}

// Ended tells a bridge that a link is over. It is the last word of the link.
type Ended struct {
	Link      *actor.PID
	Cause     error             // nil: as it was asked to
	Code      packet.ReasonCode // that the upstream gave, in CONNACK or DISCONNECT; Success: none
	Reference string            // the Server Reference with it; empty: none
	Clean     bool              // nothing was in flight any more
}
