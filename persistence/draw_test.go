package persistence_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// What the tests of records draw: all that the types can say, and no more than
// the broker would make of it.

var (
	drawTime  = rapid.Int64Range(0, 1<<42)
	drawField = rapid.SliceOfN(rapid.Byte(), 0, 20)
	drawText  = rapid.StringMatching(`[a-z é]{0,6}`)
	drawTopic = rapid.StringMatching(`[a-z0-9]{1,8}(/[a-zé]{0,5}){0,3}`)
)

func drawUserProperties(t *rapid.T) packet.UserProperties {
	var u packet.UserProperties
	for range rapid.IntRange(0, 3).Draw(t, "user properties") {
		u = u.With(drawText.Draw(t, "name"), drawText.Draw(t, "value"))
	}
	return u
}

// drawRun draws frames of one publisher. They lie somewhere in a larger buffer.
func drawRun(t *rapid.T, qosMin packet.QoS) *packet.Run {
	version := rapid.SampledFrom([]packet.Version{packet.V31, packet.V311, packet.V5}).Draw(t, "version")
	m := packet.Publish{
		QoS:    packet.QoS(rapid.IntRange(int(qosMin), 2).Draw(t, "qos")),
		Retain: rapid.Bool().Draw(t, "retain"),
		Topic:  []byte(drawTopic.Draw(t, "topic")),
	}
	if rapid.Bool().Draw(t, "properties") {
		m.ContentType = []byte(drawText.Draw(t, "content type"))
		m.UserProperties = drawUserProperties(t)
	}
	count := 1
	if rapid.Bool().Draw(t, "expiry") {
		m.HasMessageExpiry, m.MessageExpiry = true, rapid.Uint32().Draw(t, "seconds")
	} else {
		count = rapid.IntRange(1, 4).Draw(t, "frames")
	}
	r := &packet.Run{Count: count, Version: version, QoS: m.QoS, Retain: m.Retain}
	buffer := []byte("what came before")
	start := len(buffer)
	for range count {
		m.PacketID = rapid.Uint16Min(1).Draw(t, "id")
		m.Payload = rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "payload")
		before := len(buffer)
		buffer = m.Append(buffer, version)
		r.Largest = max(r.Largest, len(buffer)-before)
	}
	r.Frames, r.Slab = buffer[start:], cap(buffer)
	l := packet.LayoutOf(r.Frames, version)
	r.Topic = r.Frames[l.Topic:l.TopicEnd]
	if m.HasMessageExpiry && version == packet.V5 {
		r.HasExpiry, r.Expiry, r.Deadline = true, m.MessageExpiry, drawTime.Draw(t, "deadline")
	}
	return r
}

func drawTerms(t *rapid.T) *session.Terms {
	terms := &session.Terms{
		QoS:               packet.QoS(rapid.IntRange(0, 2).Draw(t, "terms qos")),
		RetainAsPublished: rapid.Bool().Draw(t, "retain as published"),
		Retained:          rapid.Bool().Draw(t, "retained"),
	}
	if rapid.Bool().Draw(t, "with ids") {
		terms.IDs = rapid.SliceOfN(rapid.Uint32Min(1), 1, 3).Draw(t, "ids")
	}
	if rapid.Bool().Draw(t, "by a share") {
		terms.Shared = "$share/" + drawTopic.Draw(t, "share")
	}
	if rapid.Bool().Draw(t, "raised") {
		terms.Raise = packet.QoS(rapid.IntRange(1, 2).Draw(t, "least qos"))
	}
	return terms
}

// drawPage draws a page whose first number is first or a bit above, over some
// shared bodies.
func drawPage(t *rapid.T, first uint64, shared []*packet.Run) session.Page {
	terms := rapid.SliceOfN(rapid.Custom(drawTerms), 1, 3).Draw(t, "all terms")
	p := session.Page{}
	for range rapid.IntRange(1, 8).Draw(t, "entries") {
		e := session.Stored{Terms: rapid.SampledFrom(terms).Draw(t, "terms"), At: drawTime.Draw(t, "at")}
		if len(shared) > 0 && rapid.Bool().Draw(t, "shared") {
			e.Run = rapid.SampledFrom(shared).Draw(t, "body")
		} else {
			e.Run = drawRun(t, packet.QoS1)
		}
		skip := rapid.IntRange(0, e.Run.Count-1).Draw(t, "skip")
		e.Count = uint32(rapid.IntRange(1, e.Run.Count-skip).Draw(t, "count"))
		e.Offset = uint32(frameOffset(e.Run, skip))
		e.End = uint32(frameOffset(e.Run, skip+int(e.Count)))
		e.Seq = first + rapid.Uint64Range(0, 3).Draw(t, "gap")
		first = e.Seq + uint64(e.Count)
		p = append(p, e)
	}
	return p
}

