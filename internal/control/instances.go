package control

import (
	"context"
	"errors"
	"time"
)

// Instances are the instances of one process, as somebody who looks after them
// knows them. Its methods are called on goroutines of their own, several at a
// time, and have to end soon after ctx is done. What is asked of a name that is
// not there is answered with an [ErrNoInstance].
type Instances interface {
	// List tells how all of them are, those that do not run too, by name.
	List(ctx context.Context) ([]Instance, error)
	// Start starts one that is stopped, failed or waiting, and returns when it runs. One
	// that runs already is an error.
	Start(ctx context.Context, name string) error
	// Stop stops one and keeps it stopped, and returns when it has ended. One that is stopped
	// already is an error, and so is what went wrong at the end of one that is stopped now.
	Stop(ctx context.Context, name string) error
	// Reload reads the configuration of one again. What has changed and needs a
	// restart is in restart, as dotted keys; "name" needs one of the process, all else of
	// the instance. What is wrong changes nothing.
	Reload(ctx context.Context, name string) (restart []string, err error)
	// Add reads a configuration file, whose path is absolute, and starts the instances in
	// it. It tells their names. When something is wrong with the file or one of them cannot live
	// beside those that there are, none is added; one that is added and does not start is
	// looked after like any other.
	Add(ctx context.Context, file string) (names []string, err error)
	// Remove takes one out that is stopped or has failed; one that runs, or is going to, is an
	// error. What it keeps stays where it is.
	Remove(ctx context.Context, name string) error
}

// ErrNoInstance is returned by Instances for a name that is not there. The answer
// names those that are.
var ErrNoInstance = errors.New("there is no such instance")

// InstanceState is what an instance does now.
type InstanceState string

// The states of an instance.
const (
	InstanceStarting InstanceState = "starting"
	InstanceRunning  InstanceState = "running"
	InstanceStopping InstanceState = "stopping"
	InstanceStopped  InstanceState = "stopped" // because somebody asked, or as supervision.on_failure says
	InstanceFailed   InstanceState = "failed"  // and is not started again
	InstanceWaiting  InstanceState = "waiting" // to be started again, at RetryAt
)

// Instance is how an instance is. Of one that does not run, Listeners have no
// addresses and nothing is counted.
type Instance struct {
	Name           string             `json:"name" example:"edge" doc:"Name of the instance, as configured."`
	State          InstanceState      `json:"state" enum:"starting,running,stopping,stopped,failed,waiting" doc:"What it does now. failed: it ended by itself and is not started again; waiting: it did, and is started again at retry_at."`
	Since          time.Time          `json:"since" doc:"Since when it is in this state."`
	Restarts       int64              `json:"restarts" doc:"How often it was started again after it had failed, since the process began."`
	Error          string             `json:"error,omitempty" doc:"Why it failed the last time; missing if it never did."`
	Trouble        string             `json:"trouble,omitempty" doc:"Why nothing is written at present; missing if all is well, or it does not run."`
	ErrorAt        *time.Time         `json:"error_at,omitempty" doc:"When the error was."`
	RetryAt        *time.Time         `json:"retry_at,omitempty" doc:"When it is started again; only while it is waiting."`
	ConfigFile     string             `json:"config_file,omitempty" example:"/etc/troupe/edge.yaml" doc:"Absolute path of its configuration file; missing if it has none."`
	DataDir        string             `json:"data_dir,omitempty" example:"/var/lib/troupe/edge" doc:"Absolute path of its data directory; missing if it keeps nothing on disk."`
	Listeners      []InstanceListener `json:"listeners" nullable:"false" doc:"Where Clients connect."`
	MetricsAddress string             `json:"metrics_address,omitempty" example:"127.0.0.1:9641" doc:"Where it tells Prometheus of itself, as host:port; missing if nowhere, or while it does not run."`
	Connections    int64              `json:"connections" doc:"Network connections that are open now."`
	Shares         []InstanceShare    `json:"shares" nullable:"false" doc:"What it uses of what it may use; nothing while it does not run."`
}

// InstanceListener is one address where Clients connect.
type InstanceListener struct {
	Name      string `json:"name" example:"tcp" doc:"Name of the listener, as configured."`
	Transport string `json:"transport" example:"tcp" doc:"What carries the bytes: tcp or tls as configured, or what the network of a listener is that a program handed in."`
	Address   string `json:"address,omitempty" example:"127.0.0.1:1883" doc:"Where it listens, as host:port; missing while it does not."`
}

// InstanceShare is what an instance uses of one thing that it may use.
type InstanceShare struct {
	Name    string  `json:"name" example:"limits.rate.messages_per_second" doc:"The key of the configuration that bounds it."`
	Unit    string  `json:"unit" example:"messages/s" doc:"Of used and limit: connections, messages, messages/s, bytes or bytes/s."`
	Used    float64 `json:"used" doc:"Used now; of a rate, the mean since it was asked for before, or since the instance started."`
	Limit   float64 `json:"limit" doc:"The most that may be used; 0: there is no bound."`
	Reached *int64  `json:"reached,omitempty" doc:"How often the bound was reached since the instance started; of limits.rate, by messages or bytes. Missing where that is not counted."`
}
