package link

import (
	"context"
	"net"
	"runtime"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/actors/actortest"
	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/internal/eventloop"
	"github.com/troupemq/troupe/protocol/packet"
)

// life is a link that carries, as an actor on a simulated loop, with a wire to an upstream and a witness as its session.
type life struct {
	*stage
	peer  *actortest.Peer
	pid   *actor.PID
	ticks int
}

// counted is a link of which the ticks are counted.
type counted struct {
	*Link
	life *life
}

func (c counted) Receive(ctx actor.Context) {
	if _, ok := ctx.Message().(tick); ok {
		c.life.ticks++
	}
	c.Link.Receive(ctx)
}

const roomy = 64 << 20

// live begins one, with an upstream that takes room bytes before it has to read, and says ack.
func live(t *testing.T, room int, ack packet.Connack, change func(*configs.Bridge)) *life {
	c := configs.NewBridge("b", "mqtt://127.0.0.1")
	c.Forward = []configs.Forward{configs.NewForward("out/#", "")}
	change(&c)
	s := &life{stage: newStage(t, c)}
	s.env.Limits.MaxPacketSize = 4 << 20
	conn := s.wire(room)
	kind := s.system.Kind("life", system.Supervision{Action: system.Stop})
	var err error
	s.pid, err = s.system.Spawn(kind, s.scheduler.Loops()[0], "life", system.Supervision{Action: system.Stop}, func(m *system.Mailbox) actor.Actor {
		l := New(s.env, Options{Bridge: s.bridge, Config: c, Upstream: never{s.stage}, Figures: &s.figures}, m)
		return counted{l, s}
	})
	require.NoError(t, err)
	s.tell(&dialed{conn: conn})
	s.answer((&ack).Append(nil, packet.V5))
	if len(c.Receive) > 0 {
		s.answer((&packet.Suback{PacketID: subscribeID, Codes: make([]packet.ReasonCode, len(c.Receive))}).Append(nil, packet.V5))
	}
	require.IsType(t, &Ready{}, s.got()[0])
	s.tell(Carry{})
	require.IsType(t, &message.Connect{}, s.got()[0])
	s.tell(&message.Attached{Session: s.bridge, Epoch: 3})
	require.IsType(t, &Carries{}, s.got()[0])
	s.read()
	t.Cleanup(func() { require.Empty(t, s.scheduler.Broken()) })
	return s
}

// never is an upstream whose Dial has no result: the test hands the connection over, since loops of the simulation are for one goroutine.
type never struct{ *stage }

func (never) Dial(context.Context) (net.Conn, error) {
	runtime.Goexit()
	return nil, nil
}

// wire is the link's end of a connection to the peer.
func (s *life) wire(room int) net.Conn {
	listener := s.scheduler.Listen()
	accepted := make(chan net.Conn)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			accepted <- conn
		}
		_, _ = listener.Accept() // Dial waits for who accepts to come back
	}()
	dialled := make(chan *actortest.Peer)
	go func() { dialled <- listener.Dial(room) }()
	conn := <-accepted
	s.peer = <-dialled
	s.t.Cleanup(func() { _ = listener.Close() })
	return conn
}

func (s *life) tell(m any) {
	s.env.Root.Send(s.pid, m)
	s.scheduler.Settle()
}

// carry lets all arrive.
func (s *life) carry() {
	for !s.scheduler.Still() {
		s.scheduler.Flow()
		s.scheduler.Settle()
	}
	s.scheduler.Settle()
}

// publish has the session say a message.
func (s *life) publish(p packet.Publish) {
	s.tell(&message.Packets{B: p.Append(nil, packet.V5)})
	s.carry()
}

func (s *life) answer(b []byte) {
	s.peer.Send(b)
	s.carry()
}

// read gives what the upstream has got.
func (s *life) read() (all []byte) {
	s.carry()
	for s.peer.Unread() {
		all = append(all, s.peer.Receive()...)
		s.carry()
	}
	return all
}

func (s *life) elapse(steps int, ms int64) {
	for range steps {
		s.scheduler.Elapse(ms)
		s.scheduler.Settle()
	}
}

// got gives what came to the bridge and the session.
func (s *life) got() []any {
	got := s.heard
	s.heard = nil
	return got
}

func (s *life) ended() *Ended {
	for _, m := range s.got() {
		if e, ok := m.(*Ended); ok {
			return e
		}
	}
	return nil
}

