// Package telemetry holds what an instance counts about itself. The counters
// are handed to the actors that write them; nothing here is global.
package telemetry

import "sync/atomic"

// Counters of one instance since it was made. Writers add once per batch and
// not once per message, so plain atomics cost nothing measurable.
type Counters struct {
	// Connections.
	ConnectionsAccepted atomic.Int64 // sockets accepted
	ConnectionsRefused  atomic.Int64 // refused: limit, authentication, protocol
	ConnectionsOpen     atomic.Int64 // sockets open now
	ClientsConnected    atomic.Int64 // sessions with a Network Connection now
	ClientsMaximum      atomic.Int64 // most ClientsConnected at once
	ClientsExpired      atomic.Int64 // sessions ended by Session Expiry
	ClientsRevoked      atomic.Int64 // disconnected because they are not let in any more
	ClientsStrained     atomic.Int64 // connected and so far behind that who publishes to them is slowed down
	Sessions            atomic.Int64 // sessions held now, connected or not

	// Bytes and packets on the wire.
	BytesReceived       atomic.Int64
	BytesSent           atomic.Int64
	PacketsReceived     atomic.Int64
	PacketsSent         atomic.Int64
	PublishReceived     atomic.Int64 // PUBLISH packets
	PublishSent         atomic.Int64
	PublishBytesIn      atomic.Int64 // bytes of PUBLISH frames
	PublishBytesOut     atomic.Int64
	MessagesQueued      atomic.Int64 // waiting in sessions now
	BytesQueued         atomic.Int64
	BytesResident       atomic.Int64 // of them, in memory
	Subscriptions       atomic.Int64 // in the index now
	SharedSubscriptions atomic.Int64 // of them, shared ones
	RetainedMessages    atomic.Int64
	RetainedBytes       atomic.Int64 // of whole PUBLISH frames, in memory or not
	RetainedOwn         atomic.Int64 // of RetainedMessages, those below $SYS/: the broker's own, which no bound holds
	RetainedOwnBytes    atomic.Int64
	RetainedResident    atomic.Int64 // of them, in memory

	// What a bound's policy dropped, by reason.
	DroppedCongested atomic.Int64 // QoS 0 to a Client that does not read
	DroppedQueueFull atomic.Int64 // queue at its bound
	DroppedExpired   atomic.Int64 // Message Expiry Interval or queue age
	DroppedTooLarge  atomic.Int64 // above the Client's Maximum Packet Size
	DroppedInvalid   atomic.Int64 // QoS 0 to a Topic Name that is not accepted
	DroppedBroken    atomic.Int64 // found damaged after a failure of a session
	DroppedRetained  atomic.Int64 // retained bound reached
	DroppedUnread    atomic.Int64 // a retained message that could not be read from the store, for one subscriber
	DroppedOffline   atomic.Int64 // QoS 0 to a Session without connection
	DroppedSwitch    atomic.Int64 // by a bridge: another upstream may have got it, and at most one is to
	DroppedLoop      atomic.Int64 // brought back by a bridge
	Denied           atomic.Int64 // PUBLISH packets and Topic Filters that a Client had no right to
	RefusedQuota     atomic.Int64 // publishes refused with 0x97
	RefusedByPeer    atomic.Int64 // messages that a Client or an upstream answered with an error

	// The store.
	StoreGroups  atomic.Int64 // groups of changes that were committed
	StoreFull    atomic.Int64 // attempts to write that found the disk full
	StoreFailed  atomic.Int64 // errors of the store that ended writing
	StoreStalled atomic.Int64 // 1 while nothing can be written
	StoreTight   atomic.Int64 // 1 while messages wait since the directory has almost what it may take

	// Functions of the program that embeds the instance.
	HooksFailed atomic.Int64 // calls of a hook that panicked

	// Actors that failed, by kind.
	FailedConnection atomic.Int64
	FailedSession    atomic.Int64
	FailedRegistry   atomic.Int64
	FailedShard      atomic.Int64
	FailedRetained   atomic.Int64
	FailedListener   atomic.Int64
	FailedBridge     atomic.Int64 // its links too
	FailedOther      atomic.Int64
}

// Connected counts a Client in and keeps the maximum.
func (c *Counters) Connected() {
	n := c.ClientsConnected.Add(1)
	for {
		top := c.ClientsMaximum.Load()
		if n <= top || c.ClientsMaximum.CompareAndSwap(top, n) {
			return
		}
	}
}

// RetainedForClients is how many Retained Messages bounds hold: all but the
// broker's own.
func (c *Counters) RetainedForClients() int64 {
	return c.RetainedMessages.Load() - c.RetainedOwn.Load()
}

// RetainedBytesForClients is how many bytes of them.
func (c *Counters) RetainedBytesForClients() int64 {
	return c.RetainedBytes.Load() - c.RetainedOwnBytes.Load()
}
