package troupe_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/persistence/memory"
)

// All that a configuration file can say, a program can say too. What cannot be
// is an error of New.
func ExampleWithSettings() {
	broker, err := troupe.New(
		troupe.WithAddress("127.0.0.1:0"),
		troupe.WithDataDir("data"),
		troupe.WithSettings(func(c *configs.Config) {
			c.Durability = configs.DurabilityProcess
			c.Session.Queue.MaxMessages = 100
			c.Limits.MaxConnections = 50
		}))
	check(err)
	fmt.Println(broker.Config().Durability)
	_, err = troupe.New(troupe.WithSettings(func(c *configs.Config) { c.Limits.ReceiveMaximum = 0 }))
	fmt.Println(err)
	// Output:
	// process
	// limits.receive_maximum: 0 is not allowed; allowed: 1 to 65535
}

// Any number of brokers live in a process, each with state of its own.
func ExampleNew_many() {
	ctx := context.Background()
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			broker, stop := started(troupe.WithName(fmt.Sprint("tenant-", i)), troupe.WithStore(memory.New()))
			check(broker.Publish(ctx, troupe.Message{Topic: "who", Payload: fmt.Append(nil, i), Retain: true}))
			kept := make(chan *troupe.Message, 1)
			_, err := broker.SubscribeChan(ctx, "who", troupe.AtLeastOnce, kept)
			check(err)
			if m := <-kept; string(m.Payload) != fmt.Sprint(i) {
				fmt.Println("of somebody else:", string(m.Payload))
			}
			stop()
		})
	}
	all.Wait()
	fmt.Println("each has its own")
	// Output: each has its own
}
