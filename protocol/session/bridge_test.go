package session_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// bridgeLimits are those of a bridge that slows who publishes to it.
func bridgeLimits(bound int) *session.Limits {
	l := openLimits()
	l.Bridge, l.ExpiryMaximum, l.Instance = true, session.NoExpiry, "here"
	l.Queue = session.QueueLimits{Messages: bound, Overflow: session.Slow}
	return l
}

func oneMessage(qos packet.QoS) *packet.Run {
	return packet.NewRun(&packet.Publish{QoS: qos, Topic: []byte("a")}, packet.V5)
}

// A bridge takes what is on its way beyond its bound, away or not, and asks for
// slower publishers from the bound on until a quarter of it is free.
func TestSlowTakesAllAndStrains(t *testing.T) {
	s := session.New("c", bridgeLimits(8))
	var out session.Output
	s.Establish(bridgeLimits(8), nil, 1, &out)
	terms := &session.Terms{QoS: packet.QoS1}
	deliver := func(n int) {
		for range n {
			s.Deliver(oneMessage(packet.QoS1), terms, 1, &out)
		}
	}
	deliver(7)
	require.False(t, s.Strained(1))
	deliver(1)
	require.True(t, s.Strained(1))
	deliver(1000)
	require.Equal(t, session.Counts{}, out.Counts, "nothing is dropped")
	messages, _ := s.Backlog()
	require.Equal(t, 1008, messages)

	s.Attach(&packet.Connect{Version: packet.V5, ClientID: []byte("c"), ReceiveMaximum: 1001}, session.Attachment{Peer: &session.Peer{Name: "p"}}, 2, &out)
	require.True(t, s.Strained(2), "7 wait, 6 are three quarters")
	s.Receive(answers(packet.TypePuback, 1, 1), 2, &out)
	require.True(t, s.Strained(2))
	s.Receive(answers(packet.TypePuback, 2, 2), 2, &out)
	require.False(t, s.Strained(2))
}

func TestRaiseSendsWithMore(t *testing.T) {
	for name, c := range map[string]struct {
		terms     session.Terms
		published packet.QoS
		want      packet.QoS
	}{
		"raised":     {session.Terms{QoS: packet.QoS1, Raise: packet.QoS1}, packet.QoS0, packet.QoS1},
		"to exactly": {session.Terms{QoS: packet.QoS2, Raise: packet.QoS2}, packet.QoS0, packet.QoS2},
		"lowered":    {session.Terms{QoS: packet.QoS1, Raise: packet.QoS1}, packet.QoS2, packet.QoS1},
		"kept":       {session.Terms{QoS: packet.QoS2, Raise: packet.QoS1}, packet.QoS2, packet.QoS2},
		"not raised": {session.Terms{QoS: packet.QoS2}, packet.QoS0, packet.QoS0},
	} {
		t.Run(name, func(t *testing.T) {
			s := session.New("c", bridgeLimits(0))
			var out session.Output
			s.Establish(bridgeLimits(0), nil, 1, &out)
			s.Attach(&packet.Connect{Version: packet.V5, ClientID: []byte("c")}, session.Attachment{Peer: &session.Peer{Name: "p"}}, 2, &out)
			out.Reset()
			s.Deliver(oneMessage(c.published), &c.terms, 2, &out)
			var p packet.Publish
			require.NoError(t, p.Decode(out.Packets, packet.V5))
			require.Equal(t, c.want, p.QoS)
			require.Equal(t, c.want > packet.QoS0, s.Inflight() == 1)
		})
	}
}

// What is raised waits for a bridge that is away, as if it had been published so.
func TestRaisedWaits(t *testing.T) {
	s := session.New("c", bridgeLimits(0))
	var out session.Output
	s.Establish(bridgeLimits(0), nil, 1, &out)
	s.Deliver(oneMessage(packet.QoS0), &session.Terms{QoS: packet.QoS2, Raise: packet.QoS1}, 1, &out)
	s.Deliver(oneMessage(packet.QoS0), &session.Terms{QoS: packet.QoS2}, 1, &out)
	messages, _ := s.Backlog()
	require.Equal(t, 1, messages)
	require.Equal(t, uint64(1), out.Counts.DroppedOffline)
	require.Equal(t, int64(1), s.Oldest())
}

