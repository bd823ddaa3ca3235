package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"
	"github.com/eclipse/paho.golang/paho/extensions/rpc"
	"github.com/eclipse/paho.golang/paho/session"
	"github.com/eclipse/paho.golang/paho/session/state"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
)

// five is a Client of MQTT 5 as Paho has it.
type five struct {
	*paho.Client
	t        testing.TB
	conn     net.Conn
	state    session.SessionManager // goes over to the next connection
	received chan *paho.Publish
	goodbye  chan *paho.Disconnect // what the broker sent
	connack  *paho.Connack
}

// paho5 connects. What c leaves out is a clean start without a Keep Alive.
func paho5(t testing.TB, address string, c paho.Connect, resumed ...*five) *five {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	return paho5Over(t, conn, c, resumed...)
}

// paho5Over connects over a connection that is there.
func paho5Over(t testing.TB, conn net.Conn, c paho.Connect, resumed ...*five) *five {
	t.Helper()
	f := &five{t: t, conn: conn, received: make(chan *paho.Publish, 10_000), goodbye: make(chan *paho.Disconnect, 1)}
	if f.state = state.NewInMemory(); len(resumed) > 0 {
		f.state = resumed[0].state
	}
	f.Client = paho.NewClient(paho.ClientConfig{
		ClientID: c.ClientID, Conn: conn, Session: f.state, PacketTimeout: patience,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
			f.received <- p.Packet
			return true, nil
		}},
		OnServerDisconnect: func(d *paho.Disconnect) { f.goodbye <- d },
	})
	connack, err := f.Connect(f.context(), &c)
	require.NoError(t, err)
	f.connack = connack
	t.Cleanup(func() { _ = conn.Close() })
	return f
}

func (f *five) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	f.t.Cleanup(cancel)
	return ctx
}

func (f *five) subscribe(options ...paho.SubscribeOptions) {
	f.t.Helper()
	suback, err := f.Subscribe(f.context(), &paho.Subscribe{Subscriptions: options})
	require.NoError(f.t, err)
	for i, o := range options {
		require.Equal(f.t, o.QoS, suback.Reasons[i])
	}
}

func (f *five) publish(p *paho.Publish) {
	f.t.Helper()
	r, err := f.Publish(f.context(), p)
	require.NoError(f.t, err)
	if r != nil {
		require.Less(f.t, r.ReasonCode, byte(0x80))
	}
}

func (f *five) next() *paho.Publish {
	f.t.Helper()
	select {
	case p := <-f.received:
		return p
	case <-time.After(patience):
		require.FailNow(f.t, "no message")
		return nil
	}
}

// expect receives messages with these payloads, in this order.
func (f *five) expect(payloads ...string) {
	f.t.Helper()
	for _, want := range payloads {
		require.Equal(f.t, want, string(f.next().Payload))
	}
}

// nothingMore holds when nothing but what was expected has come: a message to
// itself is the next one.
func (f *five) nothingMore() {
	f.t.Helper()
	topic := "nothing-more/" + f.ClientID()
	f.subscribe(paho.SubscribeOptions{Topic: topic})
	f.publish(&paho.Publish{Topic: topic, Payload: []byte("nothing more")})
	f.expect("nothing more")
	_, err := f.Unsubscribe(f.context(), &paho.Unsubscribe{Topics: []string{topic}})
	require.NoError(f.t, err)
}

// cut ends the connection without a word.
func (f *five) cut() {
	f.t.Helper()
	require.NoError(f.t, f.conn.Close())
	<-f.Done()
}

func (f *five) expectGoodbye(code byte) {
	f.t.Helper()
	select {
	case d := <-f.goodbye:
		require.Equal(f.t, code, d.ReasonCode)
	case <-time.After(patience):
		require.FailNow(f.t, "no DISCONNECT")
	}
}

func fresh(id string) paho.Connect { return paho.Connect{ClientID: id, CleanStart: true} }

// lasting is a Session that outlives its connection.
func lasting(id string, clean bool) paho.Connect {
	return paho.Connect{ClientID: id, CleanStart: clean, Properties: &paho.ConnectProperties{SessionExpiryInterval: new(uint32(600))}}
}

func TestPaho5EveryQoS(t *testing.T) {
	broker := serveProcess(t, "")
	source := paho5(t, broker.address, fresh("source"))
	for granted := range byte(3) {
		sink := paho5(t, broker.address, fresh(fmt.Sprint("sink", granted)))
		sink.subscribe(paho.SubscribeOptions{Topic: "qos/+", QoS: granted})
		for sent := range byte(3) {
			for i := range 100 {
				source.publish(&paho.Publish{Topic: "qos/a", QoS: sent, Payload: fmt.Append(nil, sent, i)})
			}
			for i := range 100 {
				p := sink.next()
				require.Equal(t, fmt.Sprint(sent, i), string(p.Payload))
				require.Equal(t, min(sent, granted), p.QoS)
			}
		}
		sink.nothingMore()
		require.NoError(t, sink.Disconnect(&paho.Disconnect{}))
	}
}

