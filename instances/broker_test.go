package instances

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe"
)

// The Broker of an instance is another one after each start.
func TestBroker(t *testing.T) {
	s := supervisor(t, Options{})
	require.NoError(t, s.Launch(within(t), listening("a", "", ""), listening("b", "", "")))
	first, err := s.Broker("a")
	require.NoError(t, err)
	require.Equal(t, "a", first.Config().Name)
	require.NoError(t, first.Publish(within(t), troupe.Message{Topic: "x", QoS: troupe.AtLeastOnce}))
	require.NoError(t, s.Stop(within(t), "a"))
	_, err = s.Broker("a")
	require.ErrorIs(t, err, ErrNotRunning)
	require.EqualError(t, err, "instance a: it does not run, it is stopped")
	_, err = s.Broker("c")
	require.ErrorIs(t, err, troupe.ErrNoInstance)
	require.NoError(t, s.Start(within(t), "a"))
	again, err := s.Broker("a")
	require.NoError(t, err)
	require.NotSame(t, first, again)
}
