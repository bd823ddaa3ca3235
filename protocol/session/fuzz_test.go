package session_test

import (
	"testing"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// FuzzReceive feeds a Session, whose Client gets everything that it publishes, with any bytes: no panic,
// nothing but valid frames back, and nothing after the connection is to be closed.
func FuzzReceive(f *testing.F) {
	for _, v := range []packet.Version{packet.V31, packet.V311, packet.V5} {
		subscribe := packet.Subscribe{PacketID: 1, Filters: []packet.TopicFilter{{Filter: []byte("t")}}}
		seed := subscribe.Append(nil, v)
		for qos := packet.QoS0; qos <= packet.QoS2; qos++ {
			p := packet.Publish{Topic: []byte("t"), QoS: qos, PacketID: uint16(qos), Payload: []byte("x")}
			seed = p.Append(p.Append(seed, v), v)
		}
		seed = append(seed, answers(packet.TypePuback, 2, 1)...)
		seed = append(seed, answers(packet.TypePubrec, 2, 1)...)
		seed = append(seed, answers(packet.TypePubcomp, 2, 1)...)
		seed = append(seed, answers(packet.TypePubrel, 2, 1)...)
		seed = (&packet.Disconnect{}).Append((&packet.Pingreq{}).Append(seed, v), v)
		f.Add(seed, uint8(v), uint8(4), uint8(20))
	}
	f.Fuzz(func(t *testing.T, input []byte, version, receiveMaximum, maxPacket uint8) {
		limits := openLimits()
		limits.ReceiveMaximum = 3
		limits.TopicLevels = 3
		s := session.New("fuzz", limits)
		c := &packet.Connect{
			Version: packet.V31 + packet.Version(version)%3, HasSessionExpiry: true, SessionExpiry: 10,
			ReceiveMaximum: uint16(receiveMaximum), MaximumPacketSize: uint32(maxPacket), TopicAliasMaximum: 2,
		}
		var out session.Output
		s.Attach(c, session.Attachment{AuthMethod: "m"}, 1, &out)
		terms := &session.Terms{QoS: packet.QoS2, IDs: []uint32{1}}
		closed := out.Close != nil
		written := len(out.Packets)
		step := func(call func(out *session.Output)) {
			out.Reset()
			call(&out)
			for rest := out.Packets; len(rest) > 0; {
				h, ok, err := packet.ReadHeader(rest, 0)
				if !ok || err != nil || h.FrameSize() > len(rest) {
					t.Fatalf("no frame: %x", rest)
				}
				var l line
				if err := describe(&l, rest[:h.FrameSize()], c.Version); err != nil {
					t.Fatalf("%v: %x", err, rest[:h.FrameSize()])
				}
				if c.Version == packet.V5 && maxPacket > 0 && h.FrameSize() > int(maxPacket) && written > 0 {
					t.Fatalf("%d bytes for a Client that takes %d", h.FrameSize(), maxPacket)
				}
				rest = rest[h.FrameSize():]
			}
			if closed && len(out.Packets) > 0 {
				t.Fatalf("%x after the end", out.Packets)
			}
			closed = closed || out.Close != nil
			runs := out.Publish
			for _, r := range runs {
				s.Deliver(r, terms, 2, &out)
				s.Acknowledge(r, packet.Success, &out)
			}
			for _, r := range out.Subscribe {
				s.Subscribed(r.PacketID, nil, &out)
			}
		}
		for len(input) > 0 {
			h, ok, err := packet.ReadHeader(input, 0)
			if !ok || err != nil || h.FrameSize() > len(input) {
				step(func(out *session.Output) { s.Receive(input, 2, out) })
				break
			}
			end := h.FrameSize()
			if h.Type == packet.TypePublish { // the next one in the same buffer
				if next, ok, err := packet.ReadHeader(input[end:], 0); ok && err == nil && next.FrameSize() <= len(input)-end {
					end += next.FrameSize()
				}
			}
			frames := append([]byte(nil), input[:end]...)
			input = input[end:]
			step(func(out *session.Output) { s.Receive(frames, 2, out) })
		}
		s.Detach(3, &out)
		out.Reset()
		s.Attach(c, session.Attachment{}, 4, &out)
		s.Recover(5, &out)
		if out.Counts.DroppedBroken > 0 {
			t.Fatal("a Session that nothing happened to is broken")
		}
	})
}
