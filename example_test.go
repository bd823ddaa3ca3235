package troupe_test

import (
	"context"
	"fmt"

	"github.com/troupemq/troupe"
)

func Example() {
	ctx := context.Background()
	broker, err := troupe.New(troupe.WithAddress("127.0.0.1:0"), troupe.WithDataDir("")) // "": nothing on disk
	if err != nil {
		panic(err)
	}
	if err := broker.Start(ctx); err != nil {
		panic(err)
	}
	received := make(chan *troupe.Message)
	_, _ = broker.Subscribe(ctx, "sensors/#", troupe.AtLeastOnce, func(m *troupe.Message) { received <- m })
	_ = broker.Publish(ctx, troupe.Message{Topic: "sensors/1", Payload: []byte("21.5")})
	m := <-received
	fmt.Printf("%s: %s\n", m.Topic, m.Payload)
	_ = broker.Shutdown(ctx)
	// Output: sensors/1: 21.5
}