// decode reads one PUBLISH that the upstream has got.
func (s *life) decode() (p packet.Publish) {
	s.t.Helper()
	require.NoError(s.t, p.Decode(s.read(), packet.V5))
	return p
}

func unchanged(*configs.Bridge) {}

func noAckTimeout(c *configs.Bridge) { c.Health.AckTimeout = 0 }

// While the session takes nothing the upstream hears of the bridge all the same, and the loop is left alone.
func TestHeld(t *testing.T) {
	s := live(t, roomy, packet.Connack{}, unchanged)
	s.tell(&message.Reading{On: false})
	s.ticks = 0
	s.elapse(10_000, 1)
	require.Less(t, s.ticks, 20)
	require.Equal(t, []byte{0xC0, 0}, s.read(), "within the Keep Alive of 10 s")
	s.elapse(600, 100)
	require.Nil(t, s.ended())
}

// The upstream counts what it gets, and may want to hear of the bridge more often than that asks.
func TestKeepAliveBelowTheInterval(t *testing.T) {
	s := live(t, roomy, packet.Connack{HasServerKeepAlive: true, ServerKeepAlive: 2}, unchanged)
	s.elapse(16, 100)
	require.Equal(t, []byte{0xC0, 0}, s.read())
}

// A cut without a word is seen also behind more output than is read beside.
func TestSilentCutBehindOutput(t *testing.T) {
	for name, messages := range map[string]uint16{"little": 1, "much": 20} {
		t.Run(name, func(t *testing.T) {
			s := live(t, 1000, packet.Connack{}, noAckTimeout)
			for i := range messages {
				s.tell(&message.Packets{B: (&packet.Publish{QoS: 1, PacketID: i + 1, Topic: []byte("out/a"), Payload: make([]byte, 64<<10)}).Append(nil, packet.V5)})
			}
			s.peer.Vanish()
			s.elapse(45, 100)
			require.Nil(t, s.ended())
			s.elapse(10, 100)
			require.ErrorContains(t, s.ended().Cause, "has taken nothing for 5")
		})
	}
}

// An upstream that takes little is not dead.
func TestSlowUpstream(t *testing.T) {
	s := live(t, 1000, packet.Connack{}, noAckTimeout)
	for i := range uint16(20) {
		s.tell(&message.Packets{B: (&packet.Publish{QoS: 1, PacketID: i + 1, Topic: []byte("out/a"), Payload: make([]byte, 64<<10)}).Append(nil, packet.V5)})
	}
	for range 300 {
		s.elapse(1, 1000)
		s.carry()
		for range 3 {
			s.peer.Receive()
		}
		s.carry()
		require.Nil(t, s.ended())
	}
}

// What was silence while the session held the link does not count.
func TestHoldIsNoSilence(t *testing.T) {
	s := live(t, 1000, packet.Connack{}, noAckTimeout)
	s.tell(&message.Packets{B: (&packet.Publish{QoS: 1, PacketID: 1, Topic: []byte("out/a"), Payload: make([]byte, 400<<10)}).Append(nil, packet.V5)})
	s.tell(&message.Reading{On: false})
	s.elapse(600, 100)
	s.tell(&message.Reading{On: true})
	s.elapse(40, 100)
	require.Nil(t, s.ended())
	s.elapse(20, 100)
	require.NotNil(t, s.ended(), "what comes after it does")
}

func TestWhatTheUpstreamCannotTake(t *testing.T) {
	s := live(t, roomy, packet.Connack{RetainUnavailable: true}, func(c *configs.Bridge) { c.Forward[0].Retain = configs.RetainSet })
	s.publish(packet.Publish{Topic: []byte("out/a")})
	require.False(t, s.decode().Retain, "a rule says otherwise, and the upstream would end the connection")

	s = live(t, roomy, packet.Connack{HasMaximumQoS: true}, unchanged)
	s.publish(packet.Publish{QoS: 1, PacketID: 1, Dup: true, Topic: []byte("out/a")})
	got := s.decode()
	require.Equal(t, packet.QoS0, got.QoS)
	require.False(t, got.Dup, "[MQTT-3.3.1-2]")
}

// What would be the end of the link in the session is the upstream's fault, and said to be.
func TestTopicNameWithWildcards(t *testing.T) {
	s := live(t, roomy, packet.Connack{}, func(c *configs.Bridge) { c.Receive = []configs.Receive{configs.NewReceive("in/#", "")} })
	s.answer((&packet.Publish{QoS: 1, PacketID: 1, Topic: []byte("in/+/#")}).Append(nil, packet.V5))
	require.ErrorContains(t, s.ended().Cause, `the upstream sent PUBLISH with the Topic Name "in/+/#"`)
}

