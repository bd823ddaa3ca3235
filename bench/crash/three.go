package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/troupemq/troupe/protocol/packet"
)

// three speaks MQTT 3.1.1 with Paho. A client that publishes is one and the same
// for the library from connection to connection, so that no Packet Identifier is
// used that is open; one that says goodbye begins anew.
type three struct {
	c      *client
	store  *mqtt.OrderedMemoryStore
	client mqtt.Client
	conn   net.Conn // for the next connection

	mu   sync.Mutex
	over chan struct{}
}

func newThree(c *client) *three { return &three{c: c} }

func (t *three) connect(ctx context.Context, conn net.Conn, cleanStart bool) error {
	t.conn = conn
	over := make(chan struct{})
	t.mu.Lock()
	t.over = over
	t.mu.Unlock()
	if t.client == nil {
		t.begin(cleanStart)
	}
	token := t.client.Connect()
	if err := await(ctx, token); err != nil {
		return err
	}
	return nil
}

func (t *three) begin(cleanStart bool) {
	t.store = mqtt.NewOrderedMemoryStore()
	t.client = mqtt.NewClient(mqtt.NewClientOptions().
		AddBroker("tcp://127.0.0.1").SetProtocolVersion(4).SetClientID(t.c.id).SetStore(t.store).
		SetCleanSession(cleanStart).SetAutoReconnect(false).SetOrderMatters(true).
		SetKeepAlive(0).SetConnectTimeout(patience).SetWriteTimeout(time.Second). // a publish that the end of a connection catches waits that long
		SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) { return t.conn, nil }).
		SetDefaultPublishHandler(func(mqtt.Client, mqtt.Message) {}).
		SetConnectionLostHandler(func(mqtt.Client, error) { t.ended() }))
}

func (t *three) ended() {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.over)
}

func await(ctx context.Context, token mqtt.Token) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-token.Done():
		return token.Error()
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return fmt.Errorf("no answer within %s", patience)
	}
}

func (t *three) publish(_ context.Context, topic string, qos packet.QoS, retain bool, payload []byte) bool {
	token := t.client.Publish(topic, byte(qos), retain, payload)
	select {
	case <-token.Done(): // at once if it was not taken
		return !errors.Is(token.Error(), mqtt.ErrNotConnected)
	default:
		return true
	}
}

func (t *three) subscribe(ctx context.Context, filter string, qos packet.QoS) error {
	return await(ctx, t.client.Subscribe(filter, byte(qos), nil))
}

func (t *three) unsubscribe(ctx context.Context, filter string) error {
	return await(ctx, t.client.Unsubscribe(filter))
}

func (t *three) disconnect() {
	t.client.Disconnect(uint(patience.Milliseconds()))
	t.client = nil
	t.ended()
}

// recorded keeps PUBREL in place of PUBLISH, which the library forgets to do: it
// would publish again what the broker has, and may have let go of.
func (t *three) recorded(id uint16) {
	p := packets.NewControlPacket(packets.Pubrel).(*packets.PubrelPacket)
	p.MessageID = id
	t.store.Put(fmt.Sprint("o.", id), p)
}

func (t *three) gone() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.over
}
