package troupe_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe"
)

// started is a broker for an example, with nothing on disk and no port.
func started(options ...troupe.Option) (broker *troupe.Broker, stop func()) {
	options = append([]troupe.Option{troupe.WithDataDir(""), troupe.WithoutListeners()}, options...)
	broker, err := troupe.New(options...)
	if err != nil {
		panic(err)
	}
	if err := broker.Start(context.Background()); err != nil {
		panic(err)
	}
	return broker, func() { _ = broker.Shutdown(context.Background()) }
}

func ExampleBroker_Publish() {
	broker, stop := started()
	defer stop()

	ctx, cancel := context.WithTimeout(context.Background(), time.Second) // back-pressure lasts no longer
	defer cancel()
	err := broker.Publish(ctx, troupe.Message{
		Topic: "sensors/7/temperature", Payload: []byte("21.5"), QoS: troupe.AtLeastOnce, Retain: true,
		Expiry: time.Hour, ContentType: "text/plain", UserProperties: []troupe.UserProperty{{Name: "unit", Value: "°C"}},
	})
	refused := new(troupe.RefusedError)
	switch {
	case err == nil: // on its way to all who get it, and kept for those who are away
	case errors.As(err, &refused): // somebody's queue is full, and its policy is to refuse
		fmt.Println(refused.Code)
	case errors.Is(err, troupe.ErrNotRunning):
	default: // ctx, or no Topic Name
	}

	fmt.Println(broker.Publish(ctx, troupe.Message{Topic: "sensors/+"}))
	// Output: troupe: publish to "sensors/+": topic name holds a wildcard [MQTT-4.7.0-1]
}

func ExampleBroker_Subscribe() {
	broker, stop := started()
	defer stop()
	ctx := context.Background()

	done := make(chan struct{})
	sub, err := broker.Subscribe(ctx, "jobs/#", troupe.AtLeastOnce, func(m *troupe.Message) {
		fmt.Println(m.Topic, string(m.Payload))
		if string(m.Payload) == "last" {
			close(done)
		}
	}, troupe.WithQueue(1000, troupe.SlowPublishers)) // nothing is dropped: who publishes too fast waits
	if err != nil {
		panic(err)
	}
	defer func() { _ = sub.Close() }()

	for _, job := range []string{"first", "last"} {
		_ = broker.Publish(ctx, troupe.Message{Topic: "jobs/print", Payload: []byte(job), QoS: troupe.AtLeastOnce})
	}
	<-done
	// Output:
	// jobs/print first
	// jobs/print last
}

func ExampleBroker_SubscribeChan() {
	broker, stop := started()
	defer stop()
	ctx := context.Background()

	messages := make(chan *troupe.Message, 16)
	sub, err := broker.SubscribeChan(ctx, "state/+", troupe.AtMostOnce, messages, troupe.WithQueue(100, troupe.DropOldest))
	if err != nil {
		panic(err)
	}
	_ = broker.Publish(ctx, troupe.Message{Topic: "state/door", Payload: []byte("open")})
	select {
	case m := <-messages:
		fmt.Println(m.Topic, string(m.Payload))
	case <-sub.Done(): // closed, or the broker has ended: the channel stays open
		fmt.Println(sub.Err())
	}
	_ = sub.Close()
	// Output: state/door open
}

// An actor of the program gets messages, no more than 32 at a time.
func ExampleBroker_SubscribePID() {
	actors := actor.NewActorSystem()
	defer actors.Shutdown()
	broker, stop := started(troupe.WithActorSystem(actors))
	defer stop()
	ctx := context.Background()

	seen := make(chan string)
	pid := actors.Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
		if m, ok := c.Message().(*troupe.Message); ok {
			seen <- m.Topic
		}
	}))
	if _, err := broker.SubscribePID(ctx, "telemetry/#", troupe.AtLeastOnce, pid, troupe.WithWindow(32)); err != nil {
		panic(err)
	}
	_ = broker.Publish(ctx, troupe.Message{Topic: "telemetry/7", QoS: troupe.AtLeastOnce})
	fmt.Println(<-seen)
	// Output: telemetry/7
}

func ExampleBroker_Request() {
	broker, stop := started()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()

	_, err := broker.Respond(ctx, "calc/double", troupe.AtLeastOnce, func(_ context.Context, request *troupe.Message) (troupe.Message, error) {
		var n int
		if _, err := fmt.Sscan(string(request.Payload), &n); err != nil {
			return troupe.Message{}, errors.New("not a number")
		}
		return troupe.Message{Payload: fmt.Append(nil, 2*n)}, nil
	})
	if err != nil {
		panic(err)
	}

	answer, err := broker.Request(ctx, troupe.Message{Topic: "calc/double", Payload: []byte("21"), QoS: troupe.AtLeastOnce})
	if err != nil {
		panic(err)
	}
	fmt.Println(string(answer.Payload))

	_, err = broker.Request(ctx, troupe.Message{Topic: "calc/double", Payload: []byte("x"), QoS: troupe.AtLeastOnce})
	responder := new(troupe.ResponderError)
	fmt.Println(errors.As(err, &responder), responder.Text)

	_, err = broker.Request(ctx, troupe.Message{Topic: "calc/halve", QoS: troupe.AtLeastOnce})
	fmt.Println(errors.Is(err, troupe.ErrNoResponder))
	// Output:
	// 42
	// true not a number
	// true
}
