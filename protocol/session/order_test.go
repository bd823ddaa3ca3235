package session

import (
	"testing"

	"github.com/troupemq/troupe/protocol/packet"
)

// A Client that gives up a Topic Filter and wants it back in one breath has it
// in the end: the host must know which came first.
func TestUnsubscribeKeepsItsPlace(t *testing.T) {
	s := New("c", &Limits{MaxQoS: packet.QoS2, MaxPacketSize: 1 << 16})
	var out Output
	s.Attach(&packet.Connect{Version: packet.V311, CleanStart: true, ClientID: []byte("c")}, Attachment{}, 1, &out)
	filter := packet.TopicFilter{Filter: []byte("a")}
	subscribe := func(id uint16) []byte {
		return (&packet.Subscribe{PacketID: id, Filters: []packet.TopicFilter{filter}}).Append(nil, packet.V311)
	}
	frames := subscribe(1)
	frames = (&packet.Unsubscribe{PacketID: 2, Filters: [][]byte{[]byte("a")}}).Append(frames, packet.V311)
	frames = append(frames, subscribe(3)...)
	out.Reset()
	s.Receive(frames, 2, &out)
	if len(out.Subscribe) != 2 || len(out.Unsubscribe) != 1 || out.Unsubscribe[0].After != 1 {
		t.Errorf("the order is lost: %+v, %+v", out.Subscribe, out.Unsubscribe)
	}
}

// The host of a Session that had ended hears so again after a failure.
func TestRecoverSaysEnded(t *testing.T) {
	s := New("c", &Limits{})
	var out Output
	s.End(packet.SessionTakenOver, 1, &out)
	out.Reset()
	s.Recover(2, &out)
	if !out.Ended {
		t.Error("a Session that had ended does not say so")
	}
}
