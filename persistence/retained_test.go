package persistence_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/protocol/packet"
)

func TestARetainedMessageComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		run := drawRun(t, packet.QoS0)
		frame := run.Frames[:frameOffset(run, 1)]
		value := persistence.AppendRetained(nil, frame, run.Version, run.Deadline)
		got, version, deadline, err := persistence.DecodeRetained(value)
		require.NoError(t, err)
		require.Equal(t, frame, got)
		require.Equal(t, run.Version, version)
		require.Equal(t, run.Deadline, deadline)

		var restored packet.Run
		restored.Restore(got, version, deadline)
		require.Equal(t, run.Topic, restored.Topic)
		require.Equal(t, run.HasExpiry, restored.HasExpiry)
	})
}

func TestADamagedRetainedMessageIsRefused(t *testing.T) {
	run := packet.NewRun(&packet.Publish{Topic: []byte("a/b"), Payload: []byte("1"), Retain: true, QoS: packet.QoS1, ContentType: []byte("x")}, packet.V5)
	requireDamage(t, persistence.AppendRetained(nil, run.Frames, run.Version, 5000), "a retained message", func(b []byte) error {
		frame, version, deadline, err := persistence.DecodeRetained(b)
		if err == nil {
			var restored packet.Run
			restored.Restore(frame, version, deadline) // must not panic
		}
		return err
	})
}
