package main

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
)

// three is a Client of MQTT 3.1 or 3.1.1 as Paho has it.
type three struct {
	mqtt.Client
	t        testing.TB
	received chan mqtt.Message
	lost     chan error
	present  bool // what CONNACK said
}

// Versions of paho.mqtt.golang.
var threes = map[string]uint{"3.1": 3, "3.1.1": 4}

// paho3 connects; change sets what is not the default: a clean session, no
// reconnects.
func paho3(t testing.TB, address string, version uint, id string, change func(*mqtt.ClientOptions)) *three {
	t.Helper()
	c := &three{t: t, received: make(chan mqtt.Message, 10_000), lost: make(chan error, 1)}
	o := mqtt.NewClientOptions().AddBroker((&url.URL{Scheme: "tcp", Host: address}).String()).
		SetProtocolVersion(version).SetClientID(id).SetAutoReconnect(false).SetOrderMatters(true).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { c.received <- m }).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) { c.lost <- err })
	if change != nil {
		change(o)
	}
	c.Client = mqtt.NewClient(o)
	token := c.Connect()
	c.await(token)
	c.present = token.(*mqtt.ConnectToken).SessionPresent()
	t.Cleanup(func() { c.Disconnect(0) })
	return c
}

func kept(o *mqtt.ClientOptions) { o.SetCleanSession(false) }

func (c *three) await(token mqtt.Token) {
	c.t.Helper()
	require.True(c.t, token.WaitTimeout(patience))
	require.NoError(c.t, token.Error())
}

func (c *three) subscribe(filter string, qos byte) {
	c.t.Helper()
	token := c.Subscribe(filter, qos, nil)
	c.await(token)
	require.Equal(c.t, map[string]byte{filter: qos}, token.(*mqtt.SubscribeToken).Result())
}

func (c *three) publish(topic string, qos byte, retain bool, payload string) {
	c.t.Helper()
	c.await(c.Publish(topic, qos, retain, payload))
}

func (c *three) next() mqtt.Message {
	c.t.Helper()
	select {
	case m := <-c.received:
		return m
	case <-time.After(patience):
		require.FailNow(c.t, "no message")
		return nil
	}
}

func (c *three) expect(payloads ...string) {
	c.t.Helper()
	for _, want := range payloads {
		require.Equal(c.t, want, string(c.next().Payload()))
	}
}

// nothingMore holds when a message to itself is the next one.
func (c *three) nothingMore() {
	c.t.Helper()
	r := c.OptionsReader()
	topic := "nothing-more/" + r.ClientID()
	c.subscribe(topic, 0)
	c.publish(topic, 0, false, "nothing more")
	c.expect("nothing more")
	c.await(c.Unsubscribe(topic))
}

func TestPaho3EveryQoS(t *testing.T) {
	broker := serveProcess(t, "")
	for name, version := range threes {
		source := paho3(t, broker.address, version, "source", nil)
		for granted := range byte(3) {
			sink := paho3(t, broker.address, version, fmt.Sprint("sink", granted), nil)
			sink.subscribe("qos/+/#", granted)
			for sent := range byte(3) {
				for i := range 50 {
					source.publish("qos/a/b", sent, false, fmt.Sprint(sent, i))
				}
				for i := range 50 {
					m := sink.next()
					require.Equal(t, fmt.Sprint(sent, i), string(m.Payload()), name)
					require.Equal(t, min(sent, granted), m.Qos())
				}
			}
			sink.nothingMore()
			sink.Disconnect(100)
		}
	}
}

func TestPaho3Retained(t *testing.T) {
	broker := serveProcess(t, "")
	for _, version := range threes {
		c := paho3(t, broker.address, version, "c", nil)
		c.publish("r/1", 1, true, "old")
		c.publish("r/1", 1, true, "one")
		c.publish("r/2", 2, true, "two")
		c.publish("r/2", 2, true, "")
		c.subscribe("r/#", 1)
		m := c.next()
		require.Equal(t, "one", string(m.Payload()))
		require.True(t, m.Retained())
		c.publish("r/1", 0, true, "live")
		require.False(t, c.next().Retained())
		c.subscribe("r/#", 1) // before 5.0 each SUBSCRIBE brings them
		c.expect("live")
		c.nothingMore()
		c.publish("r/1", 1, true, "")
		c.expect("")
	}
}

