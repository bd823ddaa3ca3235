package main

import (
	"strings"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe"
)

// publish publishes, and waits as long as receivers are far behind.
type publish func(topic, payload string, retain bool) error

// fleet is the actor that gets all messages; its children are the vehicles, which
// it restarts whenever they fail.
type fleet struct {
	settings settings
	publish  publish
	vehicles map[string]*actor.PID
}

func newFleet(s settings, p publish) *actor.Props {
	return actor.PropsFromProducer(func() actor.Actor {
		return &fleet{settings: s, publish: p, vehicles: make(map[string]*actor.PID)}
	}, actor.WithSupervisor(actor.NewRestartingStrategy()))
}

// Receive implements actor.Actor.
func (f *fleet) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *troupe.Message:
		id := strings.Split(m.Topic, "/")[1] // the filter has three levels
		pid := f.vehicles[id]
		if pid == nil {
			pid = ctx.Spawn(actor.PropsFromProducer(func() actor.Actor {
				return &vehicle{id: id, limit: f.settings.limit, samples: f.settings.samples, publish: f.publish}
			}))
			f.vehicles[id] = pid
		}
		ctx.Forward(pid) // the answer goes to who sent it here: the subscription
	}
}