// What waits for its turn is sent before the link is left, if it would not be sent again.
func TestLeaveWithWhatWaits(t *testing.T) {
	for resend, want := range map[configs.Resend]int{configs.ResendAtMostOnce: 4, configs.ResendAtLeastOnce: 0} {
		s := live(t, roomy, packet.Connack{}, func(c *configs.Bridge) { c.Rate.MessagesPerSecond, c.Resend = 1, resend })
		for i := range uint16(5) {
			s.publish(packet.Publish{QoS: 1, PacketID: i + 1, Topic: []byte("out/a")})
		}
		require.EqualValues(t, 1, s.decode().PacketID)
		s.tell(Leave{})
		n := 0
		for b := s.read(); len(b) > 0; {
			h, _, err := packet.ReadHeader(b, 0)
			require.NoError(t, err)
			if h.Type == packet.TypePublish {
				n++
			}
			b = b[h.FrameSize():]
		}
		require.Equal(t, want, n, resend)
	}
}

// A message with QoS 2 that went with QoS 1 is over once the session has said PUBREL, and not before.
func TestLeaveBeforeTheSessionIsThrough(t *testing.T) {
	s := live(t, roomy, packet.Connack{HasMaximumQoS: true, MaximumQoS: 1}, unchanged)
	s.publish(packet.Publish{QoS: 2, PacketID: 1, Topic: []byte("out/a")})
	s.answer([]byte{0x40, 2, 0, 1})
	s.tell(Leave{})
	require.Nil(t, s.ended())
	s.tell(&message.Packets{B: []byte{0x62, 2, 0, 1}})
	require.True(t, s.ended().Clean)
}

func TestTheSessionSaysWhyItLetsGo(t *testing.T) {
	s := live(t, roomy, packet.Connack{}, unchanged)
	s.tell(&message.Packets{B: (&packet.Disconnect{Code: packet.PacketTooLarge}).Append(nil, packet.V5)})
	require.ErrorContains(t, s.ended().Cause, "has let go of the link: packet too large (0x95)")
}

// Packets come whole, in order, however large.
func TestLargePackets(t *testing.T) {
	s := live(t, roomy, packet.Connack{}, func(c *configs.Bridge) { c.Receive = []configs.Receive{configs.NewReceive("in/#", "orders/#")} })
	var want []byte
	for i, n := range []int{10, 70_000, 300_000, 1, 1 << 20, 65_536, 131_072, 3, 200_000} {
		p := packet.Publish{QoS: 1, PacketID: uint16(i + 1), Topic: []byte("in/a"), Payload: make([]byte, n)}
		for j := range p.Payload {
			p.Payload[j] = byte(i + j)
		}
		s.peer.Send(p.Append(nil, packet.V5))
		p.Topic = []byte("orders/a")
		want = p.Append(want, packet.V5)
	}
	s.carry()
	var got []byte
	for _, m := range s.got() {
		got = append(got, m.(*message.Frames).Bytes...)
	}
	require.True(t, string(want) == string(got))
}

// trickle is a stream that has a packet, a little at a time.
type trickle struct {
	eventloop.Stream
	rest []byte
}

func (s *trickle) Read(p []byte) (int, error) {
	n := copy(p[:min(len(p), 16<<10)], s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func (s *trickle) Interest(bool, bool) {}

// still is a loop for who needs nothing but its buffer.
type still struct {
	eventloop.Loop
	scratch []byte
}

func (l *still) Scratch() []byte               { return l.scratch }
func (l *still) ReadBudget() int               { return len(l.scratch) }
func (l *still) Now() int64                    { return 1 }
func (l *still) Start(*eventloop.Timer, int64) {}

// The time for a large packet grows with its size, and not with the square of it.
func BenchmarkLargePacket(b *testing.B) {
	frame := (&packet.Publish{Topic: []byte("in/a"), Payload: make([]byte, 8<<20)}).Append(nil, packet.V5)
	l := newTestLink(b, carrying)
	l.env.Limits.MaxPacketSize = 16 << 20
	l.loop = &still{scratch: make([]byte, eventloop.ScratchSize)}
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		s := &trickle{rest: frame}
		for l.stream = s; len(s.rest) > 0; {
			l.read()
		}
		l.in = input{}
	}
}
