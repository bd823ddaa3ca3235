package packet

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEachYieldsEveryMessageOnce(t *testing.T) {
	var frames []byte
	payloads := []string{"a", "", "ccc"}
	for i, payload := range payloads {
		p := Publish{QoS: QoS1, PacketID: uint16(i + 1), Topic: []byte("t/1"), Payload: []byte(payload)}
		frames = p.Append(frames, V5)
	}
	run := &Run{Frames: frames, Count: 3, Version: V5, QoS: QoS1, Slab: 64 << 10}
	var got []string
	for one := range run.Each() {
		var p Publish
		require.NoError(t, p.Decode(one.Frames, one.Version))
		require.Equal(t, 1, one.Count)
		require.Equal(t, "t/1", string(one.Topic))
		require.Equal(t, run.Slab, one.Slab)
		got = append(got, string(p.Payload))
	}
	require.Equal(t, payloads, got)
}

func TestEachOfOneIsItself(t *testing.T) {
	run := NewRun(&Publish{Topic: []byte("t"), Payload: []byte("x")}, V311)
	for one := range run.Each() {
		require.Same(t, run, one)
	}
}

func TestPayloadSize(t *testing.T) {
	for _, v := range []Version{V311, V5} {
		run := NewRun(&Publish{QoS: QoS1, PacketID: 1, Topic: []byte("t"), Payload: []byte("body"), ContentType: []byte("x")}, v)
		require.Equal(t, 4, run.PayloadSize())
		require.Zero(t, NewRun(&Publish{Topic: []byte("t")}, v).PayloadSize())
	}
}

func TestWithExpiryRewritesTheInterval(t *testing.T) {
	run := NewRun(&Publish{QoS: QoS1, PacketID: 1, Topic: []byte("t"), Payload: []byte("body"), HasMessageExpiry: true, MessageExpiry: 60}, V5)
	waited := run.WithExpiry(7)
	require.EqualValues(t, 7, waited.Expiry)
	require.EqualValues(t, 60, run.Expiry, "the original is shared and stays")
	p := messages(t, waited.Frames, V5)[0]
	require.EqualValues(t, 7, p.MessageExpiry)
	require.Equal(t, "body", string(p.Payload))
}

// TestWithExpiryOfUnsentMessage rewrites a message that has no Packet Identifier
// yet, as a Will has none.
func TestWithExpiryOfUnsentMessage(t *testing.T) {
	for q := QoS0; q <= QoS2; q++ {
		run := NewRun(&Publish{QoS: q, Topic: []byte("t"), Payload: []byte("body"), HasMessageExpiry: true, MessageExpiry: 60}, V5)
		waited := run.WithExpiry(7)
		require.EqualValues(t, 7, waited.Expiry)
		p := messages(t, waited.Frames, V5)[0]
		require.EqualValues(t, 7, p.MessageExpiry)
		require.Equal(t, q, p.QoS)
	}
}
