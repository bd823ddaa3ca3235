package session_test

import (
	"testing"
	"unsafe"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

const batch = 100 // messages per buffer

// frames is a buffer of a publisher: messages to one topic.
func frames(v packet.Version, qos packet.QoS) []byte {
	var b []byte
	for i := range batch {
		p := packet.Publish{Topic: []byte("devices/42/state"), QoS: qos, Payload: make([]byte, 128)}
		if qos > packet.QoS0 {
			p.PacketID = uint16(i + 1)
		}
		b = p.Append(b, v)
	}
	return b
}

func answers(t packet.Type, ids int, first uint16) []byte {
	var b []byte
	for i := range ids {
		id := first + uint16(i)
		flags := byte(0)
		if t == packet.TypePubrel {
			flags = 2
		}
		b = append(b, byte(t)<<4|flags, 2, byte(id>>8), byte(id))
	}
	return b
}

func attached(limits *session.Limits, c packet.Connect) *session.Session {
	s := session.New("bench", limits)
	var out session.Output
	s.Attach(&c, session.Attachment{}, 1, &out)
	return s
}

func openLimits() *session.Limits {
	return &session.Limits{MaxQoS: packet.QoS2, RetainAvailable: true, ExpiryMaximum: 3600, TopicAliasMaximum: 16}
}

// receiver takes a batch and acknowledges what it gets.
type receiver struct {
	s    *session.Session
	out  session.Output
	run  *packet.Run
	qos  packet.QoS
	t    session.Terms
	acks [4 * batch]byte
	next uint16

	watch session.Fate
}

func newReceiver(v packet.Version, from packet.Version, qos packet.QoS, aliases uint16, ids []uint32) *receiver {
	publisher := attached(openLimits(), packet.Connect{Version: from})
	var out session.Output
	publisher.Receive(frames(from, qos), 1, &out)
	r := &receiver{
		s:   attached(openLimits(), packet.Connect{Version: v, TopicAliasMaximum: aliases}),
		run: out.Publish[0], qos: qos, t: session.Terms{QoS: qos, IDs: ids}, next: 1,
	}
	return r
}

// round delivers a batch and acknowledges it. Identifiers are taken from what was written.
func (r *receiver) round(now int64) {
	r.out.Reset()
	r.out.Watch = r.watch
	r.s.Deliver(r.run, &r.t, now, &r.out)
	if r.qos == packet.QoS0 {
		return
	}
	acks := r.acks[:]
	first := packet.TypePuback
	if r.qos == packet.QoS2 {
		first = packet.TypePubrec
	}
	for t := first; ; t = packet.TypePubcomp {
		for i := range batch {
			id := (uint32(r.next)-1+uint32(i))%65535 + 1
			acks[4*i], acks[4*i+1] = byte(t)<<4, 2
			acks[4*i+2], acks[4*i+3] = byte(id>>8), byte(id)
		}
		r.s.Receive(acks, now, &r.out)
		if t != packet.TypePubrec {
			break
		}
	}
	r.next = uint16((uint32(r.next)-1+batch)%65535) + 1
}

var receivers = []struct {
	name    string
	v, from packet.Version
	qos     packet.QoS
	aliases uint16
	ids     []uint32
}{
	{name: "QoS0", v: packet.V311, from: packet.V311},
	{name: "QoS0/5-to-3", v: packet.V311, from: packet.V5},
	{name: "QoS0/alias", v: packet.V5, from: packet.V5, aliases: 8},
	{name: "QoS0/identifiers", v: packet.V5, from: packet.V5, ids: []uint32{1, 2}},
	{name: "QoS1", v: packet.V311, from: packet.V311, qos: 1},
	{name: "QoS1/3-to-5", v: packet.V5, from: packet.V311, qos: 1},
	{name: "QoS2", v: packet.V5, from: packet.V5, qos: 2},
}

func BenchmarkDeliver(b *testing.B) {
	for _, c := range receivers {
		b.Run(c.name, func(b *testing.B) {
			r := newReceiver(c.v, c.from, c.qos, c.aliases, c.ids)
			b.ReportAllocs()
			for i := 0; i < b.N; i += batch {
				r.round(1)
			}
		})
	}
}

// TestDeliverDoesNotAllocate: sending, and taking acknowledgements, costs no allocation per message.
func TestDeliverDoesNotAllocate(t *testing.T) {
	for _, c := range receivers {
		t.Run(c.name, func(t *testing.T) {
			r := newReceiver(c.v, c.from, c.qos, c.aliases, c.ids)
			if n := testing.AllocsPerRun(100, func() { r.round(1) }); n > 0 {
				t.Errorf("%v allocations for %d messages", n, batch)
			}
		})
	}
}

// publishing sends a batch and has it acknowledged.
func publishing(v packet.Version, qos packet.QoS) func() {
	limits := openLimits()
	limits.ReceiveMaximum = batch
	s := attached(limits, packet.Connect{Version: v})
	buffer := frames(v, qos)
	releases := answers(packet.TypePubrel, batch, 1)
	var out session.Output
	return func() {
		out.Reset()
		s.Receive(buffer, 1, &out)
		for _, r := range out.Publish {
			s.Acknowledge(r, packet.Success, &out)
		}
		if qos == packet.QoS2 {
			s.Receive(releases, 1, &out)
		}
	}
}

func BenchmarkReceive(b *testing.B) {
	for _, c := range []struct {
		name string
		v    packet.Version
		qos  packet.QoS
	}{{"QoS0", packet.V311, 0}, {"QoS1", packet.V311, 1}, {"QoS1/5", packet.V5, 1}, {"QoS2/5", packet.V5, 2}} {
		b.Run(c.name, func(b *testing.B) {
			round := publishing(c.v, c.qos)
			b.ReportAllocs()
			for i := 0; i < b.N; i += batch {
				round()
			}
		})
	}
}

// TestReceiveDoesNotAllocate: a Run and the list that it is handed over in, whatever the number of messages.
func TestReceiveDoesNotAllocate(t *testing.T) {
	for _, v := range []packet.Version{packet.V311, packet.V5} {
		for qos := packet.QoS0; qos <= packet.QoS2; qos++ {
			if n := testing.AllocsPerRun(100, publishing(v, qos)); n > 2 {
				t.Errorf("version %v QoS %d: %v allocations for %d messages in one run, want 2", v, qos, n, batch)
			}
		}
	}
}

// TestSessionIsSmall: what an idle Session holds beside its subscriptions.
func TestSessionIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(session.Session{}); size > 208 {
		t.Errorf("a Session takes %d bytes", size)
	}
}

// TestIdleSessionHoldsNothing: after traffic a Session gives its buffers back, and Tick has no more to do.
func TestIdleSessionHoldsNothing(t *testing.T) {
	r := newReceiver(packet.V5, packet.V311, packet.QoS2, 0, nil)
	r.round(1)
	ticks := 0
	for at := r.s.Next(); at != 0; at = r.s.Next() {
		if ticks++; ticks > 3 {
			t.Fatal("Tick is wanted for ever")
		}
		r.out.Reset()
		r.s.Tick(at, &r.out)
	}
	if ticks == 0 {
		t.Fatal("nothing gives the buffers back")
	}
}

func BenchmarkIdleSession(b *testing.B) {
	limits := openLimits()
	kept := make([]*session.Session, 0, b.N)
	b.ReportAllocs()
	for range b.N {
		kept = append(kept, attached(limits, packet.Connect{Version: packet.V311}))
	}
	if len(kept) != b.N {
		b.Fatal("lost")
	}
}
