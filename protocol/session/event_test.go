package session_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

const watchAll = session.Delivered | session.Acknowledged | session.Dropped

// fates is what was told of each message, by its text.
type fates map[string]*fate

type fate struct{ first, again, acknowledged, dropped int }

// note takes account of what an Output tells, and that it tells of nothing that it did not do.
func (f fates) note(out *session.Output) {
	for i := range out.Events {
		e := &out.Events[i]
		for p := range e.Messages() {
			one := f[string(p.Payload)]
			if one == nil {
				one = new(fate)
				f[string(p.Payload)] = one
			}
			switch {
			case e.Fate == session.Acknowledged:
				one.acknowledged++
			case e.Fate == session.Dropped:
				one.dropped++
			case e.Dup:
				one.again++
			default:
				one.first++
			}
		}
	}
}

// check adds up what was told when everything has come to its end: QoS 0 was sent or dropped, the others sent as new, once for each time that
// they were published, and acknowledged as often. Of QoS 0 that a Client sent and lost, nothing is known.
func (f fates) check(t *rapid.T, name string, all []string) {
	for _, text := range all {
		var from, topic string
		var qos, n int
		_, _ = fmt.Sscanf(text, "%s %s %d %d", &from, &topic, &qos, &n)
		got := f[text]
		switch {
		case got == nil && qos == 0:
		case got == nil:
			t.Fatalf("%s: nothing was told of %q", name, text)
		case qos == 0 && (got.first+got.dropped != 1 || got.again+got.acknowledged != 0),
			qos > 0 && (got.first == 0 || got.acknowledged != got.first || got.dropped != 0),
			qos == 2 && got.first != 1:
			t.Fatalf("%s: of %q was told %+v", name, text, *got)
		}
	}
}

// told lists what an Output tells, in words.
func told(out *session.Output) (lines []string) {
	for i := range out.Events {
		e := &out.Events[i]
		for p := range e.Messages() {
			text := fmt.Sprintf("%s %s qos %d", [...]string{1: "delivered", 2: "acknowledged", 4: "dropped"}[e.Fate], p.Payload, p.QoS)
			switch {
			case e.Fate == session.Dropped:
				text += fmt.Sprintf(" cause %d", e.Cause)
			case e.Code.IsError():
				text += " " + e.Code.String()
			case e.Dup:
				text += " dup"
			}
			lines = append(lines, text)
		}
	}
	out.Reset()
	out.Watch = watchAll
	return lines
}

// letters is a Run of messages with a letter each.
func letters(qos packet.QoS, payload string) *packet.Run {
	publisher := attached(openLimits(), packet.Connect{Version: packet.V5})
	var frames []byte
	for i, letter := range []byte(payload) {
		p := packet.Publish{Topic: []byte("t"), QoS: qos, Payload: []byte{letter}}
		if qos > packet.QoS0 {
			p.PacketID = uint16(i + 1)
		}
		frames = p.Append(frames, packet.V5)
	}
	var out session.Output
	publisher.Receive(frames, 1, &out)
	return out.Publish[0]
}

func expiring(payload string, qos packet.QoS, seconds uint32) *packet.Run {
	r := packet.NewRun(&packet.Publish{Topic: []byte("t"), QoS: qos, Payload: []byte(payload), HasMessageExpiry: true, MessageExpiry: seconds}, packet.V5)
	r.Deadline = 1 + int64(seconds)*1000
	return r
}

func kept(window uint16) packet.Connect {
	return packet.Connect{Version: packet.V5, HasSessionExpiry: true, SessionExpiry: 100, ReceiveMaximum: window}
}

