package sys

import "github.com/troupemq/troupe/internal/telemetry"

// figure is one counter and its topic below $SYS/broker/.
type figure struct {
	topic string
	value func(c *telemetry.Counters) int64
}

// figures lists what is published each round: Mosquitto's names first, then
// ours for what it does not count.
var figures = []figure{
	{"clients/total", func(c *telemetry.Counters) int64 { return c.Sessions.Load() }},
	{"clients/connected", func(c *telemetry.Counters) int64 { return c.ClientsConnected.Load() }},
	{"clients/disconnected", func(c *telemetry.Counters) int64 { return c.Sessions.Load() - c.ClientsConnected.Load() }},
	{"clients/active", func(c *telemetry.Counters) int64 { return c.ClientsConnected.Load() }},
	{"clients/inactive", func(c *telemetry.Counters) int64 { return c.Sessions.Load() - c.ClientsConnected.Load() }},
	{"clients/maximum", func(c *telemetry.Counters) int64 { return c.ClientsMaximum.Load() }},
	{"clients/expired", func(c *telemetry.Counters) int64 { return c.ClientsExpired.Load() }},
	{"messages/received", func(c *telemetry.Counters) int64 { return c.PacketsReceived.Load() }},
	{"messages/sent", func(c *telemetry.Counters) int64 { return c.PacketsSent.Load() }},
	{"messages/stored", func(c *telemetry.Counters) int64 { return c.RetainedMessages.Load() + c.MessagesQueued.Load() }},
	{"store/messages/count", func(c *telemetry.Counters) int64 { return c.RetainedMessages.Load() + c.MessagesQueued.Load() }},
	{"store/messages/bytes", func(c *telemetry.Counters) int64 { return c.RetainedBytes.Load() + c.BytesQueued.Load() }},
	{"publish/messages/received", func(c *telemetry.Counters) int64 { return c.PublishReceived.Load() }},
	{"publish/messages/sent", func(c *telemetry.Counters) int64 { return c.PublishSent.Load() }},
	{"publish/messages/dropped", dropped},
	{"publish/bytes/received", func(c *telemetry.Counters) int64 { return c.PublishBytesIn.Load() }},
	{"publish/bytes/sent", func(c *telemetry.Counters) int64 { return c.PublishBytesOut.Load() }},
	{"bytes/received", func(c *telemetry.Counters) int64 { return c.BytesReceived.Load() }},
	{"bytes/sent", func(c *telemetry.Counters) int64 { return c.BytesSent.Load() }},
	{"subscriptions/count", func(c *telemetry.Counters) int64 { return c.Subscriptions.Load() }},
	{"shared_subscriptions/count", func(c *telemetry.Counters) int64 { return c.SharedSubscriptions.Load() }},
	{"retained messages/count", func(c *telemetry.Counters) int64 { return c.RetainedMessages.Load() }},

	{"clients/strained", func(c *telemetry.Counters) int64 { return c.ClientsStrained.Load() }},
	{"clients/revoked", func(c *telemetry.Counters) int64 { return c.ClientsRevoked.Load() }},
	{"connections/open", func(c *telemetry.Counters) int64 { return c.ConnectionsOpen.Load() }},
	{"connections/accepted", func(c *telemetry.Counters) int64 { return c.ConnectionsAccepted.Load() }},
	{"connections/refused", func(c *telemetry.Counters) int64 { return c.ConnectionsRefused.Load() }},
	{"dropped/congested", func(c *telemetry.Counters) int64 { return c.DroppedCongested.Load() }},
	{"dropped/offline", func(c *telemetry.Counters) int64 { return c.DroppedOffline.Load() }},
	{"dropped/queue_full", func(c *telemetry.Counters) int64 { return c.DroppedQueueFull.Load() }},
	{"dropped/expired", func(c *telemetry.Counters) int64 { return c.DroppedExpired.Load() }},
	{"dropped/too_large", func(c *telemetry.Counters) int64 { return c.DroppedTooLarge.Load() }},
	{"dropped/invalid", func(c *telemetry.Counters) int64 { return c.DroppedInvalid.Load() }},
	{"dropped/broken", func(c *telemetry.Counters) int64 { return c.DroppedBroken.Load() }},
	{"dropped/unread", func(c *telemetry.Counters) int64 { return c.DroppedUnread.Load() }},
	{"dropped/retained", func(c *telemetry.Counters) int64 { return c.DroppedRetained.Load() }},
	{"dropped/switch", func(c *telemetry.Counters) int64 { return c.DroppedSwitch.Load() }},
	{"dropped/loop", func(c *telemetry.Counters) int64 { return c.DroppedLoop.Load() }},
	{"refused/peer", func(c *telemetry.Counters) int64 { return c.RefusedByPeer.Load() }},
	{"refused/denied", func(c *telemetry.Counters) int64 { return c.Denied.Load() }},
	{"refused/quota", func(c *telemetry.Counters) int64 { return c.RefusedQuota.Load() }},
	{"storage/groups", func(c *telemetry.Counters) int64 { return c.StoreGroups.Load() }},
	{"storage/stalled", func(c *telemetry.Counters) int64 { return c.StoreStalled.Load() }},
	{"storage/tight", func(c *telemetry.Counters) int64 { return c.StoreTight.Load() }},
	{"store/messages/resident", func(c *telemetry.Counters) int64 { return c.BytesResident.Load() }},
	{"storage/full", func(c *telemetry.Counters) int64 { return c.StoreFull.Load() }},
	{"storage/failed", func(c *telemetry.Counters) int64 { return c.StoreFailed.Load() }},
	{"retained messages/resident", func(c *telemetry.Counters) int64 { return c.RetainedResident.Load() }},
	{"retained messages/own", func(c *telemetry.Counters) int64 { return c.RetainedOwn.Load() }},
	{"retained messages/own bytes", func(c *telemetry.Counters) int64 { return c.RetainedOwnBytes.Load() }},
	{"hooks/failed", func(c *telemetry.Counters) int64 { return c.HooksFailed.Load() }},
	{"actors/failed/connection", func(c *telemetry.Counters) int64 { return c.FailedConnection.Load() }},
	{"actors/failed/session", func(c *telemetry.Counters) int64 { return c.FailedSession.Load() }},
	{"actors/failed/registry", func(c *telemetry.Counters) int64 { return c.FailedRegistry.Load() }},
	{"actors/failed/shard", func(c *telemetry.Counters) int64 { return c.FailedShard.Load() }},
	{"actors/failed/retained", func(c *telemetry.Counters) int64 { return c.FailedRetained.Load() }},
	{"actors/failed/listener", func(c *telemetry.Counters) int64 { return c.FailedListener.Load() }},
	{"actors/failed/bridge", func(c *telemetry.Counters) int64 { return c.FailedBridge.Load() }},
	{"actors/failed/other", func(c *telemetry.Counters) int64 { return c.FailedOther.Load() }},
}

// dropped sums what was accepted, had a receiver and did not come to it. QoS 0
// for a Session that is away is no loss, and what is not accepted is the
// Client's own.
func dropped(c *telemetry.Counters) int64 {
	return c.DroppedCongested.Load() + c.DroppedQueueFull.Load() + c.DroppedExpired.Load() +
		c.DroppedTooLarge.Load() + c.DroppedBroken.Load() + c.DroppedRetained.Load() + c.DroppedSwitch.Load()
}
