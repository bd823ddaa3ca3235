package link

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/actortest"
	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/routing"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/internal/eventloop"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// newTestLink is a link whose parts are called without an actor.
func newTestLink(t testing.TB, phase phase) *Link {
	c := configs.NewBridge("b", "mqtt://127.0.0.1")
	c.Receive = []configs.Receive{configs.NewReceive("in/#", "")}
	r, err := compile(&c, "here")
	require.NoError(t, err)
	s := newStage(t, c)
	l := New(s.env, Options{Bridge: s.bridge, Config: c, Upstream: s, Figures: &s.figures}, nil)
	l.mailbox = s.system.Mailbox(s.link)
	l.rules, l.phase, l.version, l.loop = r, phase, packet.V5, s.scheduler.Loops()[0]
	l.upper = terms{receiveMaximum: 65535, maximumQoS: packet.QoS2, maximumSize: 1 << 30}
	return l
}

// stage is a link between an upstream and a session that are played by the test, on loops that it steps.
type stage struct {
	t         testing.TB
	scheduler *actortest.Scheduler
	system    *system.System
	env       *Env
	config    configs.Bridge
	bridge    *actor.PID // and registry, and session
	link      *actor.PID
	heard     []any
	figures   message.BridgeFigures
}

func newStage(t testing.TB, c configs.Bridge) *stage {
	s := &stage{t: t, config: c, scheduler: actortest.New(actortest.Options{Seed: 1, Loops: 1})}
	s.system = system.New(system.Options{Log: zap.NewNop()})
	loop := s.scheduler.Loops()[0]
	kind := s.system.Kind("far", system.Supervision{Action: system.Stop})
	var err error
	s.bridge, err = s.system.Spawn(kind, loop, "far", system.Supervision{Action: system.Stop}, func(*system.Mailbox) actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *Ready, *Carries, *Ended, *message.Connect, *message.Frames, *message.Detached, *message.Congestion, *message.Abandoned:
				s.heard = append(s.heard, m)
			}
		})
	})
	require.NoError(t, err)
	s.link, err = s.system.Spawn(kind, loop, "link", system.Supervision{Action: system.Stop}, func(*system.Mailbox) actor.Actor {
		return actor.ReceiveFunc(func(actor.Context) {}) // the name of the link alone
	})
	require.NoError(t, err)
	s.env = &Env{
		Root: s.system.Root(), Loops: s.scheduler.Loops(), Attach: s.scheduler.Attach,
		Clients: &routing.Clients{Registries: []*actor.PID{s.bridge}}, Limits: &session.Limits{ReceiveMaximum: 100, MaxPacketSize: 1000},
		Release: func(*message.Packets) {}, Instance: "here",
	}
	return s
}

func (s *stage) Name() string                           { return "mqtt://there" }
func (s *stage) ClientID() string                       { return "client" }
func (s *stage) Username() string                       { return "user" }
func (s *stage) Password() []byte                       { return []byte("secret") }
func (s *stage) Dial(context.Context) (net.Conn, error) { return nil, errors.New("nobody dials") }

var _ eventloop.Handler = (*Link)(nil)

// The end of a link says what, where and why.
func TestDialFails(t *testing.T) {
	l := newTestLink(t, dialing)
	s := l.o.Upstream.(*stage)
	l.dialed(&dialed{err: errors.New("connection refused")})
	s.scheduler.Settle()
	require.Len(t, s.heard, 1)
	require.EqualError(t, s.heard[0].(*Ended).Cause, "upstream mqtt://there: connection refused")
}

func said(l *Link) []byte {
	b := l.out.b
	l.out.b = nil
	return b
}

func TestConnectSaysWhatTheConfigurationDoes(t *testing.T) {
	l := newTestLink(t, dialing)
	l.o.Config.StateTopic = "state"
	var c packet.Connect
	require.NoError(t, c.Decode(l.connect(nil)))
	require.Equal(t, "client user secret", string(c.ClientID)+" "+string(c.Username)+" "+string(c.Password))
	require.False(t, c.CleanStart)
	require.EqualValues(t, 10, c.KeepAlive)
	require.EqualValues(t, 168*3600, c.SessionExpiry)
	require.EqualValues(t, 100, c.ReceiveMaximum)
	require.EqualValues(t, 1000, c.MaximumPacketSize)
	require.Equal(t, user(session.BridgeProperty, "here"), c.UserProperties)
	require.Equal(t, "state 0", string(c.Will.Topic)+" "+string(c.Will.Payload))
	require.True(t, c.Will.Retain)

	l.version = packet.V311
	require.NoError(t, c.Decode(l.connect(nil)))
	require.True(t, c.Bridge)
	l.plain = true
	require.NoError(t, c.Decode(l.connect(nil)))
	require.False(t, c.Bridge)

	l.o.Probe, l.version = true, packet.V5
	require.NoError(t, c.Decode(l.connect(nil)))
	require.Equal(t, "client-probe", string(c.ClientID))
	require.True(t, c.CleanStart)
	require.Nil(t, c.Will)
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		phase phase
		frame []byte
		code  packet.ReasonCode
		text  string
	}{
		"CONNACK": {connecting, (&packet.Connack{Code: packet.NotAuthorized, ReasonString: []byte("go away")}).Append(nil, packet.V5), packet.NotAuthorized, "CONNECT was refused: not authorized (0x87): go away"},
		"SUBACK": {subscribing, (&packet.Suback{PacketID: subscribeID, Codes: []packet.ReasonCode{packet.NotAuthorized}}).Append(nil, packet.V5), packet.NotAuthorized,
			`the subscription to "in/#" was refused: not authorized (0x87)`},
		"DISCONNECT": {ready, (&packet.Disconnect{Code: packet.ServerMoved, ServerReference: []byte("there")}).Append(nil, packet.V5), packet.ServerMoved, "the upstream ended the connection: server moved (0x9D)"},
		"for now":    {carrying, []byte{0x40, 3, 0, 1, byte(packet.QuotaExceeded)}, packet.QuotaExceeded, "the upstream does not take a message for now: quota exceeded (0x97)"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newTestLink(t, c.phase)
			s := l.o.Upstream.(*stage)
			h, _, err := packet.ReadHeader(c.frame, 0)
			require.NoError(t, err)
			require.NoError(t, l.packet(h.Type, c.frame))
			require.Equal(t, over, l.phase)
			s.scheduler.Settle()
			var ended *Ended
			for _, m := range s.heard {
				if e, ok := m.(*Ended); ok {
					require.Nil(t, ended, "it ends once")
					ended = e
				}
			}
			require.NotNil(t, ended)
			require.Equal(t, c.code, ended.Code)
			require.EqualError(t, ended.Cause, "upstream mqtt://there: "+c.text)
		})
	}
}

