package session

import (
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/internal/eventloop"
)

// floodedLoop is a loop that is being flooded or not, as the test says.
type floodedLoop struct {
	eventloop.Loop
	flooded bool
	late    []eventloop.Task
	soon    []eventloop.Task
}

func (l *floodedLoop) Flooded() bool          { return l.flooded }
func (l *floodedLoop) Later(t eventloop.Task) { l.late = append(l.late, t) }

// Schedule notes what is to run in the same turn.
func (l *floodedLoop) Schedule(t eventloop.Task) { l.soon = append(l.soon, t) }

func TestLittleOutputIsHeldWhileTheLoopIsFlooded(t *testing.T) {
	loop := &floodedLoop{flooded: true}
	s := &Session{State: &State{}, env: &Env{Loop: loop}}
	require.False(t, s.hold(), "there is nothing")
	s.packets = &message.Packets{B: make([]byte, holdMost-1)}
	require.False(t, s.hold(), "nobody is connected")
	s.connection = &actor.PID{}
	require.True(t, s.hold())
	require.True(t, s.hold())
	require.Len(t, loop.late, 1, "the loop is asked once")
	loop.flooded = false
	require.False(t, s.hold(), "who is told something out of turn does not wait")
	loop.flooded = true
	s.packets.B = make([]byte, holdMost)
	require.False(t, s.hold(), "it is much")
	require.Zero(t, testing.AllocsPerRun(10, func() {
		s.packets.B, s.held, loop.late = s.packets.B[:1], false, loop.late[:0]
		s.hold()
	}))
}

func TestPublisherIsAnsweredAfterItsReceivers(t *testing.T) {
	loop := &floodedLoop{}
	s := &Session{State: &State{}, env: &Env{Loop: loop, Buffers: new(Buffers)}}
	s.connection = &actor.PID{}
	s.packets = &message.Packets{B: make([]byte, 4)}
	require.False(t, s.hold(), "it did not publish")
	s.routed = true
	require.True(t, s.hold())
	require.True(t, s.hold())
	require.Len(t, loop.soon, 1, "once, and in this turn")
	require.Empty(t, loop.late)
	s.packets.B = make([]byte, holdMost)
	require.False(t, s.hold(), "it is much")
	s.connection = nil
	s.flush()
	require.False(t, s.routed)
}
