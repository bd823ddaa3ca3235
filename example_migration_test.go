package troupe_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/configs"
)

// What docs/migration.md puts beside mochi-mqtt's server.New.
func Example_comingFromMochi() {
	ctx := context.Background()

	broker, err := troupe.New(
		troupe.WithAddress("127.0.0.1:0"),
		troupe.WithDataDir(""), // or a directory: Sessions, queues and retained messages are kept there
		troupe.WithLogger(zap.NewNop()),
		troupe.WithSettings(func(c *configs.Config) {
			c.Limits.MaxConnections = 1000
			c.Limits.ReceiveMaximum = 1024
			c.Session.ExpiryMaximum = configs.Duration(24 * time.Hour)
		}),
	)
	if err != nil {
		panic(err)
	}
	if err := broker.Start(ctx); err != nil {
		panic(err)
	}

	done := make(chan struct{})
	sub, err := broker.Subscribe(ctx, "direct/#", troupe.ExactlyOnce, func(m *troupe.Message) {
		fmt.Println(m.Topic, string(m.Payload))
		close(done)
	})
	if err != nil {
		panic(err)
	}
	err = broker.Publish(ctx, troupe.Message{Topic: "direct/publish", Payload: []byte("hello")})
	if err != nil {
		panic(err)
	}
	<-done
	_ = sub.Close()

	_ = broker.Shutdown(ctx)
	// Output: direct/publish hello
}

// What docs/migration.md puts beside NanoMQ's broker_start_with_conf.
func Example_comingFromNanoMQ() {
	run := func(ctx context.Context, file string) error {
		c, _, err := configs.Load(configs.Inputs{File: file, Environ: os.Environ()})
		if err != nil {
			return err // and not the end of the process
		}
		c.DataDir, c.Listeners[0].Address = "", "127.0.0.1:0" // what the program knows better
		broker, err := troupe.New(troupe.WithConfig(c))
		if err != nil {
			return err
		}
		if err := broker.Start(ctx); err != nil { // returns when Clients can connect
			return err
		}
		<-ctx.Done()
		return broker.Shutdown(context.Background())
	}

	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- run(ctx, "") }()
	go func() { ended <- run(ctx, "") }() // as many as are wanted
	cancel()
	for range 2 {
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			panic(err)
		}
	}
	fmt.Println("both have ended, and the program goes on")
	// Output: both have ended, and the program goes on
}

// The old broker's retained messages come over a bridge, and so does what is still
// published there.
func Example_takingOver() {
	ctx := context.Background()
	old, stop := started(troupe.WithAddress("127.0.0.1:0")) // mochi-mqtt, NanoMQ, Mosquitto: any broker
	defer stop()
	_ = old.Publish(ctx, troupe.Message{Topic: "state/door", Payload: []byte("open"), Retain: true, QoS: troupe.AtLeastOnce})

	took := configs.NewBridge("old", "mqtt://"+old.Addr("tcp").String())
	took.Receive = []configs.Receive{configs.NewReceive("#", "")}
	broker, stop := started(troupe.WithSettings(func(c *configs.Config) { c.Bridges = []configs.Bridge{took} }))
	defer stop()

	got := make(chan *troupe.Message)
	if _, err := broker.SubscribeChan(ctx, "state/+", troupe.AtLeastOnce, got); err != nil {
		panic(err)
	}
	m := <-got
	fmt.Println(m.Topic, string(m.Payload))
	// Output: state/door open
}
