package routing

import (
	"github.com/asynkron/protoactor-go/actor"
	"github.com/cespare/xxhash/v2"
)

// Clients finds the registry of a Client Identifier.
type Clients struct {
	Registries []*actor.PID // set once, before the first connection
}

// Registry returns the registry of a Client Identifier and its number: all
// that belongs to the Client runs on the event loop with that number modulo
// the number of loops.
func (c *Clients) Registry(clientID []byte) (*actor.PID, int) {
	i := c.Number(clientID)
	return c.Registries[i], i
}

// Number returns the number of the registry of a Client Identifier.
func (c *Clients) Number(clientID []byte) int {
	return int(xxhash.Sum64(clientID) % uint64(len(c.Registries)))
}
