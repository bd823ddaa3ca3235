package suite

import (
	"context"

	"github.com/troupemq/troupe/bench"
	"github.com/troupemq/troupe/bench/peer"
	"github.com/troupemq/troupe/bench/report"
)

// Broker is one that is asked for, made by Peer, Target or Missing.
type Broker struct {
	report.Broker
	start func(context.Context) (instance, error) // nil if it is missing
	uri   string                                  // where it is or will be, as far as known
}

// instance is a broker during one run.
type instance struct {
	target bench.Target
	died   <-chan error // nil: it is not ours to watch
	stop   func() error
}

// Peer is a broker that is started anew for each run.
func Peer(p peer.Peer) Broker {
	return Broker{
		Broker: report.Broker{Name: p.Definition.Name, Version: p.Version, Notes: p.Definition.Notes, Null: p.Definition.Null},
		uri:    "mqtt://127.0.0.1:1883",
		start: func(ctx context.Context) (instance, error) {
			r, err := p.Start(ctx)
			if err != nil {
				return instance{}, err
			}
			return instance{r.Target, r.Died(), r.Stop}, nil
		},
	}
}

// Target is a broker that runs already, and goes on running: all runs have the same process.
func Target(t bench.Target) Broker {
	return Broker{
		Broker: report.Broker{Name: t.Name, Version: t.Version, Notes: "was running already, at " + t.URI},
		uri:    t.URI,
		start: func(context.Context) (instance, error) {
			return instance{target: t, stop: func() error { return nil }}, nil
		},
	}
}

// Missing is a broker that was asked for and is not there: the report says why.
func Missing(d peer.Definition, why error) Broker {
	return Broker{Broker: report.Broker{Name: d.Name, Notes: d.Notes, Null: d.Null, Missing: why.Error()}}
}
