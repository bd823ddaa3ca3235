package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
)

// What came for a Client that was away is there at once when it is back, whole
// and in order.
func TestPaho5OfflineQueue(t *testing.T) {
	const messages = 500
	broker := serveProcess(t, "")
	source := paho5(t, broker.address, fresh("source"))
	for _, gently := range []bool{true, false} {
		sink := paho5(t, broker.address, lasting("sink", true))
		sink.subscribe(paho.SubscribeOptions{Topic: "queue/1", QoS: 1}, paho.SubscribeOptions{Topic: "queue/2", QoS: 2})
		if gently {
			require.NoError(t, sink.Disconnect(&paho.Disconnect{}))
		} else {
			sink.cut()
		}
		for i := range messages {
			source.publish(&paho.Publish{Topic: fmt.Sprint("queue/", 1+i%2), QoS: 2, Payload: fmt.Append(nil, i)})
		}
		source.publish(&paho.Publish{Topic: "queue/1", QoS: 0, Payload: []byte("not for the absent")})

		back := paho5(t, broker.address, lasting("sink", false), sink)
		require.True(t, back.connack.SessionPresent)
		for i := range messages {
			p := back.next()
			require.Equal(t, fmt.Sprint(i), string(p.Payload))
			require.Equal(t, byte(1+i%2), p.QoS)
		}
		back.nothingMore()
	}
}

// Clean Start leaves nothing of what was.
func TestPaho5CleanStart(t *testing.T) {
	broker := serveProcess(t, "")
	source := paho5(t, broker.address, fresh("source"))
	sink := paho5(t, broker.address, lasting("sink", true))
	sink.subscribe(paho.SubscribeOptions{Topic: "queue", QoS: 1})
	require.NoError(t, sink.Disconnect(&paho.Disconnect{}))
	source.publish(&paho.Publish{Topic: "queue", QoS: 1, Payload: []byte("forgotten")})

	back := paho5(t, broker.address, lasting("sink", true))
	require.False(t, back.connack.SessionPresent)
	source.publish(&paho.Publish{Topic: "queue", QoS: 1, Payload: []byte("not subscribed")})
	back.nothingMore()
}

// A Session ends its interval after its connection, also when DISCONNECT set
// the interval anew.
func TestPaho5SessionExpires(t *testing.T) {
	t.Parallel() // it is mostly waiting
	broker := serveProcess(t, "")
	ends := func(c paho.Connect, d *paho.Disconnect) {
		f := paho5(t, broker.address, c)
		require.NoError(t, f.Disconnect(d))
	}
	short := lasting("short", true)
	short.Properties.SessionExpiryInterval = new(uint32(1))
	ends(short, &paho.Disconnect{})
	ends(lasting("shortened", true), &paho.Disconnect{Properties: &paho.DisconnectProperties{SessionExpiryInterval: new(uint32(1))}})
	ends(lasting("ended", true), &paho.Disconnect{Properties: &paho.DisconnectProperties{SessionExpiryInterval: new(uint32(0))}})
	ends(lasting("kept", true), &paho.Disconnect{})

	require.False(t, paho5(t, broker.address, lasting("ended", false)).connack.SessionPresent)
	// To look is to come back: each look waits for more than the interval.
	for _, id := range []string{"short", "shortened"} {
		require.Eventually(t, func() bool {
			conn := knock(t, broker.address, packet.V5)
			present := conn.connect(&packet.Connect{ClientID: []byte(id), HasSessionExpiry: true, SessionExpiry: 2}).SessionPresent
			conn.sendPackets(&packet.Disconnect{HasSessionExpiry: true, SessionExpiry: 1})
			conn.expectClosed()
			return !present
		}, patience, 1500*time.Millisecond)
	}
	require.True(t, paho5(t, broker.address, lasting("kept", false)).connack.SessionPresent)
}

