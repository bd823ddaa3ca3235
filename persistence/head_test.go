package persistence_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/protocol/session"
)

func drawHead(t *rapid.T) *session.Head {
	h := &session.Head{
		Next:     rapid.Uint64().Draw(t, "next"),
		NextID:   rapid.Uint16().Draw(t, "next id"),
		Messages: rapid.Int().Draw(t, "messages"),
		Bytes:    rapid.Int64().Draw(t, "bytes"),
		Lapse:    drawTime.Draw(t, "lapse"),
		Received: rapid.OneOf(rapid.Just([]uint16(nil)), rapid.SliceOfN(rapid.Uint16(), 1, 20)).Draw(t, "received"),
	}
	h.Queue = rapid.Uint64Range(0, h.Next).Draw(t, "queue")
	id, seq := rapid.Uint16().Draw(t, "first id"), rapid.Uint64().Draw(t, "first seq")
	for range rapid.IntRange(0, 20).Draw(t, "in flight") {
		f := session.Inflight{ID: id, Step: rapid.Uint8Range(1, 3).Draw(t, "step"), Seq: seq}
		if f.Step == 3 && rapid.Bool().Draw(t, "let go") {
			f.Seq = 0
		}
		h.Inflight = append(h.Inflight, f)
		id += rapid.OneOf(rapid.Just(uint16(1)), rapid.Uint16()).Draw(t, "id")
		seq += rapid.OneOf(rapid.Just(uint64(1)), rapid.Uint64()).Draw(t, "seq")
	}
	if rapid.Bool().Draw(t, "of a bridge") {
		h.Since, h.Peer = drawTime.Draw(t, "since"), drawText.Draw(t, "peer")
		ids := rapid.OneOf(rapid.Just([]uint16(nil)), rapid.SliceOfN(rapid.Uint16(), 1, 20))
		for range rapid.IntRange(0, 3).Draw(t, "left") {
			h.Left = append(h.Left, session.Leftover{Peer: drawText.Draw(t, "a peer"), Sent: drawSent(t), Received: ids.Draw(t, "received from it")})
		}
	}
	return h
}

func drawSent(t *rapid.T) (sent []session.Inflight) {
	for range rapid.IntRange(0, 3).Draw(t, "sent") {
		sent = append(sent, session.Inflight{Step: rapid.Uint8().Draw(t, "step sent"), ID: rapid.Uint16().Draw(t, "id sent"), Seq: rapid.Uint64().Draw(t, "seq sent")})
	}
	return sent
}

func TestAHeadComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawHead(t)
		got, err := persistence.DecodeHead(persistence.AppendHead([]byte("before"), want)[len("before"):])
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

// A full window of messages that were sent one after the other takes a byte for
// each, over the turn of the Packet Identifiers too.
func TestAHeadIsSmall(t *testing.T) {
	h := &session.Head{Next: 1_000_100, Queue: 1_000_050, NextID: 100, Messages: 50, Bytes: 5000}
	for i := range 100 {
		id := uint16((65_500+i)%65_535) + 1
		h.Inflight = append(h.Inflight, session.Inflight{ID: id, Step: 1, Seq: 1_000_000 + uint64(i)})
		h.Received = append(h.Received, id)
	}
	value := persistence.AppendHead(nil, h)
	require.Less(t, len(value), 230)
	got, err := persistence.DecodeHead(value)
	require.NoError(t, err)
	require.Equal(t, h, got)
}

func TestADamagedHeadIsRefused(t *testing.T) {
	h := &session.Head{
		Next: 1000, Queue: 900, NextID: 7, Messages: 100, Bytes: 12_345, Lapse: 1_700_000_000_000,
		Inflight: []session.Inflight{{ID: 5, Step: 1, Seq: 880}, {ID: 6, Step: 3}, {ID: 9, Step: 2, Seq: 890}}, Received: []uint16{4, 2, 65_535},
	}
	requireDamage(t, persistence.AppendHead(nil, h), "a session head", func(b []byte) error {
		_, err := persistence.DecodeHead(b)
		return err
	})
}

func FuzzHead(f *testing.F) {
	for seed := range 20 {
		f.Add(persistence.AppendHead(nil, rapid.Custom(drawHead).Example(seed)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := persistence.DecodeHead(b)
		if err != nil {
			require.ErrorIs(t, err, persistence.ErrCorrupt)
			return
		}
		again, err := persistence.DecodeHead(persistence.AppendHead(nil, h))
		require.NoError(t, err)
		require.Equal(t, h, again)
	})
}
