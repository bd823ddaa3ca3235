package connection

import (
	"bytes"
	"context"
	"net"
	"testing"
	"time"
	"unsafe"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/actortest"
	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/routing"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/internal/auth"
	"github.com/troupemq/troupe/internal/eventloop"
	"github.com/troupemq/troupe/internal/rate"
	"github.com/troupemq/troupe/internal/telemetry"
	"github.com/troupemq/troupe/protocol/packet"
	core "github.com/troupemq/troupe/protocol/session"
)

// field is a connection with witnesses for its registry and its session.
type field struct {
	*actortest.Stage
	t        *testing.T
	peer     *actortest.Peer
	pid      *actor.PID
	registry *actortest.Witness
	session  *actortest.Witness
	counters *telemetry.Counters
	rate     *rate.Share
	released int // buffers given back
}

// room is what the socket towards the Client takes before it is read, in bytes.
func newField(t *testing.T, room int, change ...func(*Env)) *field {
	f := &field{Stage: actortest.NewStage(), t: t, counters: new(telemetry.Counters)}
	f.registry, f.session = f.Witness(), f.Witness()
	f.rate = rate.New(f.Loop, func(bool, time.Duration) {})
	env := &Env{
		Slabs: new(message.Slabs), Rate: f.rate,
		Root: f.Root, Loops: []eventloop.Loop{f.Loop}, Attach: f.Attach,
		Clients: &routing.Clients{Registries: []*actor.PID{f.registry.PID}},
		Limits:  &core.Limits{MaxPacketSize: 1 << 20, MaxQoS: packet.QoS2, RetainAvailable: true},
		// Long enough not to be met by accident.
		ConnectTimeout: 5000, Counters: f.counters,
		Release:     func(*message.Packets) { f.released++ },
		NewClientID: func() string { return "made-up" }, Log: zap.NewNop(),
	}
	for _, c := range change {
		c(env)
	}
	listener := f.Listen()
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
	f.peer = <-dialled
	t.Cleanup(func() { _ = listener.Close() })
	f.counters.ConnectionsOpen.Add(1)
	f.pid = f.Spawn("connection", func(m *system.Mailbox) actor.Actor {
		return New(env, &Listener{Name: "test", AllowAnonymous: true}, f.Loop, m, conn)
	})
	return f
}

// carry lets everything that was sent arrive.
func (f *field) carry() {
	for !f.Still() {
		f.Flow()
		f.Settle()
	}
	f.Settle()
}

func (f *field) clientSends(b []byte) {
	f.peer.Send(b)
	f.carry()
}

// open brings the connection to its session.
func (f *field) open(keepAlive uint16, early ...byte) {
	connect := packet.Connect{Version: packet.V5, CleanStart: true, ClientID: []byte("c"), KeepAlive: keepAlive}
	f.clientSends(append(connect.Append(nil), early...))
	got := f.registry.Got()
	require.Len(f.t, got, 1)
	asked, ok := got[0].(*message.Connect)
	require.True(f.t, ok)
	require.Equal(f.t, "c", string(asked.Packet.ClientID))
	f.Send(f.pid, &message.Attached{Session: f.session.PID, Epoch: 7, KeepAlive: keepAlive})
}

// frames are the bytes that came to the session, which got nothing else.
func (f *field) frames() (all []byte) {
	for _, m := range f.session.Got() {
		frames, ok := m.(*message.Frames)
		require.True(f.t, ok, "%T", m)
		require.EqualValues(f.t, 7, frames.Epoch)
		all = append(all, frames.Bytes...)
	}
	return all
}

func publish(payload int) []byte {
	return (&packet.Publish{Topic: []byte("a/b"), Payload: bytes.Repeat([]byte{'x'}, payload)}).Append(nil, packet.V5)
}

func TestWholePacketsComeInOrderHoweverTheyWereSplit(t *testing.T) {
	f := newField(t, 1<<20)
	f.open(0)
	var sent []byte
	for size := range 200 {
		sent = append(sent, publish(size)...)
	}
	var got []byte
	for at, step := 0, 1; at < len(sent); at, step = at+step, step*2%997+1 {
		f.clientSends(sent[at:min(at+step, len(sent))])
		more := f.frames()
		for rest := more; len(rest) > 0; {
			h, ok, err := packet.ReadHeader(rest, 0)
			require.NoError(t, err)
			require.True(t, ok && h.FrameSize() <= len(rest), "a packet came in pieces")
			rest = rest[h.FrameSize():]
		}
		got = append(got, more...)
	}
	require.Equal(t, sent, got)
}