// Everything that a message can carry arrives as it was sent, User Properties
// in their order and with their duplicates.
func TestPaho5Properties(t *testing.T) {
	broker := serveProcess(t, "")
	c := paho5(t, broker.address, fresh("c"))
	c.subscribe(paho.SubscribeOptions{Topic: "properties", QoS: 2})
	user := paho.UserProperties{{Key: "b", Value: "1"}, {Key: "a", Value: "2"}, {Key: "b", Value: "1"}, {Key: "", Value: ""}, {Key: "ä", Value: "日本"}}
	sent := &paho.PublishProperties{
		CorrelationData: []byte{0, 1, 0xFF}, ContentType: "text/plain", ResponseTopic: "answers/1", PayloadFormat: new(byte(1)), User: user,
	}
	for qos := range byte(3) {
		c.publish(&paho.Publish{Topic: "properties", QoS: qos, Payload: []byte("x"), Properties: sent})
		require.Equal(t, sent, c.next().Properties)
	}
}

func TestPaho5RequestResponse(t *testing.T) {
	broker := serveProcess(t, "")
	server := paho5(t, broker.address, fresh("server"))
	server.subscribe(paho.SubscribeOptions{Topic: "double", QoS: 1})
	server.AddOnPublishReceived(func(p paho.PublishReceived) (bool, error) {
		go func() { // not in the handler, which holds up the client's reading
			_, _ = server.Publish(context.Background(), &paho.Publish{
				Topic: p.Packet.Properties.ResponseTopic, Payload: append(p.Packet.Payload, p.Packet.Payload...),
				Properties: &paho.PublishProperties{CorrelationData: p.Packet.Properties.CorrelationData},
			})
		}()
		return true, nil
	})
	client := paho5(t, broker.address, fresh("client"))
	handler, err := rpc.NewHandler(client.context(), client.Client)
	require.NoError(t, err)
	for i := range 20 {
		answer, err := handler.Request(client.context(), &paho.Publish{Topic: "double", QoS: 1, Payload: fmt.Append(nil, i)})
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("%d%d", i, i), string(answer.Payload))
	}
}

func TestPaho5TopicAliasesIn(t *testing.T) {
	broker := serveProcess(t, "limits: {topic_alias_maximum: 5}")
	c := paho5(t, broker.address, fresh("c"))
	require.Equal(t, uint16(5), *c.connack.Properties.TopicAliasMaximum)
	c.subscribe(paho.SubscribeOptions{Topic: "alias/#", QoS: 1})
	publish := func(topic string, alias uint16) {
		c.publish(&paho.Publish{Topic: topic, QoS: 1, Properties: &paho.PublishProperties{TopicAlias: &alias}})
	}
	publish("alias/one", 1)
	publish("alias/five", 5)
	publish("", 1)
	publish("", 5)
	publish("alias/two", 1) // set anew
	publish("", 1)
	for _, want := range []string{"one", "five", "one", "five", "two", "two"} {
		require.Equal(t, "alias/"+want, c.next().Topic)
	}
}

func TestPaho5NoLocal(t *testing.T) {
	broker := serveProcess(t, "")
	c, other := paho5(t, broker.address, fresh("c")), paho5(t, broker.address, fresh("other"))
	c.subscribe(paho.SubscribeOptions{Topic: "room", QoS: 1, NoLocal: true})
	c.publish(&paho.Publish{Topic: "room", QoS: 1, Payload: []byte("own")})
	other.publish(&paho.Publish{Topic: "room", QoS: 1, Payload: []byte("other's")})
	c.expect("other's")
	c.nothingMore()
}

func TestPaho5SharedSubscription(t *testing.T) {
	const messages = 300
	broker := serveProcess(t, "")
	all := make(chan *paho.Publish, messages+1)
	var members []*five
	for i := range 3 {
		m := paho5(t, broker.address, fresh(fmt.Sprint("member", i)))
		m.subscribe(paho.SubscribeOptions{Topic: "$share/team/work/+", QoS: byte(i)})
		members = append(members, m)
	}
	alone := paho5(t, broker.address, fresh("alone"))
	alone.subscribe(paho.SubscribeOptions{Topic: "$share/crew/work/#", QoS: 2}, paho.SubscribeOptions{Topic: "work/1", QoS: 2})
	source := paho5(t, broker.address, fresh("source"))
	for i := range messages {
		source.publish(&paho.Publish{Topic: "work/1", QoS: 2, Payload: fmt.Append(nil, i)})
	}
	seen := make(map[string]bool)
	for _, m := range members {
		for range messages / 3 { // round-robin: everybody has a third
			all <- m.next()
		}
		m.nothingMore()
	}
	close(all)
	for p := range all {
		require.False(t, seen[string(p.Payload)], "%s came twice", p.Payload)
		seen[string(p.Payload)] = true
	}
	require.Len(t, seen, messages)
	for i := range 2 * messages { // the other group, and the plain subscription
		require.Equal(t, fmt.Sprint(i/2), string(alone.next().Payload))
	}
}

