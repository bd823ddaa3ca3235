package main

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/bench/internal/message"
	"github.com/troupemq/troupe/protocol/packet"
)

// mute is a peer that does nothing.
type mute struct{ ids []uint16 }

func (*mute) connect(context.Context, net.Conn, bool) error { return nil }
func (*mute) publish(context.Context, string, packet.QoS, bool, []byte) bool {
	return true
}
func (*mute) subscribe(context.Context, string, packet.QoS) error { return nil }
func (*mute) unsubscribe(context.Context, string) error           { return nil }
func (*mute) disconnect()                                         {}
func (m *mute) recorded(id uint16)                                { m.ids = append(m.ids, id) }
func (*mute) gone() <-chan struct{}                               { return nil }

// scene is a client with neither library nor broker: a test says what passes on
// the wire.
type scene struct {
	t *testing.T
	*client
	out *strings.Builder
}

func newScene(t *testing.T, v packet.Version, r role) *scene {
	out := new(strings.Builder)
	l := newLedger(out, "crash/x", 2)
	c := newClient(settings{}, l, 0, r, v)
	c.peer = new(mute)
	l.inboxes = append(l.inboxes, c.own)
	s := &scene{t, c, out}
	s.speak((&packet.Connect{Version: v, ClientID: []byte("c")}).Append(nil))
	s.hear((&packet.Connack{}).Append(nil, v))
	s.found(nil)
	return s
}

func (s *scene) found(want map[kind]int) {
	s.t.Helper()
	(&books{t: s.t, ledger: s.ledger, out: s.out}).found(want)
}

// send is a message that the library publishes.
func (s *scene) send(id uint16, stream message.Stream) message.Message {
	m := s.ledger.say(stream)
	o := &outgoing{m, m.Append(nil, 0)}
	s.queue = append(s.queue, o)
	s.open.Add(1)
	s.publish(id, o)
	return m
}

func (s *scene) publish(id uint16, o *outgoing) {
	s.speak((&packet.Publish{QoS: o.QoS, PacketID: id, Topic: []byte(topicName("crash/x", o.Stream)), Payload: o.payload}).Append(nil, s.version))
}

func (s *scene) deliver(id uint16, m message.Message, dup bool) {
	s.hear((&packet.Publish{QoS: m.QoS, PacketID: id, Dup: dup, Topic: []byte(topicName("crash/x", m.Stream)), Payload: m.Append(nil, 0)}).Append(nil, s.version))
}

func TestWitnessTakesAcknowledgements(t *testing.T) {
	for _, v := range []packet.Version{packet.V311, packet.V5} {
		s := newScene(t, v, role{publishes: true})
		one, two := s.send(1, message.Stream{QoS: 1}), s.send(2, message.Stream{QoS: 2})
		s.hear((&packet.Pubrec{PacketID: 2}).Append(nil, v))
		s.hear((&packet.Puback{PacketID: 1}).Append(nil, v))
		require.NotZero(t, s.ledger.record(one).acknowledged)
		require.NotZero(t, s.ledger.record(two).acknowledged)
		require.Equal(t, []uint16{2}, s.peer.(*mute).ids)
		require.EqualValues(t, 1, s.open.Load(), "QoS 2 is over with PUBCOMP")
		s.hear((&packet.Pubcomp{PacketID: 2}).Append(nil, v))
		require.Zero(t, s.open.Load())
		require.Empty(t, s.ledger.open)
		s.found(nil)

		s.hear((&packet.Puback{PacketID: 1}).Append(nil, v))
		s.found(map[kind]int{broken: 1})
		s.send(3, message.Stream{QoS: 2})
		s.hear((&packet.Puback{PacketID: 3}).Append(nil, v))
		s.found(map[kind]int{broken: 2})
	}
}

func TestWitnessSeesRefusals(t *testing.T) {
	s := newScene(t, packet.V5, role{publishes: true})
	m := s.send(1, message.Stream{QoS: 1})
	s.hear((&packet.Puback{PacketID: 1, Code: packet.QuotaExceeded}).Append(nil, packet.V5))
	s.found(map[kind]int{refused: 1})
	require.Zero(t, s.ledger.record(m).acknowledged)
	require.Empty(t, s.ledger.open)
}

// What a library sends again is the same message, and has to be.
func TestWitnessKnowsWhatIsSentAgain(t *testing.T) {
	s := newScene(t, packet.V311, role{publishes: true})
	m := s.send(1, message.Stream{QoS: 1})
	s.publish(1, s.sent[1])
	require.True(t, s.ledger.record(m).again)
	s.found(nil)
	s.publish(2, s.sent[1])
	s.found(map[kind]int{broken: 1})
}

