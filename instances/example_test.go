package instances_test

import (
	"context"
	"fmt"
	"time"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/instances"
)

// Two brokers that know nothing of each other. One is stopped while the other goes on.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var all []configs.Instance
	for _, name := range []string{"lines", "offices"} {
		c := configs.Defaults()
		c.Name, c.DataDir = name, "" // or a directory for each
		c.Listeners[0].Address = "127.0.0.1:0"
		c.Supervision.OnFailure = configs.OnFailureRestart
		all = append(all, configs.Instance{Config: c})
	}
	supervisor, err := instances.New(instances.Options{
		Broker: func(c configs.Config) []troupe.Option { return nil }, // what only the program has: who authenticates, hooks
	})
	if err != nil {
		panic(err)
	}
	defer func() { _ = supervisor.Shutdown(ctx) }()
	if err := supervisor.Launch(ctx, all...); err != nil { // a name, port or directory that two want
		panic(err)
	}

	_ = supervisor.Stop(ctx, "lines")
	list, _ := supervisor.List(ctx)
	for _, instance := range list {
		fmt.Println(instance.Name, instance.State)
	}
	// Output:
	// lines stopped
	// offices running
}
