package connection

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/protocol/packet"
)

// elapse lets time pass in the steps of a loop's timer, and all happen that it brings.
func (f *field) elapse(ms int64) {
	for range ms / 16 {
		f.Elapse(16)
		f.carry()
	}
}

// messages counts packets, and says that each is what was sent.
func messages(t *testing.T, b []byte, each []byte) (n int) {
	for ; len(b) > 0; n++ {
		require.GreaterOrEqual(t, len(b), len(each), "a packet came in pieces")
		require.Equal(t, each, b[:len(each)])
		b = b[len(each):]
	}
	return n
}

func flood(each []byte, n int) (all []byte) {
	for range n {
		all = append(all, each...)
	}
	return all
}

func TestMessagesAreHeldToTheRateAndNoneIsLost(t *testing.T) {
	f := newField(t, 1<<20)
	f.open(0)
	f.rate.Set(100, 0)
	const sent = 1500
	f.clientSends(flood(publish(9), sent))
	got := messages(t, f.frames(), publish(9))
	first := got
	require.LessOrEqual(t, first, 12, "a tenth of a second's worth")
	for second := 1; second <= 5; second++ {
		f.elapse(1008)
		got += messages(t, f.frames(), publish(9))
		require.InEpsilon(t, 100*second, got-first, 0.1)
	}
	f.elapse(11_000)
	require.Equal(t, sent, got+messages(t, f.frames(), publish(9)))
}

func TestBytesAreHeldToTheRateAndNoneIsLost(t *testing.T) {
	f := newField(t, 1<<20)
	f.open(0)
	f.rate.Set(0, 100_000)
	sent := flood(publish(1000), 900)
	f.clientSends(sent)
	f.elapse(5008)
	got := f.frames()
	require.InEpsilon(t, 500_000, len(got), 0.1)
	f.elapse(5008)
	require.Equal(t, sent, append(got, f.frames()...))
}

func TestOneLargePacketIsHeldToTheRate(t *testing.T) {
	f := newField(t, 2<<20)
	f.open(0)
	f.rate.Set(0, 100_000)
	f.clientSends(publish(900_000))
	f.elapse(8000)
	require.Empty(t, f.frames())
	f.elapse(2000)
	require.Equal(t, publish(900_000), f.frames())
}

// What is no PUBLISH is no message.
func TestAcknowledgementsAreNoMessages(t *testing.T) {
	f := newField(t, 1<<20)
	f.open(0)
	f.rate.Set(1, 0)
	sent := flood((&packet.Puback{PacketID: 7}).Append(nil, packet.V311), 1000)
	f.clientSends(sent)
	require.Equal(t, sent, f.frames())
}

// The time that we do not listen is not the Client's silence.
func TestKeepAliveOfWhoWaitsForHisTurn(t *testing.T) {
	f := newField(t, 1<<20)
	f.open(10)
	f.rate.Set(0, 1000)
	f.rate.Took(0, 60_000, f.Now()) // others have used up a minute
	ping := (&packet.Pingreq{}).Append(nil, packet.V5)
	f.clientSends(ping)
	f.elapse(58_000)
	require.Empty(t, f.session.Got())
	f.elapse(3000)
	require.Equal(t, ping, f.frames())
	f.elapse(13_500)
	require.Empty(t, f.session.Got(), "its time begins when it was heard")
	f.elapse(1_600)
	require.IsType(t, &message.Violation{}, f.session.Got()[0])
}

func TestConnectTimeoutOfWhoWaitsForHisTurn(t *testing.T) {
	f := newField(t, 1<<20)
	f.rate.Set(0, 1000)
	f.rate.Took(0, 20_000, f.Now())
	f.clientSends((&packet.Connect{Version: packet.V5, CleanStart: true, ClientID: []byte("c")}).Append(nil))
	f.elapse(19_500)
	require.Empty(t, f.registry.Got())
	f.elapse(1000)
	require.IsType(t, &message.Connect{}, f.registry.Got()[0])
}

// The session's credit to read and the instance's are taken and given without
// regard to one another.
func TestTurnComesWhileTheSessionDoesNotListen(t *testing.T) {
	f := newField(t, 1<<20)
	f.open(0)
	f.rate.Set(10, 0)
	f.clientSends(flood(publish(9), 20))
	got := messages(t, f.frames(), publish(9))
	f.Send(f.pid, &message.Reading{})
	f.elapse(3008)
	require.Empty(t, f.session.Got())
	f.Send(f.pid, &message.Reading{On: true})
	f.elapse(3008)
	require.Equal(t, 20, got+messages(t, f.frames(), publish(9)))
}

func TestWhoEndsWhileHeWaitsIsForgotten(t *testing.T) {
	f := newField(t, 1<<20)
	f.open(0)
	f.rate.Set(1, 0)
	f.clientSends(flood(publish(9), 20))
	require.EqualValues(t, 1, f.rate.Figures(f.Now()).Waiting)
	f.Send(f.pid, &message.Close{})
	f.carry()
	require.Zero(t, f.rate.Figures(f.Now()).Waiting)
	f.elapse(1000)
	require.True(t, f.rate.May(f.Now()))
}

func TestTheRateIsLiftedWhileSomebodyWaits(t *testing.T) {
	f := newField(t, 1<<20)
	f.open(0)
	f.rate.Set(1, 0)
	f.clientSends(flood(publish(9), 2000))
	got := messages(t, f.frames(), publish(9))
	f.rate.Set(0, 0)
	f.carry()
	require.Equal(t, 2000, got+messages(t, f.frames(), publish(9)))
}