func TestPaho3SessionResumes(t *testing.T) {
	const messages = 300
	broker := serveProcess(t, "")
	for name, version := range threes {
		id := "kept " + name
		c := paho3(t, broker.address, version, id, kept)
		c.subscribe("queue/1", 1)
		c.subscribe("queue/2", 2)
		c.Disconnect(100)
		source := paho3(t, broker.address, version, "source", nil)
		for i := range messages {
			source.publish(fmt.Sprint("queue/", 1+i%2), 2, false, fmt.Sprint(i))
		}
		back := paho3(t, broker.address, version, id, kept)
		require.Equal(t, version == 4, back.present) // 3.1 has no way to say it
		for i := range messages {
			back.expect(fmt.Sprint(i))
		}
		back.nothingMore()
		back.Disconnect(100)
		require.False(t, paho3(t, broker.address, version, id, nil).present)
	}
}

func TestPaho3WillAndTakeover(t *testing.T) {
	broker := serveProcess(t, "")
	for name, version := range threes {
		watch := paho3(t, broker.address, version, "watch", nil)
		watch.subscribe("will/#", 2)
		will := func(o *mqtt.ClientOptions) { o.SetWill("will/c", "gone", 2, true) }
		first := paho3(t, broker.address, version, "c", will)
		second := paho3(t, broker.address, version, "c", will)
		require.Error(t, <-first.lost, name)
		watch.expect("gone")
		second.Disconnect(100)
		watch.nothingMore()
		late := paho3(t, broker.address, version, "late", nil)
		late.subscribe("will/c", 0)
		require.True(t, late.next().Retained())
		late.publish("will/c", 1, true, "")
		watch.expect("")
	}
}

// Paho pings for as long as its Keep Alive says; the broker does not cut it off.
func TestPaho3KeepAlive(t *testing.T) {
	t.Parallel() // it is mostly waiting
	broker := serveProcess(t, "sys: {interval: 1s}")
	c := paho3(t, broker.address, 4, "c", func(o *mqtt.ClientOptions) { o.SetKeepAlive(time.Second) })
	c.subscribe("$SYS/broker/uptime", 0)
	for range 5 { // seconds
		c.next()
	}
	require.Empty(t, c.lost)
	require.True(t, c.IsConnectionOpen())
}

func TestPaho3Large(t *testing.T) {
	broker := serveProcess(t, "")
	c := paho3(t, broker.address, 4, "c", nil)
	c.subscribe("large", 1)
	payload := strings.Repeat("x", 1<<20-100)
	c.publish("large", 1, false, payload)
	require.True(t, payload == string(c.next().Payload()))
	c.Publish("large", 0, false, payload+payload)
	select {
	case err := <-c.lost:
		require.Error(t, err)
	case <-time.After(patience):
		require.FailNow(t, "the connection stays open")
	}
}

// All versions speak with one another; what only 5.0 has stays out of the rest.
func TestVersionsMixed(t *testing.T) {
	broker := serveProcess(t, "")
	old, older := paho3(t, broker.address, 4, "old", nil), paho3(t, broker.address, 3, "older", nil)
	five := enter(t, broker.address, packet.V5, "five")
	old.subscribe("mixed/#", 2)
	older.subscribe("mixed/#", 2)
	five.subscribe("mixed/#", packet.SubscriptionOptions{QoS: packet.QoS1})
	five.sendPackets(&packet.Publish{Topic: []byte("mixed/5"), Payload: []byte("from 5.0"), ContentType: []byte("t"),
		HasMessageExpiry: true, MessageExpiry: 60, TopicAlias: 1, UserProperties: packet.UserProperties(nil).With("k", "v")})
	old.expect("from 5.0")
	older.expect("from 5.0")
	got := five.expectPublish()
	require.Equal(t, "t", string(got.ContentType))
	require.Zero(t, got.TopicAlias)
	old.publish("mixed/3", 2, false, "from 3.1.1")
	older.publish("mixed/3", 1, false, "from 3.1")
	for _, c := range []*three{old, older} {
		c.expect("from 3.1.1", "from 3.1")
	}
	require.Equal(t, "from 3.1.1", string(five.expectPublish().Payload))
	require.Equal(t, "from 3.1", string(five.expectPublish().Payload))
}
