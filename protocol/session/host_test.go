package session_test

import (
	"testing"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// message is a Run as the host makes it: without a Packet Identifier.
func message(topic string, qos packet.QoS, retain bool) *packet.Run {
	return packet.NewRun(&packet.Publish{Topic: []byte(topic), QoS: qos, Retain: retain}, packet.V5)
}

// TestReplay: a live message with RETAIN takes the place of an older Retained Message of its topic that
// is still on its way.
func TestReplay(t *testing.T) {
	s := attached(openLimits(), packet.Connect{Version: packet.V5})
	live, old := &session.Terms{}, &session.Terms{Retained: true}
	sent := func(r *packet.Run, terms *session.Terms) bool {
		var out session.Output
		s.Deliver(r, terms, 1, &out)
		return len(out.Packets) > 0
	}
	s.ReplayBegin()
	s.ReplayBegin()
	if !sent(message("t", 0, true), old) {
		t.Error("a Retained Message is not sent")
	}
	if !sent(message("u", 0, false), live) || !sent(message("u", 0, true), old) {
		t.Error("a live message without RETAIN replaces nothing")
	}
	if !sent(message("t", 0, true), live) || sent(message("t", 0, true), old) {
		t.Error("a Retained Message came after the live one that replaced it")
	}
	s.ReplayEnd()
	if sent(message("t", 0, true), old) {
		t.Error("the other replay has not ended")
	}
	s.ReplayEnd()
	s.ReplayEnd()
	if !sent(message("t", 0, true), old) {
		t.Error("a replay that is over is remembered")
	}
}

// TestLateAnswers: SUBACK and UNSUBACK go to the connection that asked, and what the host refuses late is
// taken back all the same.
func TestLateAnswers(t *testing.T) {
	s := attached(openLimits(), packet.Connect{Version: packet.V5, HasSessionExpiry: true, SessionExpiry: 100})
	subscribe := packet.Subscribe{PacketID: 1, Filters: []packet.TopicFilter{{Filter: []byte("a")}, {Filter: []byte("b")}}}
	var out session.Output
	s.Receive(subscribe.Append(nil, packet.V5), 1, &out)
	subscribe = packet.Subscribe{PacketID: 2, Filters: []packet.TopicFilter{{
		Filter: []byte("b"), SubscriptionOptions: packet.SubscriptionOptions{QoS: packet.QoS1},
	}}}
	s.Receive(subscribe.Append(nil, packet.V5), 1, &out)
	s.Detach(2, &out)
	s.Attach(&packet.Connect{Version: packet.V5, HasSessionExpiry: true, SessionExpiry: 100}, session.Attachment{}, 3, &out)

	out.Reset()
	s.Subscribed(1, []packet.ReasonCode{packet.NotAuthorized, packet.Success}, &out)
	s.Subscribed(2, []packet.ReasonCode{packet.QuotaExceeded}, &out)
	s.Subscribed(2, nil, &out)
	s.Unsubscribed(1, &out)
	if len(out.Packets) > 0 {
		t.Errorf("answers of an earlier connection: %x", out.Packets)
	}
	var left []session.Subscription
	for sub := range s.Subscriptions() {
		left = append(left, sub)
	}
	if len(left) != 1 || left[0].Filter != "b" || left[0].Options.QoS != packet.QoS0 {
		t.Errorf("%+v, want b with QoS 0, as it was before it was to be changed", left)
	}
}

// TestAcknowledgeInOrder: what the host has done early waits for what came before; a Will and QoS 0 need
// no acknowledgement.
func TestAcknowledgeInOrder(t *testing.T) {
	s := attached(openLimits(), packet.Connect{Version: packet.V311})
	var frames []byte
	for i, topic := range []string{"a", "b", "c"} {
		p := packet.Publish{Topic: []byte(topic), QoS: packet.QoS1, PacketID: uint16(i + 1)}
		frames = p.Append(frames, packet.V311)
	}
	var out session.Output
	s.Receive(frames, 1, &out)
	runs := out.Publish
	if len(runs) != 3 {
		t.Fatalf("%d runs, want 3", len(runs))
	}
	s.Acknowledge(runs[1], packet.Success, &out)
	s.Acknowledge(message("will", packet.QoS1, false), packet.Success, &out)
	s.Acknowledge(message("t", packet.QoS0, false), packet.Success, &out)
	if len(out.Packets) > 0 {
		t.Fatalf("out of turn: %x", out.Packets)
	}
	s.Acknowledge(runs[0], packet.Success, &out)
	s.Acknowledge(runs[2], packet.Success, &out)
	s.Acknowledge(runs[2], packet.Success, &out)
	if got, want := string(out.Packets), "\x40\x02\x00\x01\x40\x02\x00\x02\x40\x02\x00\x03"; got != want {
		t.Errorf("%x, want %x", got, want)
	}
}

// TestSlabs: what waits for long pins no receive buffer.
func TestSlabs(t *testing.T) {
	publisher := attached(openLimits(), packet.Connect{Version: packet.V311})
	buffer := make([]byte, 0, 64<<10)
	for range 3 {
		p := packet.Publish{Topic: []byte("$share"), QoS: packet.QoS1, PacketID: 1, Payload: []byte("x")}
		buffer = p.Append(buffer, packet.V311)
	}
	var out session.Output
	publisher.Receive(buffer, 1, &out)
	run := out.Publish[0]
	if run.Slab < 64<<10 {
		t.Fatalf("the Run knows of %d bytes that it pins", run.Slab)
	}
	s := attached(openLimits(), packet.Connect{Version: packet.V5, ReceiveMaximum: 1})
	out.Reset()
	s.Deliver(run, &session.Terms{QoS: packet.QoS1, Shared: "$share/g/t"}, 1, &out)
	for range 2 {
		s.Tick(s.Next(), &out)
	}
	s.End(packet.AdministrativeAction, 5000, &out)
	if len(out.Redistribute) != 2 {
		t.Fatalf("%d given back, want the one in flight and the two that wait", len(out.Redistribute))
	}
	for _, r := range out.Redistribute {
		if r.Run.Slab > 1024 {
			t.Errorf("%d frames pin %d bytes", r.Run.Count, r.Run.Slab)
		}
	}
	out.Reset()
	s.Deliver(run, &session.Terms{QoS: packet.QoS1, Shared: "$share/g/t"}, 1, &out)
	if len(out.Redistribute) != 1 {
		t.Error("a message that came after the end is lost")
	}
}
