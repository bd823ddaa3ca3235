package session_test

import (
	"testing"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// TestPacketIdentifiersInACircle leaves one message unacknowledged while all others go round: its
// identifier is never given out again [MQTT-2.2.1-4], 0 never at all, and sending goes on once it is free.
func TestPacketIdentifiersInACircle(t *testing.T) {
	s := attached(openLimits(), packet.Connect{Version: packet.V311})
	terms := &session.Terms{QoS: packet.QoS1}
	run := packet.NewRun(&packet.Publish{Topic: []byte("t"), QoS: packet.QoS1}, packet.V311)
	var out session.Output
	deliver := func() (id uint16) {
		out.Reset()
		s.Deliver(run, terms, 1, &out)
		if len(out.Packets) == 0 {
			return 0
		}
		var p packet.Publish
		if err := p.Decode(out.Packets, packet.V311); err != nil {
			t.Fatal(err)
		}
		return p.PacketID
	}
	acknowledge := func(id uint16) {
		out.Reset()
		s.Receive((&packet.Puback{PacketID: id}).Append(nil, packet.V311), 1, &out)
	}

	for want := uint16(1); want <= 40; want++ { // so that the circle does not begin at 1
		if id := deliver(); id != want {
			t.Fatalf("identifier %d, want %d", id, want)
		}
		acknowledge(want)
	}
	held := deliver()
	for n := range 65534 {
		id := deliver()
		if id == 0 || id == held {
			t.Fatalf("message %d has identifier %d", n, id)
		}
		acknowledge(id)
	}
	if id := deliver(); id != 0 {
		t.Fatalf("identifier %d while all are taken or older than one that is", id)
	}
	if n, _ := s.Backlog(); n != 1 || s.Inflight() != 1 {
		t.Fatalf("%d wait, %d in flight", n, s.Inflight())
	}
	acknowledge(held)
	if n, _ := s.Backlog(); n != 0 || s.Inflight() != 1 || len(out.Packets) == 0 {
		t.Fatalf("%d wait, %d in flight after the oldest was acknowledged", n, s.Inflight())
	}
}
