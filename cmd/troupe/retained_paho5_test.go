package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
	"github.com/stretchr/testify/require"
)

func TestPaho5Retained(t *testing.T) {
	broker := serveProcess(t, "")
	source := paho5(t, broker.address, fresh("source"))
	for i := range 20 {
		source.publish(&paho.Publish{Topic: fmt.Sprint("retained/", i), QoS: byte(i % 3), Retain: true, Payload: []byte("old")})
		source.publish(&paho.Publish{Topic: fmt.Sprint("retained/", i), QoS: byte(i % 3), Retain: true, Payload: fmt.Append(nil, i)})
	}
	source.publish(&paho.Publish{Topic: "retained/3", Retain: true, QoS: 1}) // deleted

	sink := paho5(t, broker.address, fresh("sink"))
	sink.subscribe(paho.SubscribeOptions{Topic: "retained/#", QoS: 1})
	seen := make(map[string]byte)
	for range 19 {
		p := sink.next()
		require.True(t, p.Retain)
		require.Equal(t, p.Topic, "retained/"+string(p.Payload))
		seen[p.Topic] = p.QoS
	}
	require.Len(t, seen, 19)
	require.NotContains(t, seen, "retained/3")
	require.Equal(t, byte(1), seen["retained/5"], "QoS 2, granted 1")
	require.Equal(t, byte(0), seen["retained/6"])
	sink.nothingMore()
}

func TestPaho5RetainHandling(t *testing.T) {
	broker := serveProcess(t, "")
	c := paho5(t, broker.address, fresh("c"))
	c.publish(&paho.Publish{Topic: "r", Retain: true, QoS: 1, Payload: []byte("kept")})
	again := func(handling byte, want ...string) {
		t.Helper()
		c.subscribe(paho.SubscribeOptions{Topic: "r", QoS: 1, RetainHandling: handling})
		c.expect(want...)
		c.nothingMore()
	}
	again(2)         // never
	again(1)         // only with a new Subscription, which this is not
	again(0, "kept") // always
	again(0, "kept")
	_, err := c.Unsubscribe(c.context(), &paho.Unsubscribe{Topics: []string{"r"}})
	require.NoError(t, err)
	again(1, "kept")
	again(1)

	// Never for a Shared Subscription (section 4.8.2).
	c.subscribe(paho.SubscribeOptions{Topic: "$share/g/r", QoS: 1})
	c.nothingMore()
}

func TestPaho5RetainAsPublished(t *testing.T) {
	broker := serveProcess(t, "")
	plain, as := paho5(t, broker.address, fresh("plain")), paho5(t, broker.address, fresh("as"))
	plain.subscribe(paho.SubscribeOptions{Topic: "r", QoS: 1})
	as.subscribe(paho.SubscribeOptions{Topic: "r", QoS: 1, RetainAsPublished: true})
	for _, retain := range []bool{true, false} {
		plain.publish(&paho.Publish{Topic: "r", Retain: retain, QoS: 1, Payload: []byte("x")})
		require.False(t, plain.next().Retain)
		require.Equal(t, retain, as.next().Retain)
	}
}

// The interval that is left goes down while a message waits, and at its end the
// message is gone: retained, and in the queue of a Client that is away.
func TestPaho5MessageExpiry(t *testing.T) {
	t.Parallel() // it is mostly waiting
	broker := serveProcess(t, "")
	source := paho5(t, broker.address, fresh("source"))
	sink := paho5(t, broker.address, lasting("sink", true))
	sink.subscribe(paho.SubscribeOptions{Topic: "queue/#", QoS: 1})
	require.NoError(t, sink.Disconnect(&paho.Disconnect{}))
	publish := func(topic string, retain bool, expiry uint32) {
		source.publish(&paho.Publish{Topic: topic, Retain: retain, QoS: 1, Payload: fmt.Append(nil, expiry),
			Properties: &paho.PublishProperties{MessageExpiry: &expiry}})
	}
	publish("retained/short", true, 1)
	publish("retained/long", true, 1000)
	publish("queue/short", false, 1)
	publish("queue/long", false, 1000)

	look := paho5(t, broker.address, fresh("look"))
	var left uint32
	require.Eventually(t, func() bool {
		look.subscribe(paho.SubscribeOptions{Topic: "retained/#", QoS: 1}, paho.SubscribeOptions{Topic: "end"})
		look.publish(&paho.Publish{Topic: "end", Payload: []byte("end")})
		short := false
		for p := look.next(); p.Topic != "end"; p = look.next() {
			if p.Topic == "retained/short" {
				short = true
				require.LessOrEqual(t, *p.Properties.MessageExpiry, uint32(1))
			} else {
				left = *p.Properties.MessageExpiry
			}
		}
		return !short && left < 999
	}, patience, 50*time.Millisecond)
	require.Greater(t, left, uint32(1000-patience/time.Second))

	back := paho5(t, broker.address, lasting("sink", false), sink)
	p := back.next()
	require.Equal(t, "queue/long", p.Topic)
	require.Less(t, *p.Properties.MessageExpiry, uint32(1000))
	back.nothingMore()
}