// drawBodies draws runs that are known by the numbers 1, 2 and so on.
func drawBodies(t *rapid.T) []*packet.Run {
	runs := make([]*packet.Run, rapid.IntRange(0, 4).Draw(t, "bodies"))
	for i := range runs {
		runs[i] = drawRun(t, packet.QoS1)
		runs[i].Body = packet.Known(uint64(i) + 1)
	}
	return runs
}

// numberOf is what gives AppendPage the number of a body that has one.
func numberOf(r *packet.Run) uint64 {
	return r.Body.ID(func() uint64 { panic("a body without a number") })
}

func frameOffset(r *packet.Run, n int) (at int) {
	for range n {
		at += packet.LayoutOf(r.Frames[at:], r.Version).Size
	}
	return at
}

// requireFrames compares a Run that was read with the frames of another from
// offset to end.
func requireFrames(t require.TestingT, want *packet.Run, offset, end, count uint32, got *packet.Run) {
	require.Equal(t, want.Frames[offset:end], got.Frames)
	largest := 0
	for at := int(offset); at < int(end); {
		size := packet.LayoutOf(want.Frames[at:], want.Version).Size
		largest = max(largest, size)
		at += size
	}
	type shape struct {
		count, largest int
		version        packet.Version
		qos            packet.QoS
		retain, expire bool
		expiry         uint32
		deadline       int64
		topic          string
	}
	require.Equal(t,
		shape{int(count), largest, want.Version, want.QoS, want.Retain, want.HasExpiry, want.Expiry, want.Deadline, string(want.Topic)},
		shape{got.Count, got.Largest, got.Version, got.QoS, got.Retain, got.HasExpiry, got.Expiry, got.Deadline, string(got.Topic)})
	require.GreaterOrEqual(t, got.Slab, len(got.Frames))
	require.Nil(t, got.Lent)
}

// requirePage compares a page that was read with the one that was written.
func requirePage(t require.TestingT, want, got session.Page) {
	require.Len(t, got, len(want))
	for i := range want {
		w, g := &want[i], &got[i]
		require.Equal(t, w.Seq, g.Seq)
		require.Equal(t, w.At, g.At)
		require.Equal(t, w.Count, g.Count)
		require.Equal(t, w.Terms, g.Terms)
		if w.Run.Body == nil {
			require.Nil(t, g.Run.Body)
			require.Zero(t, g.Offset)
			require.EqualValues(t, len(g.Run.Frames), g.End)
			requireFrames(t, w.Run, w.Offset, w.End, w.Count, g.Run)
			continue
		}
		require.Equal(t, numberOf(w.Run), numberOf(g.Run))
		require.Equal(t, w.Offset, g.Offset)
		require.Equal(t, w.End, g.End)
		requireFrames(t, w.Run, 0, uint32(len(w.Run.Frames)), uint32(w.Run.Count), g.Run)
	}
}

// bodiesOf is the numbers of the bodies of a page, in order.
func bodiesOf(p session.Page) (ids []uint64) {
	for i := range p {
		if p[i].Run.Body != nil {
			ids = append(ids, numberOf(p[i].Run))
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// requireDamage asks a decoder for every part of a value and for every value
// with one byte changed: it may refuse with ErrCorrupt, naming what it is, or read.
func requireDamage(t *testing.T, value []byte, what string, decode func([]byte) error) {
	for n := range value {
		if err := decode(value[:n:n]); err != nil {
			require.ErrorIs(t, err, persistence.ErrCorrupt)
			require.ErrorContains(t, err, what)
		}
		for _, change := range []byte{1, 0x10, 0x80, 0xff} {
			damaged := slices.Clone(value)
			damaged[n] ^= change
			if err := decode(damaged); err != nil {
				require.ErrorIs(t, err, persistence.ErrCorrupt, fmt.Sprintf("byte %d changed", n))
			}
		}
	}
	require.Error(t, decode(append(slices.Clone(value), 0)), "a byte too many")
	require.ErrorContains(t, decode(append([]byte{9}, value[1:]...)), "format 9")
}
