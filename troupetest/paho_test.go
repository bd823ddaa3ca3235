package troupetest_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"
	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/troupemq/troupe/troupetest"
)

// patience is how long anything may take that is bound to happen.
const patience = 20 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// paho3 is a Client of MQTT 3.1.1 that connects again by itself.
func paho3(t testing.TB, b *troupetest.Broker, id string, change ...func(*mqtt.ClientOptions)) mqtt.Client {
	t.Helper()
	o := mqtt.NewClientOptions().AddBroker("tcp://" + b.Addr()).SetClientID(id).SetCleanSession(false).
		SetMaxReconnectInterval(20 * time.Millisecond).SetConnectRetryInterval(20 * time.Millisecond).SetConnectTimeout(patience)
	for _, f := range change {
		f(o)
	}
	c := mqtt.NewClient(o)
	done(t, c.Connect())
	t.Cleanup(func() { c.Disconnect(250) })
	return c
}

func done(t testing.TB, token mqtt.Token) {
	t.Helper()
	require.True(t, token.WaitTimeout(patience), "no answer")
	require.NoError(t, token.Error())
}

// paho5 is a Client of MQTT 5 that connects once.
func paho5(t testing.TB, b *troupetest.Broker, id string, got func(*paho.Publish)) *paho.Client {
	t.Helper()
	conn, err := net.Dial("tcp", b.Addr())
	require.NoError(t, err)
	c := paho.NewClient(paho.ClientConfig{
		Conn: conn, ClientID: id, PacketTimeout: patience,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(r paho.PublishReceived) (bool, error) {
			if got != nil {
				got(r.Packet)
			}
			return true, nil
		}},
	})
	_, err = c.Connect(within(t), &paho.Connect{ClientID: id, KeepAlive: 30, CleanStart: true})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Disconnect(&paho.Disconnect{}) })
	return c
}

// auto is a Client of MQTT 5 with a kept Session that connects again by itself.
func auto(t testing.TB, b *troupetest.Broker, id string, got func(*paho.Publish)) *autopaho.ConnectionManager {
	t.Helper()
	u, err := url.Parse(b.URL())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var subscribing sync.WaitGroup
	c, err := autopaho.NewConnection(ctx, autopaho.ClientConfig{
		ServerUrls: []*url.URL{u}, KeepAlive: 30, SessionExpiryInterval: 3600,
		ReconnectBackoff: func(int) time.Duration { return 20 * time.Millisecond },
		OnConnectionUp: func(c *autopaho.ConnectionManager, _ *paho.Connack) {
			subscribing.Go(func() {
				_, _ = c.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "to/" + id, QoS: 1}}})
			})
		},
		ClientConfig: paho.ClientConfig{ClientID: id, OnPublishReceived: []func(paho.PublishReceived) (bool, error){
			func(r paho.PublishReceived) (bool, error) {
				if got != nil {
					got(r.Packet)
				}
				return true, nil
			},
		}},
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		last, late := context.WithTimeout(context.Background(), patience)
		defer late()
		_ = c.Disconnect(last)
		cancel()
		<-c.Done()
		subscribing.Wait()
	})
	return c
}

// failing is a TB whose failures are what is tested.
type failing struct {
	mu       sync.Mutex
	failure  string
	cleanups []func()
}

func (f *failing) Helper()          {}
func (f *failing) Cleanup(c func()) { f.cleanups = append(f.cleanups, c) }
func (f *failing) Fatalf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failure == "" {
		f.failure = fmt.Sprintf(format, args...)
	}
}
