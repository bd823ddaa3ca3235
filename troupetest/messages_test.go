package troupetest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/protocol/packet"
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

func TestWaitAcknowledged(t *testing.T) {
	b := troupetest.Start(t)
	work := make(chan struct{})
	c := paho3(t, b, "c", func(o *mqtt.ClientOptions) { o.SetOrderMatters(true) })
	done(t, c.SubscribeMultiple(map[string]byte{"jobs/#": 1, "q0": 0}, func(mqtt.Client, mqtt.Message) { <-work }))
	for i := range 3 {
		b.Publish(t, troupe.Message{Topic: fmt.Sprint("jobs/", i), QoS: troupe.ExactlyOnce})
	}
	b.Publish(t, troupe.Message{Topic: "q0"})
	work <- struct{}{}
	require.Equal(t, "jobs/0", b.WaitAcknowledged(t, "c", "#", 1)[0].Topic)

	b.Timeout = time.Millisecond
	f := new(failing)
	b.WaitAcknowledged(f, "c", "jobs/+", 2)
	require.Contains(t, f.failure, `client "c" has acknowledged 1 of 2 messages of "jobs/+"`)
	f = new(failing)
	b.WaitAcknowledged(f, "d", "jobs/+", 1)
	require.Contains(t, f.failure, `client "d" has acknowledged 0 of 1`)
	b.Timeout = patience
	close(work)
	all := b.WaitAcknowledged(t, "c", "#", 3)
	require.Len(t, all, 3, "with QoS 0 nothing is acknowledged")
	require.Equal(t, "jobs/2", all[2].Topic)
	require.Equal(t, "c", all[2].Client)
}

// Hooks of the test come first: what they change is what is published, and what they
// refuse is not.
func TestHooksOfTheTest(t *testing.T) {
	b := troupetest.Start(t, troupe.WithHooks(troupe.Hooks{Publish: func(_ troupe.Client, m *troupe.Message) error {
		if m.Topic == "refused" {
			return &troupe.Refusal{Code: packet.NotAuthorized}
		}
		m.Topic = "changed/" + m.Topic
		return nil
	}}))
	c := paho3(t, b, "c")
	done(t, c.Publish("refused", 1, false, "x"))
	done(t, c.Publish("taken", 1, false, "y"))
	all := b.Wait(t, "#", 1)
	require.Len(t, all, 1)
	require.Equal(t, "changed/taken", all[0].Topic)
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
