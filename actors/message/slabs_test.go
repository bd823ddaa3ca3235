package message_test

import (
	"bytes"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/protocol/packet"
)

// scrubbed tells whether a slab has come back to its pool.
func scrubbed(s *packet.Slab) bool {
	return bytes.Count(s.B[:packet.SlabSize], []byte{0xff}) == packet.SlabSize
}

func TestSlabComesBackWithItsLastHolder(t *testing.T) {
	slabs := message.Slabs{Scrub: true}
	s := slabs.Lend(packet.SlabSize / 2)
	require.Len(t, s.B, packet.SlabSize/2)
	s.Hold(2)
	s.Release()
	s.Release()
	require.False(t, scrubbed(s))
	s.Release()
	require.True(t, scrubbed(s))
}

func TestSlabThatIsKeptDoesNotComeBack(t *testing.T) {
	slabs := message.Slabs{Scrub: true}
	s := slabs.Lend(packet.SlabSize)
	s.Hold(1)
	s.Keep()
	s.Release()
	s.Release()
	require.False(t, scrubbed(s))
}

func TestSlabsLendWhatIsWorthIt(t *testing.T) {
	var slabs message.Slabs
	require.Nil(t, slabs.Lend(packet.SlabSize/4-1))
	require.NotNil(t, slabs.Lend(packet.SlabSize/4))
	require.NotNil(t, slabs.Lend(packet.SlabSize))
	require.Nil(t, slabs.Lend(packet.SlabSize+1))
	slabs.Least = 1
	require.Len(t, slabs.Lend(1).B, 1)
}

func TestNoSlabNeedsNoCare(t *testing.T) {
	var s *packet.Slab
	s.Hold(1)
	s.Keep()
	s.Release()
	require.Nil(t, s)
}

// TestSlabHoldersMayBeAnywhere reads in many goroutines: a slab that came back
// too early would be scrubbed under them, and the race detector would see it.
func TestSlabHoldersMayBeAnywhere(t *testing.T) {
	slabs := message.Slabs{Scrub: true, Least: 1}
	for round := range 50 {
		s := slabs.Lend(64)
		for i := range s.B {
			s.B[i] = byte(round)
		}
		var done sync.WaitGroup
		s.Hold(4)
		for range 4 {
			done.Go(func() {
				if bytes.Count(s.B, []byte{byte(round)}) != 64 {
					t.Error("scrubbed while it was held")
				}
				s.Release()
			})
		}
		s.Release()
		done.Wait()
	}
}
