package troupe_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/troupemq/troupe"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// A subscription that ends with a context.
func ExampleSubscription_Close() {
	broker, stop := started()
	defer stop()
	ctx, cancel := context.WithCancel(context.Background())
	subscription, err := broker.Subscribe(ctx, "#", troupe.AtMostOnce, func(*troupe.Message) {})
	check(err)
	defer context.AfterFunc(ctx, func() { _ = subscription.Close() })()

	cancel()
	<-subscription.Done() // and no call of the function is under way any more
	fmt.Println("error:", subscription.Err())
	// Output: error: <nil>
}

// Several subscriptions may share a channel. It is not closed: Done tells when a
// subscription has ended, and Err why.
func ExampleBroker_SubscribeChan_shared() {
	ctx := context.Background()
	broker, stop := started()
	defer stop()
	messages := make(chan *troupe.Message, 16)
	alarms, err := broker.SubscribeChan(ctx, "alarms/#", troupe.AtLeastOnce, messages, troupe.WithSubscriptionID(1))
	check(err)
	_, err = broker.SubscribeChan(ctx, "doors/#", troupe.AtLeastOnce, messages, troupe.WithSubscriptionID(2))
	check(err)
	check(broker.Publish(ctx, troupe.Message{Topic: "doors/front", Payload: []byte("open")}))

	m := <-messages
	fmt.Println(m.Topic, string(m.Payload), m.SubscriptionIDs)
	check(broker.Shutdown(ctx))
	select {
	case <-messages:
	case <-alarms.Done():
		fmt.Println(errors.Is(alarms.Err(), troupe.ErrNotRunning))
	}
	// Output:
	// doors/front open [2]
	// true
}

// Who is slow loses the oldest messages, unless an option says otherwise: here
// publishers wait.
func ExampleWithQueue() {
	ctx := context.Background()
	broker, stop := started()
	defer stop()
	goOn := make(chan struct{})
	slow, err := broker.Subscribe(ctx, "jobs/#", troupe.AtLeastOnce, func(*troupe.Message) { <-goOn },
		troupe.WithQueue(4, troupe.SlowPublishers))
	check(err)
	published := 0
	for {
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		err := broker.Publish(short, troupe.Message{Topic: "jobs/1", QoS: troupe.AtLeastOnce})
		cancel()
		if err != nil {
			fmt.Println("the next job has to wait:", err)
			break
		}
		published++
	}
	close(goOn)
	check(broker.Publish(ctx, troupe.Message{Topic: "jobs/1", QoS: troupe.AtLeastOnce}))
	fmt.Println("dropped:", slow.Dropped(), "published:", published > 0)
	// Output:
	// the next job has to wait: context deadline exceeded
	// dropped: 0 published: true
}

// A gateway hands messages on in both directions, and does not want to hear its
// own.
func ExampleWithoutOwn() {
	ctx := context.Background()
	broker, stop := started()
	defer stop()
	messages := make(chan *troupe.Message, 2)
	_, err := broker.SubscribeChan(ctx, "#", troupe.AtLeastOnce, messages, troupe.WithoutOwn())
	check(err)
	check(broker.Publish(ctx, troupe.Message{Topic: "from/elsewhere", Payload: []byte("1")}))
	fmt.Println(len(messages))
	// Output: 0
}
