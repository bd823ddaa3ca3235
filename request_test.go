package troupe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/protocol/packet"
)

// responds answers requests to "service" with a function.
func responds(t testing.TB, b *Broker, handle func(context.Context, *Message) (Message, error), options ...SubscribeOption) *Subscription {
	t.Helper()
	s, err := b.Respond(within(t), "service/+", ExactlyOnce, handle, options...)
	require.NoError(t, err)
	return s
}

func upper(_ context.Context, request *Message) (Message, error) {
	return Message{Payload: []byte(strings.ToUpper(string(request.Payload))), ContentType: "text/plain"}, nil
}

// foreign is a client of MQTT 5 that somebody else wrote; it passes on what it gets.
func foreign(t testing.TB, b *Broker, id string, options func(*paho.ClientConfig)) *paho.Client {
	t.Helper()
	conn, err := net.Dial("tcp", b.Addr("tcp").String())
	require.NoError(t, err)
	config := paho.ClientConfig{ClientID: id, Conn: conn}
	options(&config)
	c := paho.NewClient(config)
	_, err = c.Connect(within(t), &paho.Connect{ClientID: id, CleanStart: true, KeepAlive: 30})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Disconnect(&paho.Disconnect{}) })
	return c
}

func TestRequestAndResponseOfAProgram(t *testing.T) {
	b := start(t)
	responds(t, b, upper)
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			answer, err := b.Request(within(t), Message{Topic: "service/x", Payload: []byte(fmt.Sprint("request ", i)), QoS: AtLeastOnce})
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint("REQUEST ", i), string(answer.Payload), "the answer to another request")
			require.Equal(t, "text/plain", answer.ContentType)
			require.Equal(t, AtLeastOnce, answer.QoS)
		})
	}
	all.Wait()
	require.EqualValues(t, 2, b.tree.counters.Subscriptions.Load(), "one topic for all answers")
	require.Empty(t, b.requests.waiting)
	require.Empty(t, b.requests.slots)
}

func TestForeignResponder(t *testing.T) {
	b := start(t)
	var responder *paho.Client
	responder = foreign(t, b, "responder", func(c *paho.ClientConfig) {
		c.OnPublishReceived = []func(paho.PublishReceived) (bool, error){func(r paho.PublishReceived) (bool, error) {
			_, err := responder.Publish(context.Background(), &paho.Publish{
				QoS: 1, Topic: r.Packet.Properties.ResponseTopic, Payload: append([]byte("re: "), r.Packet.Payload...),
				Properties: &paho.PublishProperties{CorrelationData: r.Packet.Properties.CorrelationData},
			})
			return true, err
		}}
	})
	_, err := responder.Subscribe(within(t), &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "service/x", QoS: 1}}})
	require.NoError(t, err)
	answer, err := b.Request(within(t), Message{Topic: "service/x", Payload: []byte("hello")})
	require.NoError(t, err)
	require.Equal(t, "re: hello", string(answer.Payload))
}

func TestForeignRequester(t *testing.T) {
	b := start(t)
	responds(t, b, upper)
	answers := make(chan *paho.Publish, 4)
	c := foreign(t, b, "requester", func(c *paho.ClientConfig) {
		c.OnPublishReceived = []func(paho.PublishReceived) (bool, error){func(r paho.PublishReceived) (bool, error) {
			answers <- r.Packet
			return true, nil
		}}
	})
	_, err := c.Subscribe(within(t), &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "mine/answers", QoS: 1}}})
	require.NoError(t, err)
	_, err = c.Publish(within(t), &paho.Publish{QoS: 1, Topic: "service/x", Payload: []byte("hello"),
		Properties: &paho.PublishProperties{ResponseTopic: "mine/answers", CorrelationData: []byte{7, 0, 9}}})
	require.NoError(t, err)
	answer := wait(t, answers, "no answer")
	require.Equal(t, "HELLO", string(answer.Payload))
	require.Equal(t, []byte{7, 0, 9}, answer.Properties.CorrelationData)
	require.EqualValues(t, 1, answer.QoS, "that of the request")
}

