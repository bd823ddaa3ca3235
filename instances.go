package troupe

import "github.com/troupemq/troupe/internal/control"

// Instances look after the instances of a process. Whoever runs several of them
// can hand it to each with [WithInstances]. An instances.Supervisor is one.
//
//	type Instances interface {
//		// List tells how all of them are, those that do not run too, by name.
//		List(ctx context.Context) ([]Instance, error)
//		// Start starts one that is stopped, failed or waiting, and returns when it runs.
//		// One that runs already is an error.
//		Start(ctx context.Context, name string) error
//		// Stop stops one and keeps it stopped, and returns when it has ended. One that is
//		// stopped already is an error, and so is what went wrong at the end of it.
//		Stop(ctx context.Context, name string) error
//		// Reload reads the configuration of one again. restart are the dotted keys that
//		// have changed and need a restart. What is wrong changes nothing.
//		Reload(ctx context.Context, name string) (restart []string, err error)
//		// Add reads a configuration file, whose path is absolute, and starts the
//		// instances in it, or none.
//		Add(ctx context.Context, file string) (names []string, err error)
//		// Remove takes one out that is stopped or has failed; any other is an error.
//		// What it keeps stays where it is.
//		Remove(ctx context.Context, name string) error
//	}
//
// The methods are called on goroutines of their own, several at a time, and have to
// end soon after ctx is done. A name that is not there is an [ErrNoInstance].
type Instances = control.Instances

// Instance is how an instance is, for whoever looks after it.
//
//	type Instance struct {
//		Name           string             // as configured
//		State          InstanceState      // what it does now
//		Since          time.Time          // since when
//		Restarts       int64              // how often it was started again after it had failed
//		Error          string             // why it failed the last time; empty if it never did
//		Trouble        string             // why nothing is written at present; empty if all is well
//		ErrorAt        *time.Time         // of Error; nil: there is none
//		RetryAt        *time.Time         // when it is started again; nil unless it is waiting
//		ConfigFile     string             // absolute path; empty: it has none
//		DataDir        string             // absolute path; empty: it keeps nothing on disk
//		Listeners      []InstanceListener // where Clients connect
//		MetricsAddress string             // where it tells Prometheus of itself, as host:port; empty: nowhere
//		Connections    int64              // Network Connections that are open now
//		Shares         []InstanceShare    // what it uses of what it may use; none while it does not run
//	}
type Instance = control.Instance

// InstanceState is what an instance does now, a text such as "running".
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
//
//	type InstanceListener struct {
//		Name      string // as configured, or as [WithListener] has it
//		Transport string // as configured; of WithListener: "tls" for one of crypto/tls, or the network of its address
//		Address   string // where it listens; empty while it does not
//	}
type InstanceListener = control.InstanceListener

// InstanceShare is what an instance uses of one thing that it may use.
//
//	type InstanceShare struct {
//		Name    string  // the key of the configuration that bounds it
//		Unit    string  // of Used and Limit: connections, messages, messages/s, bytes or bytes/s
//		Used    float64 // now; of a rate, the mean since it was asked for before, or since the start
//		Limit   float64 // the most that may be used; 0: there is no bound
//		Reached *int64  // how often the bound was reached since the start; nil where that is not counted
//	}
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