// What the upstream cannot take is answered to the session, as finally acknowledged.
func TestSwallowed(t *testing.T) {
	l := newTestLink(t, carrying)
	l.rules = compiled(t, func(*configs.Bridge) {})
	l.upper.maximumSize = 50
	large := packet.Publish{QoS: packet.QoS2, PacketID: 5, Topic: []byte("plain"), Payload: make([]byte, 100)}
	require.NoError(t, l.send(large.Append(nil, packet.V5)))
	require.Empty(t, said(l))
	require.Equal(t, []byte{0x50, 2, 0, 5}, l.in.frames)
	l.in.frames = nil
	require.NoError(t, l.told(packet.TypePubrel, []byte{0x62, 2, 0, 5}))
	require.Empty(t, said(l))
	require.Equal(t, []byte{0x70, 2, 0, 5}, l.in.frames)
	require.EqualValues(t, 1, l.o.Figures.DroppedTooLarge.Load())
	require.False(t, l.open.any())
}

// QoS 2 goes with QoS 1 to an upstream that has no more, and comes to its end at the session all the same.
func TestLoweredQoS(t *testing.T) {
	l := newTestLink(t, carrying)
	l.rules = compiled(t, func(*configs.Bridge) {})
	l.upper.maximumQoS = packet.QoS1
	m := packet.Publish{QoS: packet.QoS2, PacketID: 5, Topic: []byte("plain")}
	require.NoError(t, l.send(m.Append(nil, packet.V5)))
	var got packet.Publish
	require.NoError(t, got.Decode(said(l), packet.V5))
	require.Equal(t, packet.QoS1, got.QoS)
	require.NoError(t, l.packet(packet.TypePuback, []byte{0x40, 2, 0, 5}))
	require.Equal(t, []byte{0x50, 2, 0, 5}, l.in.frames)
	l.in.frames = nil
	require.NoError(t, l.told(packet.TypePubrel, []byte{0x62, 2, 0, 5}))
	require.Equal(t, []byte{0x70, 2, 0, 5}, l.in.frames)
	require.Empty(t, said(l))
}

// An error of this broker is not an acknowledgement to the upstream.
func TestOwnQuotaKeepsTheMessageThere(t *testing.T) {
	l := newTestLink(t, carrying)
	require.ErrorContains(t, l.told(packet.TypePuback, []byte{0x40, 3, 0, 5, byte(packet.QuotaExceeded)}), "this broker does not take a message for now")
	require.Empty(t, said(l))
	l.version = packet.V311
	require.NoError(t, l.told(packet.TypePuback, []byte{0x40, 3, 0, 5, byte(packet.NotAuthorized)}))
	require.Equal(t, []byte{0x40, 2, 0, 5}, said(l), "3.1.1 has no Reason Code")
	require.EqualValues(t, 1, l.o.Figures.DroppedRefused.Load())
}

// What no rule takes is acknowledged to the upstream, and goes nowhere.
func TestUnwanted(t *testing.T) {
	l := newTestLink(t, carrying)
	m := packet.Publish{QoS: packet.QoS2, PacketID: 9, Topic: []byte("elsewhere")}
	require.NoError(t, l.packet(packet.TypePublish, m.Append(nil, packet.V5)))
	require.Equal(t, []byte{0x50, 2, 0, 9}, said(l))
	require.NoError(t, l.packet(packet.TypePubrel, []byte{0x62, 2, 0, 9}))
	require.Equal(t, []byte{0x70, 2, 0, 9}, said(l))
	require.Empty(t, l.in.frames)
}

func TestPace(t *testing.T) {
	p := newPace(configs.Rate{MessagesPerSecond: 10})
	p.renew(1000)
	for i := range uint16(3) {
		p.add(100, i+1)
	}
	require.True(t, p.ready(), "the first goes at once")
	p.messageCredit--
	require.False(t, p.ready())
	require.EqualValues(t, 1101, p.due(1000))
	p.renew(1099)
	require.False(t, p.ready())
	p.renew(1100)
	require.True(t, p.ready())
	p.renew(1_000_000)
	require.LessOrEqual(t, p.messageCredit, 1.0, "silence earns no burst")

	p = newPace(configs.Rate{BytesPerSecond: 1000})
	p.renew(1000)
	p.add(500, 1)
	p.add(500, 2)
	require.True(t, p.ready())
	p.byteOwed += 500
	require.False(t, p.ready())
	require.EqualValues(t, 1401, p.due(1000), "a tenth of a second was saved")
}
