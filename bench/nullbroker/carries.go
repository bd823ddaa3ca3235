package nullbroker

import (
	"errors"
	"fmt"

	"github.com/troupemq/troupe/bench"
	"github.com/troupemq/troupe/protocol/packet"
)

// Carries tells whether the null broker can stand in for a broker in a workload. The error says why not.
func Carries(w bench.Workload) error {
	if w.Kind != bench.Messages {
		return fmt.Errorf("nullbroker: %s: it can carry messages, and not %s", w.Name, w.Kind)
	}
	for _, t := range w.Traffic {
		if err := carries(t); err != nil {
			return fmt.Errorf("nullbroker: %s: %w", w.Name, err)
		}
	}
	return nil
}

func carries(t bench.Traffic) error {
	version := func(v packet.Version) packet.Version {
		if v == 0 {
			return packet.V311
		}
		return v
	}
	switch {
	case t.Filters > 0:
		return errors.New("it matches no Topic Filters")
	case t.PublishQoS != t.SubscribeQoS:
		return errors.New("it lowers no QoS")
	case version(t.PublishVersion) != version(t.SubscribeVersion):
		return errors.New("it translates between no versions")
	case t.PublishQoS > packet.QoS0 && t.Publishers != t.Subscribers:
		return errors.New("it acknowledges nothing itself, so that QoS 1 and 2 need pairs")
	case t.Publishers == 0 || t.Subscribers == 0:
		return errors.New("there is nobody to pair")
	case max(t.Publishers, t.Subscribers)%min(t.Publishers, t.Subscribers) != 0:
		return fmt.Errorf("%d publishers and %d subscribers cannot be paired evenly", t.Publishers, t.Subscribers)
	case t.Press || t.ReadRate > 0:
		return errors.New("it never drops a message, and would make publishers wait")
	}
	return nil
}
