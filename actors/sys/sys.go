// Package sys holds the actor that publishes an instance's figures under
// $SYS/broker, by the names that Mosquitto gave them.
package sys

import (
	"strconv"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/routing"
	"github.com/troupemq/troupe/internal/eventloop"
	"github.com/troupemq/troupe/internal/telemetry"
	"github.com/troupemq/troupe/protocol/packet"
)

// Sys is the actor.
type Sys struct {
	tables   *routing.Tables
	loop     eventloop.Loop
	counters *telemetry.Counters
	version  string
	interval int64 // milliseconds

	publisher routing.Publisher
	timer     *eventloop.Timer
	began     int64
	last      map[string]string // what each topic was last told
	loads     loads
	codes     []packet.ReasonCode
	more      []Figure
}

// Figure is one more number, and its topic below $SYS/broker/.
type Figure struct {
	Topic string
	Value func() int64
}

// New makes the actor. interval is in milliseconds and above 0. more is
// published with what is counted.
func New(tables *routing.Tables, loop eventloop.Loop, counters *telemetry.Counters, version string, interval int64, more ...Figure) *Sys {
	return &Sys{tables: tables, loop: loop, counters: counters, version: version, interval: interval, more: more}
}

type tick struct{}

// Receive implements actor.Actor.
func (s *Sys) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		self, root := ctx.Self(), ctx.ActorSystem().Root
		s.publisher = routing.NewPublisher(s.tables, self, 0)
		s.timer = eventloop.NewTimer(func() { root.Send(self, tick{}) })
		s.began = s.loop.Now()
		s.last = make(map[string]string)
		s.publish("$SYS/broker/version", "troupe version "+s.version)
		s.round()
	case *actor.Stopping, *actor.Restarting:
		s.loop.Stop(s.timer)
	case *message.Credit:
		s.publisher.Credit(m.Receiver)
	case message.Continue:
		s.publisher.Continue()
	case tick:
		s.round()
	}
}

func (s *Sys) round() {
	now := s.loop.Now()
	s.publisher.Recheck()
	if !s.publisher.Blocked() { // figures that nobody keeps up with can wait
		s.publish("$SYS/broker/uptime", strconv.FormatInt((now-s.began)/1000, 10)+" seconds")
		for _, f := range figures {
			s.publish("$SYS/broker/"+f.topic, strconv.FormatInt(f.value(s.counters), 10))
		}
		for _, f := range s.more {
			s.publish("$SYS/broker/"+f.Topic, strconv.FormatInt(f.Value(), 10))
		}
		s.loads.update(s.counters, now)
		s.loads.each(func(topic, value string) { s.publish("$SYS/broker/load/"+topic, value) })
	}
	s.loop.Start(s.timer, now+s.interval)
}

// publish sends what has changed since the last round.
func (s *Sys) publish(topic, value string) {
	if last, ok := s.last[topic]; ok && last == value {
		return
	}
	s.last[topic] = value
	run := packet.NewRun(&packet.Publish{Retain: true, Topic: []byte(topic), Payload: []byte(value)}, packet.V311)
	s.codes = s.publisher.Publish([]*packet.Run{run}, s.loop.Now(), s.codes[:0])
}
