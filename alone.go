package troupe

import (
	"context"
	"fmt"
)

// alone is a Broker as the only one of its process that anybody looks after.
type alone struct{ broker *Broker }

// List implements Instances.
func (a alone) List(context.Context) ([]Instance, error) { return []Instance{a.broker.Status()}, nil }

// Start implements Instances: who can ask this is answered by an instance that runs.
func (a alone) Start(_ context.Context, name string) error {
	return a.known(name, "instance %q runs already")
}

// Stop implements Instances.
func (a alone) Stop(ctx context.Context, name string) error {
	if name != a.broker.config.Name {
		return ErrNoInstance
	}
	if err := a.broker.Shutdown(ctx); err != nil {
		return err
	}
	return a.broker.Err() // of a store that could not be closed, say
}

// Reload implements Instances. Where the configuration comes from, only the host knows.
func (a alone) Reload(_ context.Context, name string) ([]string, error) {
	return nil, a.known(name, "instance %q can be reloaded by the program that runs it alone: send SIGHUP if that is troupe serve")
}

// Add implements Instances.
func (a alone) Add(context.Context, string) ([]string, error) {
	return nil, fmt.Errorf("the program that runs instance %q looks after no others; start it with several configurations, or another process beside it", a.broker.config.Name)
}

// Remove implements Instances.
func (a alone) Remove(_ context.Context, name string) error {
	return a.known(name, "instance %q runs, and the program that runs it looks after no others")
}

// known is why something cannot be done, if there is an instance of that name.
func (a alone) known(name, why string) error {
	if name != a.broker.config.Name {
		return ErrNoInstance
	}
	return fmt.Errorf(why, name)
}
