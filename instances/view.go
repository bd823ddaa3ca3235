package instances

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/configs"
)

// table is what outlives a failure of the actor.
type table struct {
	all   []*instance // the actor's alone
	cause error       // before done is closed
	wrong []error     // at the ends of those that ended last, before done is closed
	seen  atomic.Pointer[view]
}

// view is how the instances were when something last changed.
type view struct {
	all  []seen
	over chan struct{} // closed when there is another view
}

func newView(all []seen) *view { return &view{all, make(chan struct{})} }

// seen is how one instance is.
type seen struct {
	definition configs.Instance // what the next start takes
	forced     configs.Instance // what the broker was made of, while there is one
	state      troupe.InstanceState
	since      int64
	retryAt    int64
	restarts   int64
	err        error
	errAt      int64
	broker     broker // nil: it does not run
	again      bool   // it is started once it has stopped
}

// comes tells whether it runs, or will without being asked.
func (i *seen) comes() bool {
	switch i.state {
	case troupe.InstanceStopped, troupe.InstanceFailed:
		return false
	case troupe.InstanceStopping:
		return i.again
	default:
		return true
	}
}

// find finds an instance by its name.
func (v *view) find(name string) (*seen, error) {
	names := make([]string, len(v.all))
	for i := range v.all {
		if names[i] = v.all[i].definition.Config.Name; names[i] == name {
			return &v.all[i], nil
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%w as %q: there are none", troupe.ErrNoInstance, name)
	}
	slices.Sort(names)
	return nil, fmt.Errorf("%w as %q: there are %s", troupe.ErrNoInstance, name, strings.Join(names, ", "))
}

// status is what List tells.
func (i *seen) status() troupe.Instance {
	c := i.definition.Config
	status := troupe.Instance{Name: c.Name, Shares: []troupe.InstanceShare{}, Listeners: []troupe.InstanceListener{}}
	if i.broker != nil {
		status = i.broker.Status()
	} else {
		if c.DataDir != "" {
			status.DataDir = absolute(c.DataDir)
		}
		for _, l := range c.Listeners {
			status.Listeners = append(status.Listeners, troupe.InstanceListener{Name: l.Name, Transport: string(l.Transport)})
		}
	}
	status.State, status.Since, status.Restarts, status.Error = i.state, moment(i.since), i.restarts, ""
	status.ErrorAt = nil
	if i.err != nil {
		at := moment(i.errAt)
		status.Error, status.ErrorAt = i.err.Error(), &at
	}
	if i.retryAt != 0 {
		at := moment(i.retryAt)
		status.RetryAt = &at
	}
	if i.definition.File != "" {
		status.ConfigFile = absolute(i.definition.File)
	}
	return status
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
