package troupe_test

import (
	"bytes"
	"context"
	"fmt"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/troupemq/troupe"
)

// Clients publish to topics of their own, whatever they write there is stamped,
// and the program is told who comes and goes. What it does about that waits for
// something, so it does it on a goroutine of its own.
func ExampleWithHooks_presence() {
	ctx := context.Background()
	presence := make(chan troupe.Message, 64)
	broker, err := troupe.New(troupe.WithAddress("127.0.0.1:0"), troupe.WithDataDir(""), troupe.WithHooks(troupe.Hooks{
		Connected: func(c troupe.Client, _ bool) {
			presence <- troupe.Message{Topic: "presence/" + c.ID, Payload: []byte("here"), Retain: true}
		},
		Disconnected: func(c troupe.Client, why troupe.Disconnection) {
			presence <- troupe.Message{Topic: "presence/" + c.ID, Payload: fmt.Appendf(nil, "gone, lost: %t", why.Lost), Retain: true}
		},
		Publish: func(c troupe.Client, m *troupe.Message) error {
			if !bytes.HasPrefix(m.Payload, []byte("{")) {
				return &troupe.Refusal{Code: 0x99, Reason: "no JSON"} // Payload format invalid
			}
			m.Topic = "from/" + c.ID + "/" + m.Topic
			return nil
		},
	}))
	if err != nil {
		panic(err)
	}
	if err := broker.Start(ctx); err != nil {
		panic(err)
	}
	received := make(chan *troupe.Message)
	_, _ = broker.Subscribe(ctx, "#", troupe.AtLeastOnce, func(m *troupe.Message) { received <- m })
	next := func() {
		m := <-received
		fmt.Printf("%s: %s\n", m.Topic, m.Payload)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for m := range presence {
			_ = broker.Publish(ctx, m)
		}
	}()

	client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + broker.Addr("tcp").String()).SetClientID("pump"))
	client.Connect().Wait()
	next()
	client.Publish("state", 0, false, "on").Wait() // is refused
	client.Publish("state", 1, false, `{"on":true}`).Wait()
	next()
	client.Disconnect(1000) // milliseconds at most
	next()
	_ = broker.Shutdown(ctx)
	close(presence) // no hook is called any more
	<-done
	// Output:
	// presence/pump: here
	// from/pump/state: {"on":true}
	// presence/pump: gone, lost: false
}
