package instances_test

import (
	"context"
	"fmt"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/instances"
)

// Two tenants of one program, each with a broker of its own. One is stopped and
// started again while the other runs.
func Example() {
	ctx := context.Background()
	tenants, err := instances.New(instances.Options{
		Broker: func(c configs.Config) []troupe.Option {
			return []troupe.Option{ /* who authenticates the Clients of tenant c.Name, say */ }
		},
	})
	if err != nil {
		panic(err)
	}
	tenant := func(name string) configs.Instance {
		c := configs.Defaults()
		c.Name, c.DataDir = name, "" // nothing on disk
		c.Listeners[0].Address = "127.0.0.1:0"
		c.Supervision.OnFailure = configs.OnFailureRestart
		return configs.Instance{Config: c}
	}
	if err := tenants.Launch(ctx, tenant("acme"), tenant("umbrella")); err != nil {
		panic(err)
	}
	fmt.Println(tenants.Stop(ctx, "acme"))
	list, _ := tenants.List(ctx)
	for _, i := range list {
		fmt.Println(i.Name, i.State)
	}
	fmt.Println(tenants.Start(ctx, "acme"))
	fmt.Println(tenants.Start(ctx, "initech"))
	fmt.Println(tenants.Shutdown(ctx))
	// Output:
	// <nil>
	// acme stopped
	// umbrella running
	// <nil>
	// there is no such instance as "initech": there are acme, umbrella
	// <nil>
}
