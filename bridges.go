package troupe

import (
	"github.com/troupemq/troupe/persistence"
	core "github.com/troupemq/troupe/protocol/session"
)

// identity tells this instance from all others.
func (t *tree) identity() string {
	if t.storage == nil {
		return persistence.NewIdentity()
	}
	return t.storage.identity
}

// bridgeLimits are the bounds of the Session of a bridge. One that is not
// configured any more loses nothing.
func (t *tree) bridgeLimits(clientID string) *core.Limits {
	limits := *t.broker.limits()
	limits.Bridge, limits.ExpiryMaximum = true, core.NoExpiry
	limits.Queue = core.QueueLimits{Overflow: core.Slow}
	return &limits
}
