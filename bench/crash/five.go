package main

import (
	"context"
	"errors"
	"net"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	keeper "github.com/eclipse/paho.golang/paho/session/state"

	"github.com/troupemq/troupe/protocol/packet"
)

// five speaks MQTT 5.0 with Paho. The Session's state is kept from one
// connection to the next; the library resends what is open when it connects.
type five struct {
	c      *client
	state  *keeper.State
	client *paho.Client
	over   <-chan struct{}
}

// expiry of Sessions, in seconds: longer than any run.
const expiry = 7 * 24 * 3600

// inflight is how many messages the broker may have on the way to a client: few,
// so that some wait in its queue.
const inflight = 16

func newFive(c *client) *five {
	return &five{c: c, state: keeper.NewInMemory()}
}

func (f *five) connect(ctx context.Context, conn net.Conn, cleanStart bool) error {
	f.client = paho.NewClient(paho.ClientConfig{
		Conn:              packets.NewThreadSafeConn(conn),
		Session:           f.state,
		PacketTimeout:     patience,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(paho.PublishReceived) (bool, error) { return true, nil }},
	})
	connect := &paho.Connect{ClientID: f.c.id, CleanStart: cleanStart, Properties: &paho.ConnectProperties{
		SessionExpiryInterval: new(uint32(expiry)), ReceiveMaximum: new(uint16(inflight)),
	}}
	if f.c.fleeting {
		connect.Properties.SessionExpiryInterval = new(uint32(0))
	}
	if f.c.will != nil {
		connect.WillMessage = &paho.WillMessage{QoS: byte(packet.QoS2), Topic: topicName(f.c.ledger.root, f.c.testament()), Payload: f.c.will}
		connect.WillProperties = &paho.WillProperties{WillDelayInterval: new(uint32(f.c.delay))}
	}
	if _, err := f.client.Connect(ctx, connect); err != nil {
		return err
	}
	f.over = f.client.Done()
	return nil
}

func (f *five) publish(ctx context.Context, topic string, qos packet.QoS, retain bool, payload []byte) bool {
	p := &paho.Publish{Topic: topic, QoS: byte(qos), Retain: retain, Payload: payload}
	_, err := f.client.PublishWithOptions(ctx, p, paho.PublishOptions{Method: paho.PublishMethod_AsyncSend})
	return err == nil || errors.Is(err, paho.ErrNetworkErrorAfterStored)
}

func (f *five) subscribe(ctx context.Context, filter string, qos packet.QoS) error {
	_, err := f.client.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: filter, QoS: byte(qos)}}})
	return err
}

func (f *five) unsubscribe(ctx context.Context, filter string) error {
	_, err := f.client.Unsubscribe(ctx, &paho.Unsubscribe{Topics: []string{filter}})
	return err
}

func (f *five) disconnect() { _ = f.client.Disconnect(&paho.Disconnect{}) }

// recorded is known to the library.
func (f *five) recorded(uint16) {}

func (f *five) gone() <-chan struct{} { return f.over }
