package troupetest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/troupetest"
)

func TestMessages(t *testing.T) {
	b := troupetest.Start(t)
	five, three := paho5(t, b, "five", nil), paho3(t, b, "three")
	for i := range 20 {
		_, err := five.Publish(within(t), &paho.Publish{
			Topic: "a/five", Payload: fmt.Append(nil, i), QoS: byte(i % 3), Retain: i == 7,
			Properties: &paho.PublishProperties{ContentType: "text/plain", User: paho.UserProperties{{Key: "k", Value: "v"}}},
		})
		require.NoError(t, err)
		done(t, three.Publish("a/three", byte(i%3), false, fmt.Append(nil, i)))
	}
	b.Publish(t, troupe.Message{Topic: "a/program", Payload: []byte("p")})

	all := b.Wait(t, "a/+", 41)
	require.Len(t, all, 41)
	for client, topic := range map[string]string{"five": "a/five", "three": "a/three"} {
		own := b.Messages(topic)
		require.Len(t, own, 20)
		for i, m := range own {
			require.Equal(t, client, m.Client)
			require.Equal(t, fmt.Sprint(i), string(m.Payload))
			require.Equal(t, troupe.QoS(i%3), m.QoS)
			require.Equal(t, client == "five" && i == 7, m.Retain)
			if client == "five" {
				require.Equal(t, "text/plain", m.ContentType)
				require.Equal(t, []troupe.UserProperty{{Name: "k", Value: "v"}}, m.UserProperties)
			}
		}
	}
	require.Empty(t, b.Messages("a/program")[0].Client)

	b.Forget()
	require.Empty(t, b.Messages("#"))
	b.Publish(t, troupe.Message{Topic: "b"})
	require.Len(t, b.Wait(t, "#", 1), 1)
}

// A Will is a message of its Client.
func TestWill(t *testing.T) {
	b := troupetest.Start(t)
	c := mqttWill(t, b, "c", "gone/c", "bye")
	require.True(t, c.IsConnected())
	require.Equal(t, 1, b.Cut("c"))
	m := b.Wait(t, "gone/+", 1)[0]
	require.Equal(t, "bye", string(m.Payload))
	require.Equal(t, "c", m.Client)
}

func TestWaitFails(t *testing.T) {
	b := troupetest.Start(t)
	b.Publish(t, troupe.Message{Topic: "other", Payload: []byte("x")})
	b.Timeout = time.Millisecond
	f := new(failing)
	b.Wait(f, "wanted", 1)
	require.Contains(t, f.failure, `0 of 1 messages were published to "wanted"`)
	require.Contains(t, f.failure, `other "x"`)
	require.Panics(t, func() { b.Messages("a/#/b") })
	require.Panics(t, func() { b.Wait(t, "", 1) })
}