func TestPaho5Takeover(t *testing.T) {
	broker := serveProcess(t, "")
	source := paho5(t, broker.address, fresh("source"))
	first := paho5(t, broker.address, lasting("c", true))
	first.subscribe(paho.SubscribeOptions{Topic: "a", QoS: 1})
	second := paho5(t, broker.address, lasting("c", false), first)
	first.expectGoodbye(byte(packet.SessionTakenOver))
	require.True(t, second.connack.SessionPresent)
	source.publish(&paho.Publish{Topic: "a", QoS: 1, Payload: []byte("1")})
	second.expect("1")

	third := paho5(t, broker.address, lasting("c", true))
	second.expectGoodbye(byte(packet.SessionTakenOver))
	require.False(t, third.connack.SessionPresent)
	source.publish(&paho.Publish{Topic: "a", QoS: 1, Payload: []byte("2")})
	third.nothingMore()
}

func withWill(c paho.Connect, topic string, delay uint32) paho.Connect {
	c.WillMessage = &paho.WillMessage{QoS: 1, Topic: topic, Payload: []byte(c.ClientID)}
	c.WillProperties = &paho.WillProperties{WillDelayInterval: &delay, User: paho.UserProperties{{Key: "k", Value: "v"}}}
	return c
}

func TestPaho5Will(t *testing.T) {
	broker := serveProcess(t, "")
	watch := paho5(t, broker.address, fresh("watch"))
	watch.subscribe(paho.SubscribeOptions{Topic: "will/#", QoS: 2})

	lost := paho5(t, broker.address, withWill(fresh("lost"), "will/lost", 0))
	lost.cut()
	p := watch.next()
	require.Equal(t, "lost", string(p.Payload))
	require.Equal(t, paho.UserProperties{{Key: "k", Value: "v"}}, p.Properties.User)

	polite := paho5(t, broker.address, withWill(fresh("polite"), "will/polite", 0))
	require.NoError(t, polite.Disconnect(&paho.Disconnect{}))
	insistent := paho5(t, broker.address, withWill(fresh("insistent"), "will/insistent", 0))
	require.NoError(t, insistent.Disconnect(&paho.Disconnect{ReasonCode: byte(packet.DisconnectWithWill)}))
	watch.expect("insistent")

	// A Session that ends takes no more time than its Will has.
	ended := paho5(t, broker.address, withWill(fresh("ended"), "will/ended", 3600))
	ended.cut()
	watch.expect("ended")

	// Taken over, as by a lost connection: at once without a delay.
	first := paho5(t, broker.address, withWill(lasting("taken", true), "will/taken", 0))
	_ = paho5(t, broker.address, lasting("taken", false))
	first.expectGoodbye(byte(packet.SessionTakenOver))
	watch.expect("taken")
	watch.nothingMore()
}

// A delayed Will waits, and who comes back in time has none.
func TestPaho5WillDelay(t *testing.T) {
	t.Parallel() // it is mostly waiting
	broker := serveProcess(t, "")
	watch := paho5(t, broker.address, fresh("watch"))
	watch.subscribe(paho.SubscribeOptions{Topic: "will/#", QoS: 2})

	resumed := paho5(t, broker.address, withWill(lasting("resumed", true), "will/resumed", 1))
	resumed.cut()
	taken := paho5(t, broker.address, withWill(lasting("taken", true), "will/taken", 1))
	_ = paho5(t, broker.address, lasting("taken", false))
	taken.expectGoodbye(byte(packet.SessionTakenOver))
	anew := paho5(t, broker.address, withWill(lasting("anew", true), "will/anew", 3600))
	anew.cut()
	_ = paho5(t, broker.address, lasting("resumed", false))
	_ = paho5(t, broker.address, lasting("anew", true)) // the Session ends, and so does the delay
	watch.expect("anew")

	gone := paho5(t, broker.address, withWill(lasting("gone", true), "will/gone", 1))
	gone.cut()
	watch.nothingMore()
	watch.expect("gone") // due after those that were called off
	watch.nothingMore()
}
