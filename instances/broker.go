package instances

import (
	"fmt"

	"github.com/troupemq/troupe"
)

// Broker is the Broker of an instance that runs, an [ErrNotRunning] if it does not. It
// ends with the instance, which has another one when it is started again: do not keep it.
func (s *Supervisor) Broker(name string) (*troupe.Broker, error) {
	i, err := s.table.seen.Load().find(name)
	if err != nil {
		return nil, err
	}
	if b, ok := i.broker.(*troupe.Broker); ok {
		return b, nil
	}
	return nil, fmt.Errorf("instance %s: %w, it is %s", name, ErrNotRunning, i.state)
}
