package session_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

func TestStrained(t *testing.T) {
	limits := openLimits()
	limits.MaxInflight = 1
	limits.Queue = session.QueueLimits{Messages: 8, Patience: 1000}
	s := attached(limits, packet.Connect{Version: packet.V5, CleanStart: true})
	run := packet.NewRun(&packet.Publish{QoS: packet.QoS1, Topic: []byte("a")}, packet.V5)
	terms := &session.Terms{QoS: packet.QoS1}
	now := int64(5000)
	var out session.Output
	deliver := func(n int) {
		for range n {
			s.Deliver(run, terms, now, &out)
		}
	}
	acknowledged := uint16(0)
	acknowledge := func(n int) {
		for range n {
			acknowledged++
			s.Receive(answers(packet.TypePuback, 1, acknowledged), now, &out)
		}
	}

	require.False(t, s.Strained(now))
	deliver(1 + 3) // one is in flight
	require.False(t, s.Strained(now))
	deliver(1)
	require.True(t, s.Strained(now), "half of the bound")
	require.Equal(t, now+1000, s.Next(), "the host is to ask again when the patience ends")
	acknowledge(2)
	require.True(t, s.Strained(now), "more than a quarter waits")
	acknowledge(1)
	require.False(t, s.Strained(now))

	deliver(15)
	require.True(t, s.Strained(now))
	require.Zero(t, out.Counts.DroppedQueueFull, "what was on its way is taken up to twice the bound")
	now += 999
	acknowledge(1)
	now += 999
	require.True(t, s.Strained(now), "it takes something")
	now++
	require.False(t, s.Strained(now), "it is stuck")
	deliver(1)
	require.Positive(t, out.Counts.DroppedQueueFull)
	acknowledge(1)
	require.True(t, s.Strained(now), "it is there again")
	s.Detach(now, &out)
	require.False(t, s.Strained(now), "nobody waits for one who is away")
}

func TestStrainedInBytes(t *testing.T) {
	run := packet.NewRun(&packet.Publish{QoS: packet.QoS1, Topic: []byte("a"), Payload: make([]byte, 100)}, packet.V5)
	for name, c := range map[string]struct {
		limits session.QueueLimits
		want   bool
	}{
		"half":     {session.QueueLimits{Bytes: 2 * int64(len(run.Frames)), Patience: 1}, true},
		"less":     {session.QueueLimits{Bytes: 2*int64(len(run.Frames)) + 2, Patience: 1}, false},
		"unbound":  {session.QueueLimits{Patience: 1}, false},
		"off":      {session.QueueLimits{Bytes: 1}, false},
		"refusing": {session.QueueLimits{Bytes: 1, Overflow: session.Reject, Patience: 1}, false},
	} {
		t.Run(name, func(t *testing.T) {
			limits := openLimits()
			limits.MaxInflight = 1
			limits.Queue = c.limits
			s := attached(limits, packet.Connect{Version: packet.V5, CleanStart: true})
			var out session.Output
			s.Deliver(run, &session.Terms{QoS: packet.QoS1}, 1, &out)
			s.Deliver(run, &session.Terms{QoS: packet.QoS1}, 1, &out)
			require.Equal(t, c.want, s.Strained(1))
		})
	}
}