func TestEstablishMakesTheSubscriptionsThatAreWanted(t *testing.T) {
	subscription := func(filter string, qos packet.QoS, raise packet.QoS) session.Subscription {
		return session.Subscription{
			Filter: filter, Raise: raise,
			Options: packet.SubscriptionOptions{QoS: qos, NoLocal: true, RetainHandling: 1},
		}
	}
	s := session.New("c", bridgeLimits(0))
	s.Persist(true)
	steps := []struct {
		wanted  []session.Subscription
		made    []string
		replays int
		gone    []string
	}{
		{[]session.Subscription{subscription("a/#", 2, 0), subscription("b", 1, 0)}, []string{"a/#", "b"}, 2, nil},
		{[]session.Subscription{subscription("a/#", 2, 0), subscription("b", 1, 0)}, nil, 0, nil},
		{[]session.Subscription{subscription("a/#", 2, 1), subscription("c", 1, 0)}, []string{"a/#", "c"}, 1, []string{"b"}},
		{nil, nil, 0, []string{"a/#", "c"}},
	}
	for i, step := range steps {
		var out session.Output
		s.Establish(bridgeLimits(0), step.wanted, int64(i), &out)
		var made, gone []string
		replays := 0
		for _, r := range out.Subscribe {
			for _, sub := range r.Subscriptions {
				made = append(made, sub.Filter)
				if sub.Replay {
					replays++
				}
			}
		}
		for _, r := range out.Unsubscribe {
			gone = append(gone, r.Filters...)
		}
		require.Equal(t, step.made, made, "step %d", i)
		require.Equal(t, step.replays, replays, "step %d", i)
		require.ElementsMatch(t, step.gone, gone, "step %d", i)
		changes := s.Collect(uint64(i+1), func(any) bool { return true }, func(*packet.Run) bool { return true }, func() uint64 { return 1 }, false)
		require.Len(t, changes.Filters, len(made)+len(gone), "step %d", i)
	}
	require.Equal(t, int64(0), s.Next(), "it does not expire")
}

// What a bridge brings back is acknowledged and goes nowhere, whoever says that it is a bridge.
func TestGuardDropsWhatHasBeenHere(t *testing.T) {
	via := func(value string) packet.UserProperties {
		return packet.UserProperties(nil).With(session.ViaProperty, value)
	}
	bridge := packet.UserProperties(nil).With(session.BridgeProperty, "there")
	for name, c := range map[string]struct {
		connect    packet.UserProperties
		peer       *session.Peer
		properties packet.UserProperties
		dropped    bool
	}{
		"a bridge":              {bridge, nil, via("there,here"), true},
		"our own bridge":        {nil, &session.Peer{Name: "p"}, via("here"), true},
		"come from elsewhere":   {bridge, nil, via("there,elsewhere"), false},
		"a part of a name":      {bridge, nil, via("there,not-here,hereabouts"), false},
		"nothing said":          {bridge, nil, nil, false},
		"another property":      {bridge, nil, packet.UserProperties(nil).With("via", "here"), false},
		"no bridge, so a guess": {nil, nil, via("here"), false},
	} {
		for qos := packet.QoS0; qos <= packet.QoS2; qos++ {
			t.Run(name+" "+string('0'+rune(qos)), func(t *testing.T) {
				s := session.New("c", bridgeLimits(0))
				var out session.Output
				s.Attach(&packet.Connect{Version: packet.V5, ClientID: []byte("c"), UserProperties: c.connect}, session.Attachment{Peer: c.peer}, 1, &out)
				out.Reset()
				m := packet.Publish{Topic: []byte("t"), QoS: qos, UserProperties: c.properties, Payload: []byte("1")}
				if qos > packet.QoS0 {
					m.PacketID = 7
				}
				clean := m
				clean.UserProperties = nil
				if qos > packet.QoS0 {
					clean.PacketID = 8
				}
				s.Receive(clean.Append(m.Append(nil, packet.V5), packet.V5), 1, &out) // in one read, which could make one run of them
				routed := 0
				for _, r := range out.Publish {
					routed += r.Count
				}
				if !c.dropped {
					require.Equal(t, 2, routed)
					require.Zero(t, out.Counts.DroppedLoop)
					return
				}
				require.Equal(t, 1, routed)
				require.Equal(t, uint64(1), out.Counts.DroppedLoop)
				want := map[packet.QoS][]byte{packet.QoS1: {0x40, 2, 0, 7}, packet.QoS2: {0x50, 2, 0, 7}}[qos]
				require.Equal(t, string(want), string(out.Packets))
			})
		}
	}
}
