package troupetest_test

import (
	"net"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/troupetest"
)

func mqttWill(t testing.TB, b *troupetest.Broker, id, topic, payload string) mqtt.Client {
	t.Helper()
	c := paho3(t, b, id, func(o *mqtt.ClientOptions) { o.SetWill(topic, payload, 1, false).SetAutoReconnect(false) })
	b.WaitConnected(t, id)
	return c
}

func TestCut(t *testing.T) {
	b := troupetest.Start(t)
	lost := make(chan error, 10)
	watch := func(o *mqtt.ClientOptions) {
		o.SetAutoReconnect(false)
		o.SetConnectionLostHandler(func(_ mqtt.Client, err error) { lost <- err })
	}
	paho3(t, b, "a", watch)
	other := paho3(t, b, "b", watch)
	b.WaitConnected(t, "a")
	b.WaitConnected(t, "b")
	require.Equal(t, 1, b.Cut("a", "nobody"))
	require.Error(t, receive(t, lost))
	b.WaitDisconnected(t, "a")
	require.True(t, other.IsConnectionOpen())
	require.Equal(t, 1, b.Cut())
	receive(t, lost)
	b.WaitDisconnected(t, "")
	require.Zero(t, b.Cut())
}

func TestRefuse(t *testing.T) {
	b := troupetest.Start(t)
	stays := paho3(t, b, "stays")
	end := b.Refuse()
	token := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + b.Addr()).SetClientID("c")).Connect()
	require.True(t, token.WaitTimeout(patience))
	require.Error(t, token.Error())
	done(t, stays.Publish("t", 1, false, "x"))
	end()
	end()
	paho3(t, b, "c")
}

func TestAnswer(t *testing.T) {
	b := troupetest.Start(t)
	end := b.Answer(packet.ServerUnavailable, "c", "d")
	token := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + b.Addr()).SetClientID("c")).Connect()
	require.True(t, token.WaitTimeout(patience))
	require.ErrorContains(t, token.Error(), "server Unavailable")

	conn, err := net.Dial("tcp", b.Addr())
	require.NoError(t, err)
	five := paho.NewClient(paho.ClientConfig{Conn: conn})
	ack, err := five.Connect(within(t), &paho.Connect{ClientID: "d", KeepAlive: 30, CleanStart: true})
	require.Error(t, err)
	require.Equal(t, byte(packet.ServerUnavailable), ack.ReasonCode)

	paho3(t, b, "another")
	require.Empty(t, b.Messages("#"))
	end()
	paho3(t, b, "c")
}

// A frozen broker: nothing is lost, and nothing comes.
func TestFreeze(t *testing.T) {
	b := troupetest.Start(t)
	c, other := paho3(t, b, "c"), paho3(t, b, "other")
	thaw := b.Freeze("c")
	late := c.Publish("t", 1, false, "late")
	done(t, other.Publish("u", 1, false, "now"))
	b.Wait(t, "u", 1)
	select {
	case <-late.Done():
		require.FailNow(t, "a frozen broker answers")
	default:
	}
	require.Empty(t, b.Messages("t"))
	thaw()
	thaw()
	done(t, late)
	require.Len(t, b.Wait(t, "t", 1), 1)

	// New connections get no answer.
	thaw = b.Freeze()
	fresh := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + b.Addr()).SetClientID("fresh"))
	token := fresh.Connect()
	b.Publish(t, troupe.Message{Topic: "v"})
	b.Wait(t, "v", 1)
	require.Len(t, b.Clients(), 2)
	thaw()
	done(t, token)
	fresh.Disconnect(250)
}