func TestWhatBecameOfDeliveries(t *testing.T) {
	s := attached(openLimits(), kept(2))
	out := session.Output{Watch: watchAll}
	terms := &session.Terms{QoS: packet.QoS2}
	s.Deliver(letters(packet.QoS0, "xy"), terms, 1, &out)
	require.Equal(t, []string{"delivered x qos 0", "delivered y qos 0"}, told(&out))
	s.Deliver(letters(packet.QoS1, "abc"), terms, 1, &out)
	s.Deliver(letters(packet.QoS2, "d"), terms, 1, &out)
	require.Equal(t, []string{"delivered a qos 1", "delivered b qos 1"}, told(&out), "the window is full")

	s.Receive((&packet.Puback{PacketID: 1}).Append(nil, packet.V5), 2, &out)
	require.Equal(t, []string{"acknowledged a qos 1", "delivered c qos 1"}, told(&out))
	s.Receive((&packet.Puback{PacketID: 2, Code: packet.QuotaExceeded}).Append(nil, packet.V5), 2, &out)
	require.Equal(t, []string{"acknowledged b qos 1 quota exceeded", "delivered d qos 2"}, told(&out))
	s.Receive((&packet.Pubrec{PacketID: 4}).Append(nil, packet.V5), 2, &out)
	require.Equal(t, []string{"acknowledged d qos 2"}, told(&out))
	s.Receive((&packet.Pubrec{PacketID: 4}).Append(nil, packet.V5), 2, &out)
	s.Receive((&packet.Pubcomp{PacketID: 4}).Append(nil, packet.V5), 2, &out)
	require.Empty(t, told(&out), "it was the Client's already")

	// What was sent before is sent again, and told so.
	s.Detach(3, &out)
	c := kept(2)
	s.Attach(&c, session.Attachment{}, 4, &out)
	require.Equal(t, []string{"delivered c qos 1 dup"}, told(&out))
}

func TestWhatIsDroppedIsTold(t *testing.T) {
	limits := openLimits()
	limits.Queue = session.QueueLimits{Messages: 2, Age: 5000, QoS0Bytes: 12}
	s := session.New("c", limits)
	c := kept(1)
	c.MaximumPacketSize = 40
	out := session.Output{Watch: watchAll}
	s.Attach(&c, session.Attachment{}, 1, &out)
	terms := &session.Terms{QoS: packet.QoS2}
	s.Deliver(expiring("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", packet.QoS1, 60), terms, 1, &out)
	require.Equal(t, []string{"dropped aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa qos 1 cause 6"}, told(&out))
	s.Deliver(expiring("b", packet.QoS0, 0), terms, 5, &out)
	require.Equal(t, []string{"dropped b qos 0 cause 4"}, told(&out))

	s.Deliver(letters(packet.QoS1, "cdefg"), terms, 10, &out)
	require.Equal(t, []string{"delivered c qos 1", "dropped d qos 1 cause 3", "dropped e qos 1 cause 3"}, told(&out), "the oldest gives way")
	s.Congest(true, 10, &out)
	s.Deliver(letters(packet.QoS0, "x"), terms, 10, &out)
	s.Deliver(letters(packet.QoS0, "y"), terms, 10, &out)
	s.Deliver(letters(packet.QoS0, "zzz"), terms, 10, &out)
	require.Equal(t, []string{"dropped x qos 0 cause 1", "dropped z qos 0 cause 1", "dropped z qos 0 cause 1", "dropped z qos 0 cause 1"}, told(&out))
	s.Detach(11, &out)
	s.Deliver(letters(packet.QoS0, "o"), terms, 12, &out)
	require.Equal(t, []string{"dropped y qos 0 cause 2", "dropped o qos 0 cause 2"}, told(&out))
	s.Tick(5011, &out)
	require.Equal(t, []string{"dropped f qos 1 cause 5", "dropped g qos 1 cause 5"}, told(&out))
	s.Deliver(expiring("h", packet.QoS1, 8), terms, 5012, &out)
	s.Deliver(letters(packet.QoS1, "i"), terms, 5012, &out)
	s.Tick(8002, &out)
	require.Equal(t, []string{"dropped h qos 1 cause 4"}, told(&out))
	s.Deliver(letters(packet.QoS1, "j"), &session.Terms{QoS: packet.QoS1, Shared: "$share/g/t"}, 8003, &out)
	s.Tick(100_011, &out)
	require.True(t, s.Ended())
	require.Len(t, out.Redistribute, 1)
	require.Equal(t, []string{"dropped c qos 1 cause 7", "dropped i qos 1 cause 7"}, told(&out), "what another may get is not lost")
	s.Deliver(letters(packet.QoS1, "k"), terms, 100_012, &out)
	require.Equal(t, []string{"dropped k qos 1 cause 7"}, told(&out))
}

func TestNewestThatIsDroppedIsTold(t *testing.T) {
	limits := openLimits()
	limits.Queue = session.QueueLimits{Messages: 2, Overflow: session.DropNewest}
	s := attached(limits, kept(1))
	out := session.Output{Watch: watchAll}
	s.Deliver(letters(packet.QoS1, "abcde"), &session.Terms{QoS: packet.QoS1}, 1, &out)
	require.Equal(t, []string{"delivered a qos 1", "dropped d qos 1 cause 3", "dropped e qos 1 cause 3"}, told(&out))
	require.EqualValues(t, 0, out.Counts.DroppedQueueFull, "told resets it")
}

