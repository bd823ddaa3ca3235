package packet

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAllocations holds the hot path to no allocation at all.
func TestAllocations(t *testing.T) {
	for name, c := range benchmarkPublishes() {
		f := c.publish.Append(nil, c.version)
		var p Publish
		dst := make([]byte, 0, 2*len(f))
		require.Zero(t, testing.AllocsPerRun(100, func() {
			if p.Decode(f, c.version) != nil {
				panic("valid frame refused")
			}
		}), "decode %s", name)
		require.Zero(t, testing.AllocsPerRun(100, func() { dst = p.Append(dst[:0], c.version) }), "append %s", name)
		require.Zero(t, testing.AllocsPerRun(100, func() { _, _, _ = ReadHeader(f, 1000) }), "header %s", name)
		require.Zero(t, testing.AllocsPerRun(100, func() { _ = LayoutOf(f, c.version) }), "layout %s", name)
	}
}

// TestAllocationsOfAcks covers what goes back for each message.
func TestAllocationsOfAcks(t *testing.T) {
	dst := make([]byte, 0, 64)
	var p Puback
	for _, v := range []Version{V311, V5} {
		require.Zero(t, testing.AllocsPerRun(100, func() {
			dst = (&Puback{PacketID: 7}).Append(dst[:0], v)
			if p.Decode(dst, v) != nil {
				panic("valid frame refused")
			}
		}))
	}
}

// TestAllocationsOfRepeatedDecode holds that Subscription Identifiers reuse
// their memory, and a shared conversion its result.
func TestAllocationsOfRepeatedDecode(t *testing.T) {
	f := frame(0x30, str("a"), props(prop(0x0B, raw(1)), prop(0x0B, raw(2)), prop(0x0B, raw(3))))
	var p Publish
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if p.Decode(f, V5) != nil {
			panic("valid frame refused")
		}
	}))
	r := runOf(V311, QoS1, "one", "two")
	r.As(V5, true)
	require.Zero(t, testing.AllocsPerRun(100, func() { r.As(V5, true) }))
}