// The broker takes no more at a time than it says, and gives a Client no more
// than that says; Paho keeps to the first by itself.
func TestPaho5ReceiveMaximum(t *testing.T) {
	broker := serveProcess(t, "limits: {receive_maximum: 3}")
	c := paho5(t, broker.address, paho.Connect{ClientID: "c", CleanStart: true, Properties: &paho.ConnectProperties{ReceiveMaximum: new(uint16(2))}})
	require.Equal(t, uint16(3), *c.connack.Properties.ReceiveMaximum)
	c.subscribe(paho.SubscribeOptions{Topic: "many", QoS: 2})
	errs := make(chan error)
	for i := range 200 {
		go func() {
			_, err := c.Publish(c.context(), &paho.Publish{Topic: "many", QoS: byte(1 + i%2)})
			errs <- err
		}()
	}
	for range 200 {
		require.NoError(t, <-errs)
		c.next()
	}
	c.nothingMore()
}

func TestPaho5Connack(t *testing.T) {
	broker := serveProcess(t, "limits: {server_keep_alive: 7s, max_packet_size: 64KiB}\nsession: {expiry_maximum: 100s}")
	c := paho5(t, broker.address, paho.Connect{CleanStart: true, KeepAlive: 600,
		Properties: &paho.ConnectProperties{SessionExpiryInterval: new(uint32(500))}})
	p := c.connack.Properties
	require.NotEmpty(t, p.AssignedClientID)
	require.Equal(t, uint16(7), *p.ServerKeepAlive)
	require.Equal(t, uint32(100), *p.SessionExpiryInterval)
	require.Equal(t, uint32(64<<10), *p.MaximumPacketSize)
	require.Equal(t, []bool{true, true, true, true}, []bool{p.RetainAvailable, p.WildcardSubAvailable, p.SharedSubAvailable, p.SubIDAvailable})
	require.False(t, c.connack.SessionPresent)

	other := paho5(t, broker.address, paho.Connect{CleanStart: true})
	require.NotEqual(t, p.AssignedClientID, other.connack.Properties.AssignedClientID)

	// The assigned one is a name like any other.
	resumed := paho5(t, broker.address, paho.Connect{ClientID: p.AssignedClientID})
	require.True(t, resumed.connack.SessionPresent)
	c.expectGoodbye(byte(packet.SessionTakenOver))
}

func TestPaho5LargePayload(t *testing.T) {
	broker := serveProcess(t, "limits: {max_packet_size: 4MiB}")
	c := paho5(t, broker.address, fresh("c"))
	c.subscribe(paho.SubscribeOptions{Topic: "large", QoS: 2})
	for qos := range byte(3) {
		payload := []byte(strings.Repeat(fmt.Sprint(qos), 4<<20-100))
		c.publish(&paho.Publish{Topic: "large", QoS: qos, Payload: payload})
		require.True(t, string(payload) == string(c.next().Payload), "the payload is another one")
	}
	// Paho says that it is too large before it sends it, or the broker does.
	_, err := c.Publish(c.context(), &paho.Publish{Topic: "large", Payload: make([]byte, 5<<20)})
	if err == nil {
		c.expectGoodbye(byte(packet.PacketTooLarge))
	}
}

// Autopaho loses its connection to a namesake and takes it back, with its
// subscriptions.
func TestAutopahoComesBack(t *testing.T) {
	broker := serveProcess(t, "")
	server, err := url.Parse("mqtt://" + broker.address)
	require.NoError(t, err)
	received, up := make(chan string, 10), make(chan struct{}, 10)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	may := make(chan struct{}, 1) // connect: the first time, and once the namesake is in, who else could be cut off before CONNACK
	may <- struct{}{}
	manager, err := autopaho.NewConnection(ctx, autopaho.ClientConfig{
		ServerUrls: []*url.URL{server}, KeepAlive: 1, SessionExpiryInterval: 600,
		ReconnectBackoff: func(int) time.Duration {
			select {
			case <-may:
			case <-ctx.Done():
			}
			return time.Millisecond
		},
		OnConnectionUp: func(*autopaho.ConnectionManager, *paho.Connack) { up <- struct{}{} },
		ClientConfig: paho.ClientConfig{ClientID: "auto", OnPublishReceived: []func(paho.PublishReceived) (bool, error){
			func(p paho.PublishReceived) (bool, error) { received <- string(p.Packet.Payload); return true, nil },
		}},
	})
	require.NoError(t, err)
	<-up
	_, err = manager.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "a", QoS: 2}}})
	require.NoError(t, err)

	namesake := knock(t, broker.address, packet.V5)
	require.True(t, namesake.connect(&packet.Connect{ClientID: []byte("auto"), HasSessionExpiry: true, SessionExpiry: 600}).SessionPresent)
	close(may)
	<-up
	namesake.expectDisconnect(packet.SessionTakenOver)
	_, err = manager.Publish(ctx, &paho.Publish{Topic: "a", QoS: 2, Payload: []byte("back")})
	require.NoError(t, err)
	require.Equal(t, "back", <-received)
	require.NoError(t, manager.Disconnect(ctx))
}
