package troupe_test

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe"
)

// quiet is the actor system of a program that logs elsewhere.
func quiet() *actor.ActorSystem {
	return actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }))
}

// meter is an actor of the program. It adds up what it receives.
type meter struct {
	total  int
	totals chan<- int
}

func (a *meter) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *troupe.Message:
		var value int
		_, _ = fmt.Sscan(string(m.Payload), &value)
		a.total += value
	case string:
		a.totals <- a.total
	}
}

// An actor of the program receives messages as plain Go values, no more at a
// time than its window.
func ExampleBroker_SubscribePID_ends() {
	ctx := context.Background()
	system := quiet()
	broker, stop := started(troupe.WithActorSystem(system))
	defer stop()
	totals := make(chan int)
	pid := system.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return &meter{totals: totals} }))
	subscription, err := broker.SubscribePID(ctx, "meters/+", troupe.AtLeastOnce, pid, troupe.WithWindow(16))
	check(err)
	for i := range 10 {
		check(broker.Publish(ctx, troupe.Message{Topic: "meters/1", Payload: fmt.Append(nil, i), QoS: troupe.AtLeastOnce}))
	}
	total := 0
	for total < 45 { // what was published is on its way
		system.Root.Send(pid, "total")
		total = <-totals
	}
	fmt.Println(total)

	// The subscription ends with its actor.
	system.Root.Stop(pid)
	<-subscription.Done()
	fmt.Println(subscription.Err())
	// Output:
	// 45
	// troupe: the actor of the subscription has ended
}

// An actor that hands its work on answers a message when the work is done: until
// then the message is in the window.
func ExampleWithAnswers() {
	ctx := context.Background()
	system := quiet()
	broker, stop := started(troupe.WithActorSystem(system))
	defer stop()
	done := make(chan string)
	worker := system.Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
		if m, ok := c.Message().(*troupe.Message); ok {
			done <- string(m.Payload)
			c.Respond(true) // to the subscription, which was the sender
		}
	}))
	foreman := system.Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
		if _, ok := c.Message().(*troupe.Message); ok {
			c.Forward(worker)
		}
	}))
	_, err := broker.SubscribePID(ctx, "jobs", troupe.AtLeastOnce, foreman, troupe.WithAnswers(), troupe.WithWindow(1))
	check(err)
	for _, job := range []string{"paint", "polish"} {
		check(broker.Publish(ctx, troupe.Message{Topic: "jobs", Payload: []byte(job), QoS: troupe.AtLeastOnce}))
	}
	fmt.Println(<-done, <-done)
	// Output: paint polish
}

// Several brokers in the actor system of the program, which do not know of one
// another.
func ExampleWithActorSystem() {
	ctx := context.Background()
	system := quiet()
	received := make(chan string, 2)
	collector := system.Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
		if m, ok := c.Message().(*troupe.Message); ok {
			received <- string(m.Payload)
		}
	}))
	for _, name := range []string{"red", "blue"} {
		broker, stop := started(troupe.WithName(name), troupe.WithActorSystem(system))
		_, err := broker.SubscribePID(ctx, "#", troupe.AtLeastOnce, collector)
		check(err)
		check(broker.Publish(ctx, troupe.Message{Topic: "colour", Payload: []byte(name)}))
		fmt.Println(<-received)
		stop()
	}
	// Output:
	// red
	// blue
}
