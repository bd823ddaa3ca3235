package bridge

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	keeper "github.com/eclipse/paho.golang/paho/session/state"
	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"
)

// witness is a subscriber with QoS 2 that writes down what comes. One of MQTT 5 comes back, to its Session, whenever its broker ends the connection.
type witness struct {
	t  testing.TB
	id string

	mu    sync.Mutex
	got   map[string][]int // by the name of the stream, as it came
	first time.Time        // when the first came
	other []string         // payloads that are of no stream
}

func newWitness(t testing.TB, id string) *witness {
	return &witness{t: t, id: id, got: make(map[string][]int)}
}

func (w *witness) take(payload []byte) {
	var name string
	var number int
	_, err := fmt.Sscanf(string(payload), "%s %d", &name, &number)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.other = append(w.other, string(payload))
		return
	}
	w.got[name] = append(w.got[name], number)
	if w.first.IsZero() {
		w.first = time.Now()
	}
}

func (w *witness) numbers(stream string) []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.got[stream][:len(w.got[stream]):len(w.got[stream])]
}

// count is how many messages have come, repeated ones too.
func (w *witness) count() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, numbers := range w.got {
		n += len(numbers)
	}
	return n
}

func (w *witness) since(start time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.first.Sub(start).Round(time.Millisecond)
}

// watch5 subscribes with MQTT 5.
func watch5(t testing.TB, b *broker, id, filter string) *witness {
	t.Helper()
	w := newWitness(t, id)
	ctx, cancel := context.WithCancel(context.Background())
	state := keeper.NewInMemory()
	first, over := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(over)
		for fresh := true; ctx.Err() == nil; {
			gone, err := w.connect5(ctx, b, state, filter, fresh)
			if fresh {
				if first <- err; err != nil {
					return
				}
				fresh = false
			}
			if err == nil {
				<-gone
			} else {
				pause(ctx)
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-over
	})
	require.NoError(t, <-first)
	return w
}

func (w *witness) connect5(ctx context.Context, b *broker, state *keeper.State, filter string, fresh bool) (gone <-chan struct{}, err error) {
	conn, err := net.Dial("tcp", b.address)
	if err != nil {
		return nil, err
	}
	c := paho.NewClient(paho.ClientConfig{
		Conn: packets.NewThreadSafeConn(conn), Session: state, PacketTimeout: patience,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
			w.take(p.Packet.Payload)
			return true, nil
		}},
	})
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer func() {
		if err != nil {
			stop()
			_ = conn.Close()
		}
	}()
	connect := &paho.Connect{ClientID: w.id, CleanStart: fresh, Properties: &paho.ConnectProperties{SessionExpiryInterval: new(uint32(3600))}}
	if _, err := c.Connect(ctx, connect); err != nil {
		return nil, err
	}
	if fresh {
		if _, err := c.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: filter, QoS: 2}}}); err != nil {
			return nil, err
		}
	}
	return c.Done(), nil
}

// pause is how long who was turned away waits.
func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(20 * time.Millisecond):
	}
}

// watch3 subscribes with MQTT 3.1.1, for as long as the connection lasts.
func watch3(t testing.TB, b *broker, id, filter string) *witness {
	t.Helper()
	w := newWitness(t, id)
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + b.address).SetProtocolVersion(4).SetClientID(id).
		SetAutoReconnect(false).SetOrderMatters(true).SetKeepAlive(0).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { w.take(m.Payload()) }))
	await(t, c.Connect())
	t.Cleanup(func() { c.Disconnect(0) })
	await(t, c.Subscribe(filter, 2, nil))
	return w
}

func await(t testing.TB, token mqtt.Token) {
	t.Helper()
	require.True(t, token.WaitTimeout(patience))
	require.NoError(t, token.Error())
}