func TestRequestsThatNobodyAnswers(t *testing.T) {
	b := start(t)
	_, err := b.Request(within(t), Message{Topic: "service/x"})
	require.ErrorIs(t, err, ErrNoResponder)
	require.ErrorContains(t, err, "service/x")

	got := make(chan *Message, 1)
	_, err = b.Subscribe(within(t), "service/x", 0, func(m *Message) { got <- m })
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err = b.Request(ctx, Message{Topic: "service/x"})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	m := wait(t, got, "no request")
	require.Equal(t, time.Second, m.Expiry, "it expires with its context, in whole seconds")
	require.Empty(t, b.requests.waiting)
	// An answer that comes too late goes nowhere, as does one that nobody asked for.
	require.NoError(t, b.Publish(within(t), Message{Topic: m.ResponseTopic, CorrelationData: m.CorrelationData}))
	require.NoError(t, b.Publish(within(t), Message{Topic: m.ResponseTopic}))

	ended, cancelled := context.WithCancel(context.Background())
	cancelled()
	_, err = b.Request(ended, Message{Topic: "service/x"})
	require.ErrorIs(t, err, context.Canceled)
}

func TestRequestsThatCannotBe(t *testing.T) {
	b := start(t)
	for text, m := range map[string]Message{
		"it cannot be retained":                             {Topic: "a", Retain: true},
		"ResponseTopic and CorrelationData are made by the": {Topic: "a", ResponseTopic: "mine"},
		`publish to "a/#"`:                                  {Topic: "a/#"},
	} {
		_, err := b.Request(within(t), m)
		require.ErrorContains(t, err, text)
	}
	_, err := b.Respond(within(t), "a", 0, nil)
	require.ErrorContains(t, err, "the function is nil")
	require.Empty(t, b.requests.slots)
	fresh, err := New()
	require.NoError(t, err)
	_, err = fresh.Request(within(t), Message{Topic: "a"})
	require.ErrorIs(t, err, ErrNotRunning)
	_, err = fresh.Respond(within(t), "a", 0, upper)
	require.ErrorIs(t, err, ErrNotRunning)
}

func TestResponderThatFails(t *testing.T) {
	logged := newDiary()
	b := start(t, logged.option())
	responds(t, b, func(_ context.Context, request *Message) (Message, error) {
		if string(request.Payload) == "panic" {
			panic("a secret of the program")
		}
		if string(request.Payload) == "exit" {
			request.ResponseTopic, request.CorrelationData = "elsewhere", nil
			runtime.Goexit()
		}
		return Message{Payload: []byte("not for anybody")}, errors.New("no such thing")
	})
	_, err := b.Request(within(t), Message{Topic: "service/x"})
	var failed *ResponderError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, ResponderError{"service/x", "no such thing"}, *failed)
	for _, end := range []string{"panic", "exit", "panic"} {
		_, err = b.Request(within(t), Message{Topic: "service/x", Payload: []byte(end)})
		require.ErrorAs(t, err, &failed, end)
		require.Equal(t, "the responder failed", failed.Text, end)
	}
	logged.await(t, 3, "a function of the program failed", "filter", "service/+")
}

// What MQTT cannot express has no requester wait for an answer that never comes.
func TestAnswersThatCannotBe(t *testing.T) {
	b := start(t)
	for topic, respond := range map[string]func() (Message, error){
		"answers/property": func() (Message, error) { return Message{UserProperties: []UserProperty{{Name: "\xff"}}}, nil },
		"answers/qos":      func() (Message, error) { return Message{QoS: 9}, nil },
		"errors/bytes":     func() (Message, error) { return Message{}, errors.New("a\xffb\x00c") },
		"errors/long":      func() (Message, error) { return Message{}, errors.New("x" + strings.Repeat("é", 40_000)) },
	} {
		_, err := b.Respond(within(t), topic, ExactlyOnce, func(context.Context, *Message) (Message, error) { return respond() })
		require.NoError(t, err)
	}
	for topic, text := range map[string]string{
		"answers/property": "the responder failed",
		"answers/qos":      "the responder failed",
		"errors/bytes":     "a\uFFFDb\uFFFDc",
		"errors/long":      "x" + strings.Repeat("é", 32_767),
	} {
		_, err := b.Request(within(t), Message{Topic: topic, QoS: AtLeastOnce})
		var failed *ResponderError
		require.ErrorAs(t, err, &failed, topic)
		require.Equal(t, text, failed.Text, topic)
	}
}