// A message with QoS 2 is new when its Packet Identifier was released, and not
// before.
func TestWitnessTellsTwiceFromAgain(t *testing.T) {
	for _, v := range []packet.Version{packet.V311, packet.V5} {
		s := newScene(t, v, role{})
		s.ask(t, 9)
		m := s.ledger.say(message.Stream{QoS: 2})
		s.deliver(1, m, false)
		s.deliver(1, m, true)
		s.found(nil)
		s.deliver(1, s.ledger.say(message.Stream{QoS: 2}), false)
		s.found(map[kind]int{broken: 1})

		s = newScene(t, v, role{})
		s.ask(t, 9)
		m = s.ledger.say(message.Stream{QoS: 2})
		s.deliver(1, m, false)
		s.hear((&packet.Pubrel{PacketID: 1}).Append(nil, v))
		s.deliver(1, m, true)
		s.found(map[kind]int{twice: 1})
	}
}

// ask subscribes to all that tests send.
func (s *scene) ask(t *testing.T, id uint16) {
	s.speak((&packet.Subscribe{PacketID: id, Filters: []packet.TopicFilter{to("crash/x/+/0", 2)}}).Append(nil, s.version))
	require.Equal(t, unknown, s.ledger.state(s.own, "crash/x/+/0"))
	s.hear((&packet.Suback{PacketID: id, Codes: []packet.ReasonCode{2}}).Append(nil, s.version))
	require.Equal(t, granted, s.ledger.state(s.own, "crash/x/+/0"))
}

func TestWitnessFollowsSubscriptions(t *testing.T) {
	for _, v := range []packet.Version{packet.V311, packet.V5} {
		s := newScene(t, v, role{})
		s.ask(t, 1)
		s.speak((&packet.Unsubscribe{PacketID: 2, Filters: [][]byte{[]byte("crash/x/+/0")}}).Append(nil, v))
		require.Equal(t, unknown, s.ledger.state(s.own, "crash/x/+/0"))
		unsuback := &packet.Unsuback{PacketID: 2}
		if v == packet.V5 {
			unsuback.Codes = []packet.ReasonCode{0}
		}
		s.hear(unsuback.Append(nil, v))
		require.Equal(t, denied, s.ledger.state(s.own, "crash/x/+/0"))
		s.deliver(1, s.ledger.say(message.Stream{QoS: 1}), false)
		s.found(map[kind]int{misrouted: 1})

		s.speak((&packet.Subscribe{PacketID: 3, Filters: []packet.TopicFilter{to("crash/x/+/0", 2)}}).Append(nil, v))
		s.hear((&packet.Suback{PacketID: 3, Codes: []packet.ReasonCode{packet.UnspecifiedError}}).Append(nil, v))
		s.found(map[kind]int{misrouted: 1, refused: 1})
	}
}

func TestWitnessJudgesSessionPresent(t *testing.T) {
	again := func(s *scene, clean, present bool) {
		s.speak((&packet.Connect{Version: s.version, ClientID: []byte("c"), CleanStart: clean}).Append(nil))
		s.hear((&packet.Connack{SessionPresent: present}).Append(nil, s.version))
	}
	for _, c := range []struct {
		role           role
		clean, present bool
		right          bool
	}{
		{role{}, false, true, true}, {role{}, false, false, false}, {role{}, true, false, true}, {role{}, true, true, false},
		{role{fleeting: true}, false, false, true}, {role{fleeting: true}, false, true, false},
	} {
		s := newScene(t, packet.V5, c.role)
		again(s, c.clean, c.present)
		if c.right {
			s.found(nil)
		} else {
			s.found(map[kind]int{sessions: 1})
		}
	}

	// Nobody knows what became of a Clean Start that was not answered.
	for _, present := range []bool{false, true} {
		s := newScene(t, packet.V5, role{renews: true})
		s.speak((&packet.Connect{Version: packet.V5, ClientID: []byte("c"), CleanStart: true}).Append(nil))
		again(s, false, present)
		s.found(nil)
		again(s, false, false)
		s.found(map[kind]int{sessions: 1})
	}

	// What a library of 5.0 forgets with its Session is not waited for.
	s := newScene(t, packet.V5, role{publishes: true})
	s.send(1, message.Stream{QoS: 1})
	again(s, true, false)
	require.Zero(t, s.open.Load())
	require.Empty(t, s.ledger.open)
}

func TestWitnessSeesItIsSentAway(t *testing.T) {
	s := newScene(t, packet.V5, role{})
	goodbye := (&packet.Disconnect{Code: packet.ServerShuttingDown}).Append(nil, packet.V5)
	s.ledger.fall()
	s.hear(goodbye)
	s.found(nil)
	s.ledger.rise()
	s.hear(goodbye)
	s.found(map[kind]int{cut: 1})
}

// Frames are found however the bytes come.
func TestSplitter(t *testing.T) {
	var stream []byte
	var want []string
	for n := range 5 {
		frame := (&packet.Publish{Topic: []byte("a"), Payload: make([]byte, n*90)}).Append(nil, packet.V5)
		stream = append(stream, frame...)
		want = append(want, string(frame))
	}
	for size := 1; size <= len(stream); size++ {
		var s splitter
		var got []string
		for at := 0; at < len(stream); at += size {
			require.NoError(t, s.feed(stream[at:min(at+size, len(stream))], func(frame []byte) { got = append(got, string(frame)) }))
		}
		require.Equal(t, want, got)
	}
	var s splitter
	require.Error(t, s.feed([]byte{0, 0}, nil))
}