func TestWhatFollowsConnectAtOnceIsKept(t *testing.T) {
	f := newField(t, 1<<20)
	f.open(0, publish(3)...)
	require.Equal(t, publish(3), f.frames())
}

func TestALargePacketIsGatheredAndSoIsWhatFollows(t *testing.T) {
	f := newField(t, 1<<20)
	f.open(0)
	sent := append(publish(900_000), publish(1)...)
	f.clientSends(sent)
	require.Equal(t, sent, f.frames())
}

func TestAPromisedLengthReservesNothing(t *testing.T) {
	f := newField(t, 1<<20)
	f.open(0)
	f.clientSends(publish(1_000_000)[:100])
	require.Empty(t, f.frames())
	visit(f, func(c *Connection) { require.LessOrEqual(f.t, cap(c.partial.bytes), 8<<10) })
}

func TestAPacketAboveTheLimitIsReportedAndNothingMoreIsRead(t *testing.T) {
	f := newField(t, 1<<20)
	f.open(0)
	f.clientSends(append(publish(2), publish(2<<20)...))
	got := f.session.Got()
	require.Len(t, got, 2)
	require.Equal(t, publish(2), got[0].(*message.Frames).Bytes)
	violation, ok := got[1].(*message.Violation)
	require.True(t, ok)
	require.Equal(t, packet.PacketTooLarge, violation.Code)
	require.False(t, f.peer.Taken())
}

// [MQTT-3.1.2-22]
func TestSilenceForOneAndAHalfKeepAlives(t *testing.T) {
	f := newField(t, 1<<20)
	f.open(10)
	for range 3 { // each packet starts the time anew
		f.Elapse(14_000)
		f.carry()
		require.Empty(t, f.session.Got())
		f.clientSends((&packet.Pingreq{}).Append(nil, packet.V5))
		require.NotEmpty(t, f.frames())
	}
	f.Elapse(14_900)
	f.carry()
	require.Empty(t, f.session.Got(), "not yet")
	f.Elapse(300)
	f.carry()
	got := f.session.Got()
	require.Len(t, got, 1)
	require.Equal(t, packet.KeepAliveTimeout, got[0].(*message.Violation).Code)
}

func TestSingleBytesAreNoSignOfLife(t *testing.T) {
	f := newField(t, 1<<20)
	f.open(10)
	for _, b := range publish(100)[:20] {
		f.Elapse(1000)
		f.clientSends([]byte{b})
	}
	require.Equal(t, packet.KeepAliveTimeout, f.session.Got()[0].(*message.Violation).Code)
}

func TestALargePacketOnItsWayIs(t *testing.T) {
	f := newField(t, 1<<20)
	f.open(10)
	sent := publish(200_000)
	for at := 0; at < len(sent); at += 5000 {
		f.Elapse(1000)
		f.clientSends(sent[at:min(at+5000, len(sent))])
	}
	require.Equal(t, sent, f.frames())
}

func TestAClientThatIsNotListenedToIsNotSilent(t *testing.T) {
	f := newField(t, 1<<20)
	f.open(10)
	f.Send(f.pid, &message.Reading{On: false})
	f.clientSends(publish(1))
	f.Elapse(60_000)
	f.carry()
	require.Empty(t, f.session.Got(), "neither read nor blamed")
	f.Send(f.pid, &message.Reading{On: true})
	f.carry()
	require.Equal(t, publish(1), f.frames())
	f.Elapse(15_200)
	f.carry()
	require.Len(t, f.session.Got(), 1, "from then on it is")
}

func TestNoConnectInTime(t *testing.T) {
	f := newField(t, 1<<20)
	f.clientSends([]byte{0x10, 0x20})
	f.Elapse(5100)
	f.carry()
	require.True(t, f.peer.Gone())
	require.Zero(t, f.counters.ConnectionsOpen.Load())
	require.EqualValues(t, 1, f.counters.ConnectionsRefused.Load())
	require.Empty(t, f.registry.Got())
}

// Who has sent his CONNECT and is not judged in time is told to come again.
func TestAJudgementThatTakesTooLong(t *testing.T) {
	answer := make(chan struct{})
	defer close(answer)
	f := newField(t, 1<<20, func(e *Env) {
		e.Auth = &auth.Judge{Authenticators: []auth.Authenticator{auth.AuthenticatorFunc(func(context.Context, auth.Client) error {
			<-answer
			return nil
		})}}
	})
	connect := packet.Connect{Version: packet.V5, CleanStart: true, ClientID: []byte("c"), Username: []byte("ann")}
	f.clientSends(connect.Append(nil))
	f.elapse(4900)
	require.Empty(t, f.peer.Receive())
	f.elapse(200)
	got := f.peer.Receive()
	for !f.peer.Gone() {
		f.elapse(10)
		got = append(got, f.peer.Receive()...)
	}
	require.Equal(t, (&packet.Connack{Code: packet.ServerBusy}).Append(nil, packet.V5), got)
	require.EqualValues(t, 1, f.counters.ConnectionsRefused.Load())
	require.Zero(t, f.counters.ConnectionsOpen.Load())
	require.Empty(t, f.registry.Got())
}