// TestToldAsDelivered: what is told is what a subscriber sees: RETAIN, Subscription Identifiers, and what is left of the Message Expiry Interval.
func TestToldAsDelivered(t *testing.T) {
	s := attached(openLimits(), kept(1))
	out := session.Output{Watch: watchAll}
	r := packet.NewRun(&packet.Publish{Topic: []byte("t"), QoS: packet.QoS2, Retain: true, HasMessageExpiry: true, MessageExpiry: 10}, packet.V5)
	r.Deadline = 11_000
	first := letters(packet.QoS1, "a")
	s.Deliver(first, &session.Terms{QoS: packet.QoS1}, 1, &out)
	s.Deliver(r, &session.Terms{QoS: packet.QoS1, RetainAsPublished: true, IDs: []uint32{7, 9}}, 1000, &out)
	told(&out)
	s.Receive((&packet.Puback{PacketID: 1}).Append(nil, packet.V5), 4000, &out)
	require.Len(t, out.Events, 2)
	for p := range out.Events[1].Messages() {
		require.Equal(t, &packet.Publish{
			QoS: packet.QoS1, Retain: true, Topic: []byte("t"), Payload: []byte{}, HasMessageExpiry: true, MessageExpiry: 7, SubscriptionIDs: []uint32{7, 9},
		}, p)
	}
	require.Equal(t, 1, len(slices.Collect(out.Events[0].Messages())))
}

// A Session that nobody watches tells nothing, and costs nothing for it.
func TestNobodyWatches(t *testing.T) {
	s := attached(openLimits(), kept(1))
	var out session.Output
	s.Deliver(letters(packet.QoS1, "abc"), &session.Terms{QoS: packet.QoS1}, 1, &out)
	s.Receive((&packet.Puback{PacketID: 1}).Append(nil, packet.V5), 1, &out)
	s.End(packet.AdministrativeAction, 2, &out)
	require.Empty(t, out.Events)
	out.Watch = session.Acknowledged
	s = attached(openLimits(), kept(1))
	s.Deliver(letters(packet.QoS1, "abc"), &session.Terms{QoS: packet.QoS1}, 1, &out)
	require.Empty(t, out.Events)
}

// TestWatchedDeliveriesDoNotAllocate: telling costs no allocation per message either, for one who uses the Output again.
func TestWatchedDeliveriesDoNotAllocate(t *testing.T) {
	for _, c := range receivers {
		r := newReceiver(c.v, c.from, c.qos, c.aliases, c.ids)
		r.watch = watchAll
		require.Zero(t, testing.AllocsPerRun(100, func() { r.round(1) }), c.name)
		require.NotEmpty(t, r.out.Events, c.name)
	}
}

func TestGrantedFilters(t *testing.T) {
	filters := []packet.TopicFilter{
		{Filter: []byte("no")}, {Filter: []byte("less"), SubscriptionOptions: packet.SubscriptionOptions{QoS: packet.QoS2}},
		{Filter: []byte("more"), SubscriptionOptions: packet.SubscriptionOptions{QoS: packet.QoS1}},
	}
	s := governed(packet.Connect{Version: packet.V5}, &session.Policy{Grant: func(s *session.Subscription) (packet.ReasonCode, string) {
		switch s.Filter {
		case "no":
			return packet.QuotaExceeded, ""
		case "less":
			return packet.GrantedQoS1, ""
		}
		return packet.GrantedQoS2, ""
	}})
	out := send(s, packet.V5, &packet.Subscribe{PacketID: 1, Filters: filters})
	require.Len(t, out.Subscribe, 1)
	require.Len(t, out.Subscribe[0].Subscriptions, 2)
	require.EqualValues(t, 1, out.Counts.Denied)
	require.Nil(t, out.Denied)
	out.Reset()
	s.Subscribed(1, nil, out)
	codes := []packet.ReasonCode{packet.QuotaExceeded, packet.GrantedQoS1, packet.GrantedQoS1}
	require.Equal(t, (&packet.Suback{PacketID: 1, Codes: codes}).Append(nil, packet.V5), out.Packets)
}
