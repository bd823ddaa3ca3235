package persistence_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
	"github.com/troupemq/troupe/protocol/topic"
)

func drawSubscription(t *rapid.T) session.Subscription {
	s := session.Subscription{
		Filter: rapid.SampledFrom([]string{"", "$share/a/", "$share"}).Draw(t, "prefix") + drawTopic.Draw(t, "filter"),
		Options: packet.SubscriptionOptions{
			QoS:               packet.QoS(rapid.IntRange(0, 2).Draw(t, "qos")),
			NoLocal:           rapid.Bool().Draw(t, "no local"),
			RetainAsPublished: rapid.Bool().Draw(t, "retain as published"),
			RetainHandling:    rapid.Uint8Range(0, 2).Draw(t, "retain handling"),
		},
		ID:    rapid.OneOf(rapid.Just(uint32(0)), rapid.Uint32()).Draw(t, "id"),
		Raise: packet.QoS(rapid.IntRange(0, 2).Draw(t, "least qos")),
	}
	share, _, err := topic.ParseFilter(s.Filter)
	require.NoError(t, err)
	s.Shared = share != ""
	return s
}

func TestASubscriptionComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want, sid := drawSubscription(t), rapid.Uint64().Draw(t, "session")
		key := persistence.SubscriptionKey(sid, want.Filter)
		require.Equal(t, persistence.PartSubscription.Key(sid), key[:9])
		require.Equal(t, sid, persistence.Number(key, 0))
		value := persistence.AppendSubscription(nil, &want)
		got, err := persistence.DecodeSubscription(string(persistence.Text(key, 1)), value)
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

func TestADamagedSubscriptionIsRefused(t *testing.T) {
	s := &session.Subscription{Filter: "a", Options: packet.SubscriptionOptions{QoS: packet.QoS1, NoLocal: true}, ID: 300}
	requireDamage(t, persistence.AppendSubscription(nil, s), "a subscription", func(b []byte) error {
		_, err := persistence.DecodeSubscription("a", b)
		return err
	})
}
