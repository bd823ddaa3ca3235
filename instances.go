package troupe

import "github.com/troupemq/troupe/internal/control"

// Instances look after the instances of a process. Whoever runs several of them
// can hand it to each with [WithInstances].
type Instances = control.Instances

// Instance is how an instance is, for whoever looks after it.
type Instance = control.Instance

// InstanceState is what an instance does now.
type InstanceState = control.InstanceState

// The states of an instance.
const (
	InstanceStarting = control.InstanceStarting
	InstanceRunning  = control.InstanceRunning
	InstanceStopping = control.InstanceStopping
	InstanceStopped  = control.InstanceStopped
	InstanceFailed   = control.InstanceFailed
	InstanceWaiting  = control.InstanceWaiting
)

// InstanceListener is one address where Clients connect.
type InstanceListener = control.InstanceListener

// InstanceShare is what an instance uses of one thing that it may use.
type InstanceShare = control.InstanceShare

// ErrNoInstance is returned by [Instances] for a name that is not there.
var ErrNoInstance = control.ErrNoInstance

// WithInstances has the control endpoint and the [Broker.AdminHandler] of the
// Broker answer for all instances of the process, instead of for this one alone.
func WithInstances(i Instances) Option {
	return func(b *Broker) {
		if i == nil {
			b.refuse("WithInstances: the instances are nil; without the option the broker answers for itself alone")
		}
		b.instances = i
	}
}