func TestASessionThatNeverAnswersHoldsNoConnection(t *testing.T) {
	f := newField(t, 1<<20)
	f.clientSends((&packet.Connect{Version: packet.V5, ClientID: []byte("c")}).Append(nil))
	f.Elapse(5100)
	f.carry()
	require.True(t, f.peer.Gone())
	got := f.registry.Got()
	require.Len(t, got, 2)
	abandoned, ok := got[1].(*message.Abandoned)
	require.True(t, ok, "so that a session that comes to it late lets go of it")
	require.Equal(t, "c", abandoned.ClientID)
	require.True(t, abandoned.Connection.Equal(f.pid))
}

func TestASlowClientIsReportedAndWrittenToInOrder(t *testing.T) {
	f := newField(t, 1000)
	f.open(0)
	var sent []byte
	for i := range 5 {
		b := bytes.Repeat([]byte{byte('a' + i)}, 700)
		sent = append(sent, b...)
		f.Send(f.pid, &message.Packets{B: b})
	}
	got := f.session.Got()
	require.Equal(t, []any{&message.Congestion{Epoch: 7, On: true}}, got)
	var read []byte
	for range 1000 {
		f.carry()
		read = append(read, f.peer.Receive()...)
	}
	require.Equal(t, sent, read)
	require.Equal(t, []any{&message.Congestion{Epoch: 7, On: false}}, f.session.Got())
	require.Equal(t, 5, f.released)
}

func TestAClientThatReadsNoAnswersIsNotRead(t *testing.T) {
	f := newField(t, 1000)
	f.open(0)
	f.Send(f.pid, &message.Packets{B: make([]byte, outputHigh+2000)})
	f.session.Got()
	f.clientSends(publish(1))
	require.Empty(t, f.session.Got())
	for range 2000 {
		f.peer.Receive()
		f.carry()
	}
	got := f.session.Got()
	require.Contains(t, got, &message.Congestion{Epoch: 7, On: false})
	require.Equal(t, publish(1), got[0].(*message.Frames).Bytes, "as soon as less waits than the bound")
}

func TestCloseWritesWhatIsLeftAndWaitsForNobodyForLong(t *testing.T) {
	for _, reads := range []bool{true, false} {
		f := newField(t, 1000)
		f.open(0)
		f.Send(f.pid, &message.Packets{B: bytes.Repeat([]byte{'x'}, 2500)}, &message.Close{})
		require.Zero(t, f.peer.Closed())
		read := 0
		for i := 0; reads && i < 1000; i++ {
			f.carry()
			read += len(f.peer.Receive())
		}
		if !reads {
			f.Elapse(lingerMillis + 200)
			f.carry()
		} else {
			require.Equal(t, 2500, read)
		}
		require.NotZero(t, f.peer.Closed())
		got := f.session.Got()
		require.IsType(t, &message.Detached{}, got[len(got)-1])
		require.Zero(t, f.counters.ConnectionsOpen.Load())
		require.Equal(t, 1, f.released, "the buffer goes back either way")
	}
}

func TestTheEndOfTheStreamDetaches(t *testing.T) {
	f := newField(t, 1<<20)
	f.open(0)
	f.peer.Send(publish(4))
	f.peer.End()
	f.carry()
	got := f.session.Got()
	require.Len(t, got, 2)
	require.Equal(t, publish(4), got[0].(*message.Frames).Bytes)
	require.Equal(t, &message.Detached{Epoch: 7}, got[1])
}

// visit runs a function as a message of the connection.
func visit(f *field, do func(c *Connection)) {
	f.Send(f.pid, probe{func(ctx actor.Context) { do(ctx.Actor().(*Connection)) }})
}

// probe is a message that looks at the actor it comes to.
type probe struct{ look func(actor.Context) }

func (p probe) GetAutoResponse(ctx actor.Context) any { p.look(ctx); return nil }

// TestConnectionIsSmall holds what an idle connection keeps beside its cell and
// its socket: a byte more, and the next size is 144.
func TestConnectionIsSmall(t *testing.T) {
	require.LessOrEqual(t, unsafe.Sizeof(Connection{}), uintptr(128))
}
