package message

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
)

func TestMessage(t *testing.T) {
	want := Message{Stream{3, 2, packet.QoS2}, 70_000}
	b := want.Append(nil, 100)
	require.Len(t, b, Overhead+100)
	got, err := Parse(b, 4, 3)
	require.NoError(t, err)
	require.Equal(t, want, got)
	_, err = Parse(b, 3, 3)
	require.ErrorIs(t, err, ErrPayload)
	_, err = Parse(b, 4, 2)
	require.ErrorIs(t, err, ErrPayload)
	_, err = Parse(b[:Overhead-1], 4, 3)
	require.ErrorIs(t, err, ErrPayload)
	for i := range b {
		broken := slices.Clone(b)
		broken[i] ^= 1
		_, err := Parse(broken, 4, 3)
		require.ErrorIs(t, err, ErrPayload, i)
	}
}

func TestSet(t *testing.T) {
	var s, other Set
	for _, n := range []int{0, 63, 64, 200} {
		s.Add(n)
	}
	other.Add(63)
	require.True(t, s.Has(200))
	require.False(t, s.Has(199))
	require.False(t, s.Has(100_000))
	require.Equal(t, []int{0, 64, 200}, slices.Collect(s.Without(other)))
}
