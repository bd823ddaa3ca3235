package bridge

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/bridge/failover"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

func TestSubscriptions(t *testing.T) {
	for _, c := range []struct {
		rule        configs.BridgeQoS
		qos0        bool
		most, least packet.QoS
	}{
		{configs.QoSKeep, false, 2, 0}, {configs.QoSKeep, true, 2, 1},
		{configs.QoS0, false, 0, 0}, {configs.QoS0, true, 0, 0}, {configs.QoS1, false, 1, 1}, {configs.QoS2, true, 2, 2},
		{configs.QoSMost0, true, 0, 0}, {configs.QoSMost1, false, 1, 0}, {configs.QoSMost1, true, 1, 1},
	} {
		bridge := configs.NewBridge("b")
		bridge.Queue.QoS0 = c.qos0
		f := configs.NewForward("a/#", "b/#")
		f.QoS = c.rule
		bridge.Forward = []configs.Forward{f}
		require.Equal(t, []session.Subscription{{Filter: "a/#", Raise: c.least, Options: packet.SubscriptionOptions{
			QoS: c.most, NoLocal: true, RetainAsPublished: true, RetainHandling: 1,
		}}}, subscriptions(bridge), "%v", c)
	}
	bridge := configs.NewBridge("b")
	for _, r := range []configs.BridgeRetained{configs.RetainedAlways, configs.RetainedNew, configs.RetainedNever} {
		f := configs.NewForward("a", "")
		f.Retained = r
		bridge.Forward = append(bridge.Forward, f)
	}
	for i, s := range subscriptions(bridge) {
		require.EqualValues(t, i, s.Options.RetainHandling)
	}
}

func TestLimits(t *testing.T) {
	base := &session.Limits{MaxQoS: packet.QoS2, MaxInflight: 3, TopicAliasMaximum: 9, Instance: "here", ReceiveMaximum: 8, TopicLevels: 7}
	c := configs.NewBridge("b")
	c.MaxInflight, c.Queue.MaxMessages, c.Queue.Spool, c.Queue.Memory = 50, 1000, configs.MiB, 64*configs.KiB
	c.Queue.MaxAge, c.Queue.Overflow = configs.Duration(time.Hour), configs.BridgeDropNewest
	want := &session.Limits{
		MaxQoS: packet.QoS2, MaxInflight: 50, Instance: "here", ReceiveMaximum: 8, TopicLevels: 7, ExpiryMaximum: session.NoExpiry, Bridge: true,
		Queue: session.QueueLimits{Messages: 1000, Bytes: 1 << 20, Age: 3_600_000, Overflow: session.DropNewest, QoS0Bytes: 64 << 10},
	}
	want.Portion(0, 64<<10, 0)
	require.Equal(t, want, Limits(c, base))
	require.EqualValues(t, 3, base.MaxInflight, "others have them too")
	c.Queue.Overflow = configs.BridgeSlowPublisher
	require.Equal(t, session.Slow, Limits(c, base).Queue.Overflow)
}

func TestPolicy(t *testing.T) {
	c := configs.NewBridge("b")
	o := policy(c, nil)
	require.Equal(t, failover.Options{Order: failover.Priority, StayFor: 30_000, Initial: 500, Maximum: 30_000, ReadyIn: 15_000, LeaveIn: 60_000}, o)
	c.Order = configs.OrderRandom
	require.Equal(t, failover.Random, policy(c, nil).Order)
}

func TestWhatLinksAreMadeOf(t *testing.T) {
	before := configs.NewBridge("b", "mqtt://a")
	for name, c := range map[string]struct {
		change func(*configs.Bridge)
		link   bool
	}{
		"upstreams":   {func(c *configs.Bridge) { c.Upstreams = nil }, false},
		"order":       {func(c *configs.Bridge) { c.Order = configs.OrderRandom }, false},
		"backoff":     {func(c *configs.Bridge) { c.Backoff.Maximum++ }, false},
		"queue":       {func(c *configs.Bridge) { c.Queue.Spool++ }, false},
		"acknowledge": {func(c *configs.Bridge) { c.Acknowledge = configs.AcknowledgeRemote }, false},
		"forward":     {func(c *configs.Bridge) { c.Forward = []configs.Forward{configs.NewForward("a", "b")} }, true},
		"health":      {func(c *configs.Bridge) { c.Health.Timeout++ }, true},
		"inflight":    {func(c *configs.Bridge) { c.MaxInflight++ }, true},
		"hops":        {func(c *configs.Bridge) { c.Hops++ }, true},
	} {
		after := configs.NewBridge("b", "mqtt://a")
		c.change(&after)
		require.Equal(t, c.link, linkPart(before) != linkPart(after), name)
	}
}

func TestEntries(t *testing.T) {
	before := settings(t, nil, "mqtt://a", "mqtt://b", "mqtt://b")
	after := settings(t, func(c *configs.Bridge) {
		c.Upstreams[0].ClientID = "another"
		c.Upstreams[3].Username = "somebody"
	}, "mqtt://b", "mqtt://a", "mqtt://c", "mqtt://b")
	require.Equal(t, []failover.Entry{
		{Name: "mqtt://b", Changed: true}, {Name: "mqtt://a"}, {Name: "mqtt://c"}, {Name: "mqtt://b", Changed: true},
	}, entries(before, after))
}