func TestWhereAnswersMayGo(t *testing.T) {
	logged := newDiary()
	b := start(t, logged.option())
	handled := make(chan string, 8)
	responds(t, b, func(_ context.Context, request *Message) (Message, error) {
		handled <- string(request.Payload)
		return Message{Payload: []byte("answer")}, nil
	}, WithResponseTopics("answers/+"))
	got := listen(t, b, "#")
	system := listen(t, b, "$SYS/#")
	c := connect(t, b, "c")
	for i, topic := range []string{"admin/doors", "$SYS/broker/uptime", "answers/c", ""} {
		c.send(&packet.Publish{QoS: packet.QoS1, Topic: []byte("service/x"), Payload: []byte(fmt.Sprint(i)), ResponseTopic: []byte(topic)})
	}
	require.Equal(t, "2", wait(t, handled, "no request"))
	require.Equal(t, "3", wait(t, handled, "a message without a Response Topic is handled too"))
	for {
		m := wait(t, got, "no answer")
		if m.Topic != "service/x" {
			require.Equal(t, "answers/c", m.Topic)
			break
		}
	}
	require.Empty(t, system)
	logged.await(t, 1, "a request asks for an answer to a topic that is not for answers", "topic", "admin/doors")
}

func TestContextOfAResponder(t *testing.T) {
	b := start(t)
	ended := make(chan error, 1)
	deadlines := make(chan bool, 2)
	s := responds(t, b, func(ctx context.Context, request *Message) (Message, error) {
		_, bounded := ctx.Deadline()
		deadlines <- bounded
		if !bounded {
			<-ctx.Done()
			ended <- ctx.Err()
		}
		return Message{}, nil
	})
	_, err := b.Request(within(t), Message{Topic: "service/x"})
	require.NoError(t, err)
	require.True(t, wait(t, deadlines, "no request"), "that of the request")
	require.NoError(t, b.Publish(within(t), Message{Topic: "service/x"}))
	require.False(t, wait(t, deadlines, "no request"))
	require.NoError(t, s.Close())
	require.ErrorIs(t, wait(t, ended, "the context does not end"), context.Canceled)
	wait(t, s.Done(), "the subscription does not end")
}

func TestRequestsAreBounded(t *testing.T) {
	b := start(t)
	_, err := b.Subscribe(within(t), "service/x", 0, func(*Message) {})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for range requestsMost {
		all.Go(func() {
			_, err := b.Request(ctx, Message{Topic: "service/x"})
			require.ErrorIs(t, err, context.Canceled)
		})
	}
	require.Eventually(t, func() bool { return len(b.requests.slots) == requestsMost }, patience, time.Millisecond)
	short, done := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer done()
	_, err = b.Request(short, Message{Topic: "nobody"})
	require.ErrorIs(t, err, context.DeadlineExceeded, "one too many waits")
	cancel()
	all.Wait()
	_, err = b.Request(within(t), Message{Topic: "nobody"})
	require.ErrorIs(t, err, ErrNoResponder)
}

func TestRequestEndsWithTheBroker(t *testing.T) {
	b := start(t)
	asked := make(chan struct{}, 1)
	_, err := b.Subscribe(within(t), "service/x", 0, func(*Message) { asked <- struct{}{} })
	require.NoError(t, err)
	result := make(chan error, 1)
	go func() {
		_, err := b.Request(context.Background(), Message{Topic: "service/x"})
		result <- err
	}()
	wait(t, asked, "no request")
	require.NoError(t, b.Shutdown(within(t)))
	require.ErrorIs(t, wait(t, result, "it waits for ever"), ErrNotRunning)
}

// A bridge that hands requests on and takes answers carries both.
func TestRequestOverABridge(t *testing.T) {
	up := start(t)
	responds(t, up, upper)
	link := to(uri(up))
	link.Forward = []configs.Forward{configs.NewForward("service/#", "")}
	link.Receive = []configs.Receive{configs.NewReceive("$troupe/response/+", "")}
	edge := startWith(t, func(c *configs.Config) { c.Name, c.Bridges = "edge", []configs.Bridge{link} })
	connected(t, edge, "up", uri(up))
	answer, err := edge.Request(within(t), Message{Topic: "service/x", Payload: []byte("hello"), QoS: AtLeastOnce})
	require.NoError(t, err)
	require.Equal(t, "HELLO", string(answer.Payload))
}