// Without its acknowledgement a Client sends again, after the connection was cut.
func TestDropAcks(t *testing.T) {
	b := troupetest.Start(t)
	c := auto(t, b, "c", nil)
	b.WaitSubscribed(t, "c", "to/c")
	end := b.DropAcks("c")
	acked := make(chan error, 2)
	publish := func(topic string, qos byte) {
		_, err := c.Publish(within(t), &paho.Publish{Topic: topic, QoS: qos, Payload: []byte(topic)})
		acked <- err
	}
	go publish("q1", 1)
	go publish("q2", 2)
	b.Wait(t, "+", 2)
	require.Empty(t, acked)
	accept := b.Refuse() // or it is back before the acknowledgements are
	b.Cut("c")
	end()
	accept()
	require.NoError(t, receive(t, acked))
	require.NoError(t, receive(t, acked))
	require.Len(t, b.Wait(t, "q1", 2), 2, "QoS 1 comes again")
	require.Len(t, b.Messages("q2"), 1, "QoS 2 does not")
}

func TestDelayAcks(t *testing.T) {
	b := troupetest.Start(t)
	c := paho3(t, b, "c")
	const delay = 50 * time.Millisecond
	end := b.DelayAcks(delay)
	start := time.Now()
	done(t, c.Publish("t", 1, false, "x"))
	require.GreaterOrEqual(t, time.Since(start), delay)
	end()
	done(t, c.Publish("t", 1, false, "x"))
}

func TestSlow(t *testing.T) {
	b := troupetest.Start(t)
	c := paho3(t, b, "c")
	const size, rate = 5000, 50_000
	end := b.Slow(10*time.Millisecond, rate, "c")
	start := time.Now()
	done(t, c.Publish("t", 1, false, make([]byte, size)))
	require.GreaterOrEqual(t, time.Since(start), 20*time.Millisecond+size*time.Second/rate)
	end()
	require.Len(t, b.Wait(t, "t", 1)[0].Payload, size)
}

// One packet can be held, to see what happens meanwhile.
func TestInterceptHolds(t *testing.T) {
	b := troupetest.Start(t)
	held, seen := make(chan struct{}), make(chan troupetest.Packet, 1)
	end := b.Intercept(func(p troupetest.Packet) troupetest.Verdict {
		if p.Type != packet.TypePuback {
			return troupetest.Verdict{}
		}
		seen <- p
		return troupetest.Verdict{Hold: held}
	})
	c := paho3(t, b, "c")
	token := c.Publish("t", 1, false, "x")
	p := receive(t, seen)
	require.Equal(t, "c", p.Client)
	require.False(t, p.FromClient)
	require.Equal(t, packet.V311, p.Version)
	var ack packet.Puback
	require.NoError(t, ack.Decode(p.Frame, p.Version))
	require.Len(t, b.Messages("t"), 1, "it is acknowledged after it was taken")
	select {
	case <-token.Done():
		require.FailNow(t, "the packet is not held")
	default:
	}
	close(held)
	done(t, token)
	end()
	done(t, c.Publish("t", 1, false, "x"))
	require.Empty(t, seen)
}

func TestInterceptCuts(t *testing.T) {
	b := troupetest.Start(t)
	end := b.Intercept(func(p troupetest.Packet) troupetest.Verdict {
		return troupetest.Verdict{Cut: p.Type == packet.TypePublish}
	})
	lost := make(chan error, 1)
	lose := func(o *mqtt.ClientOptions) {
		o.SetAutoReconnect(false)
		o.SetConnectionLostHandler(func(_ mqtt.Client, err error) { lost <- err })
	}
	c := paho3(t, b, "c", lose)
	c.Publish("t", 1, false, "cut off")
	require.Error(t, receive(t, lost))
	b.WaitDisconnected(t, "c")
	end()
	done(t, paho3(t, b, "d", lose).Publish("t", 1, false, "x"))
	all := b.Wait(t, "t", 1)
	require.Len(t, all, 1)
	require.Equal(t, "x", string(all[0].Payload))
}

// What is no MQTT reaches the broker, which closes the connection.
func TestNonsense(t *testing.T) {
	b := troupetest.Start(t)
	conn, err := net.Dial("tcp", b.Addr())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = conn.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	_, err = conn.Read(make([]byte, 100))
	require.Error(t, err)
	require.NotErrorIs(t, err, net.ErrClosed)
	timeout, ok := err.(net.Error)
	require.False(t, ok && timeout.Timeout(), "the broker keeps what is no MQTT")
}
