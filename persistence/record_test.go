package persistence_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

func drawRecord(t *rapid.T) *session.Record {
	r := &session.Record{
		ClientID: rapid.String().Draw(t, "client"),
		Version:  packet.Version(rapid.IntRange(3, 5).Draw(t, "version")),
		Expiry:   rapid.Uint32().Draw(t, "expiry"),
		EndAt:    drawTime.Draw(t, "end"),
		WillAt:   drawTime.Draw(t, "will at"),
	}
	if rapid.Bool().Draw(t, "will") {
		optional := rapid.OneOf(drawField, rapid.Just([]byte(nil)))
		r.Will = &packet.Will{
			QoS:              packet.QoS(rapid.IntRange(0, 2).Draw(t, "qos")),
			Retain:           rapid.Bool().Draw(t, "retain"),
			HasMessageExpiry: rapid.Bool().Draw(t, "has expiry"),
			HasPayloadFormat: rapid.Bool().Draw(t, "has format"),
			PayloadFormat:    rapid.Uint8Range(0, 1).Draw(t, "format"),
			DelayInterval:    rapid.Uint32().Draw(t, "delay"),
			MessageExpiry:    rapid.Uint32().Draw(t, "message expiry"),
			Topic:            []byte(drawTopic.Draw(t, "topic")),
			Payload:          drawField.Draw(t, "payload"),
			ContentType:      optional.Draw(t, "content type"),
			ResponseTopic:    optional.Draw(t, "response topic"),
			CorrelationData:  optional.Draw(t, "correlation data"),
			UserProperties:   drawUserProperties(t),
		}
	}
	return r
}

func TestARecordComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawRecord(t)
		value := persistence.AppendRecord([]byte("before"), want)[len("before"):]
		got, err := persistence.DecodeRecord(value)
		require.NoError(t, err)
		for i := range value {
			value[i] = 0xee // a Record shares nothing with its value
		}
		require.Equal(t, want, got)
	})
}

func TestADamagedRecordIsRefused(t *testing.T) {
	r := &session.Record{ClientID: "kitchen", Version: packet.V5, Expiry: 300, EndAt: 1_700_000_000_000, Will: &packet.Will{
		QoS: packet.QoS1, Topic: []byte("kitchen/state"), Payload: []byte("gone"), ContentType: []byte("text/plain"),
		UserProperties: packet.UserProperties(nil).With("a", "1").With("a", "2"),
	}}
	requireDamage(t, persistence.AppendRecord(nil, r), "a session record", func(b []byte) error {
		got, err := persistence.DecodeRecord(b)
		if err == nil && got.Will != nil {
			for name := range got.Will.UserProperties.All() { // must not panic
				_ = name
			}
		}
		return err
	})
}

func FuzzRecord(f *testing.F) {
	for seed := range 20 {
		f.Add(persistence.AppendRecord(nil, rapid.Custom(drawRecord).Example(seed)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := persistence.DecodeRecord(slices.Clone(b))
		if err != nil {
			require.ErrorIs(t, err, persistence.ErrCorrupt)
			return
		}
		again, err := persistence.DecodeRecord(persistence.AppendRecord(nil, r))
		require.NoError(t, err)
		require.Equal(t, r, again)
	})
}
