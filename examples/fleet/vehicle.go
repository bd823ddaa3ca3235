package main

import (
	"fmt"
	"strconv"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe"
)

// handled is what the subscription is answered: the message leaves the window.
type handled struct{}

// vehicle is the actor of one vehicle. It may block: that holds up nobody but its
// own messages, and in the end those who publish more than the window has room for.
type vehicle struct {
	id      string
	limit   float64
	samples int
	publish publish

	sum   float64
	count int
}

// Receive implements actor.Actor.
func (v *vehicle) Receive(ctx actor.Context) {
	m, ok := ctx.Message().(*troupe.Message)
	if !ok {
		return
	}
	// Deferred, so that a panic too gives the place in the window back: the
	// subscription sees failures of the actor that it sends to, and not of those
	// to which that forwards.
	defer ctx.Respond(handled{})
	speed, err := strconv.ParseFloat(string(m.Payload), 64)
	if err != nil {
		panic(fmt.Sprintf("vehicle %s: %q is no speed", v.id, m.Payload)) // supervision: it starts anew
	}
	if speed > v.limit {
		v.say("alarm", speed, false)
	}
	v.sum += speed
	if v.count++; v.count == v.samples {
		v.say("average", v.sum/float64(v.count), true)
		v.sum, v.count = 0, 0
	}
}

func (v *vehicle) say(what string, speed float64, retain bool) {
	if err := v.publish("fleet/"+v.id+"/"+what, strconv.FormatFloat(speed, 'f', 1, 64), retain); err != nil {
		panic(err)
	}
}
