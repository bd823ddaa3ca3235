package retained_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/retained"
	"github.com/troupemq/troupe/internal/telemetry"
	"github.com/troupemq/troupe/protocol/packet"
)

// TestMemoryOfARetainedMessage holds what 10,000 of them take: a payload of 128 bytes in a frame of about 160, and what we put around it.
func TestMemoryOfARetainedMessage(t *testing.T) {
	s := newScene(t, retained.Limits{})
	const n = 10_000
	payload := strings.Repeat("x", 128)
	before := live()
	for i := range n {
		s.Send(s.keeper, s.message(fmt.Sprintf("retained/%d/%d", i/1000, i), payload, 0))
	}
	require.EqualValues(t, n, s.counters.RetainedMessages.Load())
	each := int(live()-before) / n
	t.Logf("%d bytes each", each)
	require.Less(t, each, 280)

	before = live()
	for i := range n { // as often as they like
		s.Send(s.keeper, s.message(fmt.Sprintf("retained/%d/%d", i/1000, i), payload, 0))
	}
	require.Less(t, int(live()-before)/n, 10)
	require.Len(t, s.kept("retained/7/#"), 1000)
}

// TestMemoryOfAMessageOnDisk holds what of them stays in memory: the topic, here of 30 bytes, and when it expires.
func TestMemoryOfAMessageOnDisk(t *testing.T) {
	const n = 10_000
	records := manyRecords(n)
	before := live()
	stores, err := retained.Load(records, 4, retained.Limits{Memory: 1}, 1, new(telemetry.Counters), nil)
	require.NoError(t, err)
	each := int(live()-before) / n
	t.Logf("%d bytes each", each)
	require.Less(t, each, 180)
	require.Len(t, stores, 4)
	runtime.KeepAlive(stores)
}

func live() int64 {
	runtime.GC()
	runtime.GC() // what pools held on to in the first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestRunOfAKeptMessage: what is replayed says all that the message said.
func TestRunOfAKeptMessage(t *testing.T) {
	s := newScene(t, retained.Limits{})
	for i, p := range []*packet.Publish{
		{Topic: []byte("a/0"), Payload: []byte("x")},
		{Topic: []byte("a/1"), Payload: []byte("x"), QoS: packet.QoS1},
		{Topic: []byte("a/2"), Payload: []byte("x"), QoS: packet.QoS2, ContentType: []byte("text")},
		{Topic: []byte("a/3"), Payload: []byte("x"), QoS: packet.QoS1, HasMessageExpiry: true, MessageExpiry: 77, ResponseTopic: []byte("r")},
	} {
		for _, v := range []packet.Version{packet.V31, packet.V311, packet.V5} {
			p.Retain = true
			run := packet.NewRun(p, v)
			if run.HasExpiry {
				run.Deadline = s.Now() + 77_000
			}
			s.Send(s.keeper, &message.Retain{Run: run, Now: s.Now()})
			s.Send(s.keeper, s.replay(fmt.Sprintf("a/%d", i)))
			got := s.slice().Runs
			require.Len(t, got, 1)
			run.Slab = got[0].Slab // what it pins is its own affair
			require.Equal(t, run, got[0])
		}
	}
}
