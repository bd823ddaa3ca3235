// Gateway connects the machines of a plant with its office and with a cloud. It runs
// two brokers: one for machines and one for the office, with listeners of their own
// so that neither sees the other's network. Bridges carry what is to pass.
//
//	machines  sensors/#   ->  office  plant/sensors/#     in the process, without a socket
//	machines  alarms/#    ->  cloud   plant7/alarms/#     over MQTT; waits on disk while the cloud is away
//	machines  commands/#  <-  cloud   plant7/commands/#
//
//	go run ./examples/gateway -cloud mqtt://127.0.0.1:2883 -data /tmp/gateway
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"os"
	"os/signal"
	"time"

	"go.uber.org/zap"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/instances"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	s := settings{}
	flag.StringVar(&s.machines, "machines", "127.0.0.1:1883", "address for machines")
	flag.StringVar(&s.office, "office", "127.0.0.1:1884", "address for the office")
	flag.StringVar(&s.cloud, "cloud", "mqtt://127.0.0.1:2883", "URI of the cloud; several, separated by commas, are tried in turn")
	flag.StringVar(&s.dir, "data", "gateway-data", "directory for what waits and is kept")
	flag.Parse()
	if err := run(ctx, s, func([]troupe.Instance) {}); err != nil {
		log.Fatal(err)
	}
}

// run serves until ctx is done. ready is told how the instances are.
func run(ctx context.Context, s settings, ready func([]troupe.Instance)) error {
	logger, err := zap.NewProduction()
	if err != nil {
		return err
	}
	supervisor, err := instances.New(instances.Options{Log: logger})
	if err != nil {
		return err
	}
	err = supervisor.Launch(ctx, configs.Instance{Config: s.ofOffice()}, configs.Instance{Config: s.ofMachines()})
	if err == nil {
		all, _ := supervisor.List(ctx)
		ready(all)
		select {
		case <-ctx.Done():
		case <-supervisor.Done():
			err = supervisor.Err()
		}
	}
	last, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(err, supervisor.Shutdown(last))
}
