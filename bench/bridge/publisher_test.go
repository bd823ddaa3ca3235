package bridge

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// publisher says a stream to a broker. When the connection ends it comes back and goes on with the next message: what was not acknowledged may have
// come to the broker or not.
type publisher struct {
	*stream
	broker *broker
	five   bool // MQTT 5, each message after the last was acknowledged; otherwise 3.1.1, with a few on the way
	pace   time.Duration
}

// few is how many messages a publisher of MQTT 3.1.1 has on the way.
const few = 20

// run publishes so many messages, and waits for their acknowledgements or the end of the connection.
func (p *publisher) run(ctx context.Context, count int) {
	if p.five {
		p.run5(ctx, count)
	} else {
		p.run3(ctx, count)
	}
}

// tick is what paces messages.
func (p *publisher) tick(ctx context.Context) {
	if p.pace > 0 {
		select {
		case <-ctx.Done():
		case <-time.After(p.pace):
		}
	}
}

func (p *publisher) run3(ctx context.Context, count int) {
	var client mqtt.Client
	slots := make(chan struct{}, few)
	var answers sync.WaitGroup
	for range count {
		for client == nil || !client.IsConnectionOpen() {
			if ctx.Err() != nil {
				return
			}
			client = p.connect3(ctx)
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			client.Disconnect(0)
			return
		}
		number, payload := p.next()
		token := client.Publish(p.topic, p.qos, false, payload)
		answers.Go(func() {
			select {
			case <-token.Done():
				if token.Error() == nil {
					p.acknowledge(number)
				}
			case <-ctx.Done():
			}
			<-slots
		})
		p.tick(ctx)
	}
	answers.Wait()
	client.Disconnect(10)
}

// connect3 is nil if the broker is not there.
func (p *publisher) connect3(ctx context.Context) mqtt.Client {
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + p.broker.address).SetProtocolVersion(4).SetClientID("publisher-" + p.name).
		SetAutoReconnect(false).SetKeepAlive(0).SetConnectTimeout(patience).SetWriteTimeout(time.Second))
	token := c.Connect()
	select {
	case <-token.Done():
	case <-ctx.Done():
	}
	if token.Error() != nil || ctx.Err() != nil {
		pause(ctx)
		return nil
	}
	return c
}

func (p *publisher) run5(ctx context.Context, count int) {
	var client *paho.Client
	var connected context.Context // done when the connection ends: the library would wait for another one
	for range count {
		for client == nil {
			if ctx.Err() != nil {
				return
			}
			client, connected = p.connect5(ctx)
		}
		number, payload := p.next()
		answer, err := client.Publish(connected, &paho.Publish{Topic: p.topic, QoS: p.qos, Payload: []byte(payload)})
		if err == nil && answer.ReasonCode < 0x80 {
			p.acknowledge(number)
		} else {
			client = nil
		}
		p.tick(ctx)
	}
	if client != nil {
		_ = client.Disconnect(&paho.Disconnect{})
	}
}

// connect5 is nil if the broker is not there.
func (p *publisher) connect5(ctx context.Context) (*paho.Client, context.Context) {
	conn, err := net.Dial("tcp", p.broker.address)
	if err != nil {
		pause(ctx)
		return nil, nil
	}
	connected, end := context.WithCancel(ctx)
	context.AfterFunc(connected, func() { _ = conn.Close() })
	c := paho.NewClient(paho.ClientConfig{Conn: packets.NewThreadSafeConn(conn), PacketTimeout: patience})
	if _, err := c.Connect(connected, &paho.Connect{ClientID: "publisher-" + p.name, CleanStart: true}); err != nil {
		end()
		pause(ctx)
		return nil, nil
	}
	go func() {
		<-c.Done()
		end()
	}()
	return c, connected
}

// traffic is publishers at work, of both versions and both QoS that must not lose.
type traffic struct {
	t          testing.TB
	publishers []*publisher
	cancel     context.CancelFunc
	ctx        context.Context
	running    sync.WaitGroup
}

// newTraffic makes four publishers at a broker. Each has a topic of its own below root.
func newTraffic(t testing.TB, b *broker, root string, pace time.Duration) *traffic {
	t.Helper()
	x := &traffic{t: t}
	x.ctx, x.cancel = context.WithCancel(context.Background())
	for _, s := range []struct {
		name string
		five bool
		qos  byte
	}{{"three-1", false, 1}, {"three-2", false, 2}, {"five-1", true, 1}, {"five-2", true, 2}} {
		x.publishers = append(x.publishers, &publisher{newStream(root+"-"+s.name, root+"/"+s.name, s.qos), b, s.five, pace})
	}
	t.Cleanup(func() {
		x.cancel()
		x.running.Wait()
	})
	return x
}

// start has each publish so many messages, beside the test.
func (x *traffic) start(each int) {
	for _, p := range x.publishers {
		x.running.Go(func() { p.run(x.ctx, each) })
	}
}

// wait waits until all that was started is over.
func (x *traffic) wait() {
	x.t.Helper()
	over := make(chan struct{})
	go func() {
		x.running.Wait()
		close(over)
	}()
	select {
	case <-over:
	case <-time.After(2 * patience):
		x.t.Fatalf("publishers are not acknowledged: %v", x.verdicts())
	}
}

func (x *traffic) verdicts(witnesses ...*witness) (all []verdict) {
	for _, p := range x.publishers {
		all = append(all, p.judge(witnesses...))
	}
	return all
}

// arrived says whether the witnesses have, together, all that was acknowledged.
func (x *traffic) arrived(witnesses ...*witness) bool {
	for _, v := range x.verdicts(witnesses...) {
		if len(v.lost) > 0 {
			return false
		}
	}
	return true
}
