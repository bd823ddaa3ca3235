// Fleet is a program made of actors that consumes the telemetry of vehicles: the
// broker lives in its actor system, and each vehicle is an actor of its own.
//
//	vehicles/<id>/speed     from vehicles: km/h as text
//	fleet/<id>/average      to whoever wants it: the average over so many speeds, retained
//	fleet/<id>/alarm        the speed of a vehicle that was too fast
//
// Messages come to the fleet actor through a window: however fast vehicles
// send, no more than that are in the mailboxes of the program, and those who
// publish with QoS 1 or 2 are slowed down instead of messages lost.
//
//	go run ./examples/fleet &
//	mosquitto_sub -t 'fleet/#' -v &
//	mosquitto_pub -t vehicles/7/speed -q 1 -m 131
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	s := settings{}
	flag.StringVar(&s.address, "mqtt", "127.0.0.1:1883", "address for vehicles")
	flag.Float64Var(&s.limit, "limit", 130, "km/h above which an alarm is published")
	flag.IntVar(&s.samples, "samples", 10, "speeds that an average is of")
	flag.IntVar(&s.window, "window", 100, "messages that are in the program at a time")
	flag.Parse()
	if err := run(ctx, s, func(net.Addr) {}); err != nil {
		log.Fatal(err)
	}
}

type settings struct {
	address string
	limit   float64
	samples int
	window  int
}

// run serves until ctx is done. listening is told the address.
func run(ctx context.Context, s settings, listening func(net.Addr)) error {
	actors := actor.NewActorSystemWithConfig(actor.Configure(
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
			return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
		}),
		actor.WithDeadLetterThrottleInterval(10*time.Millisecond), // the first dead letter keeps a goroutine for so long
	))
	defer actors.Shutdown() // after the broker, which lives in it
	broker, err := troupe.New(
		troupe.WithName("fleet"), troupe.WithAddress(s.address), troupe.WithDataDir(""), troupe.WithActorSystem(actors),
	)
	if err != nil {
		return err
	}
	if err := broker.Start(ctx); err != nil {
		return err
	}
	publish := func(topic, payload string, retain bool) error {
		limit, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		return broker.Publish(limit, troupe.Message{Topic: topic, Payload: []byte(payload), QoS: troupe.AtLeastOnce, Retain: retain})
	}
	fleet := actors.Root.Spawn(newFleet(s, publish))
	sub, err := broker.SubscribePID(ctx, "vehicles/+/speed", troupe.AtLeastOnce, fleet,
		troupe.WithWindow(s.window), troupe.WithAnswers(), troupe.WithQueue(10*s.window, troupe.SlowPublishers))
	if err == nil {
		listening(broker.Addr("tcp"))
		select {
		case <-ctx.Done():
		case <-sub.Done(): // the fleet actor has ended, or the broker
			err = fmt.Errorf("nobody takes telemetry any more: %w", sub.Err())
		}
		_ = sub.Close()
	}
	last, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(err, broker.Shutdown(last), actors.Root.StopFuture(fleet).Wait())
}
