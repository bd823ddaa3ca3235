package bridge

import (
	"strconv"
	"time"

	"github.com/troupemq/troupe/actors/routing"
	"github.com/troupemq/troupe/protocol/packet"
)

// told is what was published of a bridge.
type told struct {
	publisher routing.Publisher
	last      map[string]string // by topic
	codes     []packet.ReasonCode
	silent    bool // all was taken back
}

// states are the topics below $SYS/broker/bridge/<name>/ that are published when they change.
var states = []struct {
	topic string
	value func(*Status) string
}{
	{"state", func(s *Status) string { return string(s.State) }},
	{"upstream", func(s *Status) string { return s.Upstream }},
	{"since", func(s *Status) string { return s.Since.UTC().Format(time.RFC3339) }},
	{"error", func(s *Status) string { return s.LastError }},
}

// figures are the topics there that are published every interval, if they have changed.
var figures = []struct {
	topic string
	value func(h *Handle, now int64) int64
}{
	{"switches", func(h *Handle, _ int64) int64 { return h.Switches.Load() }},
	{"attempts", func(h *Handle, _ int64) int64 { return h.Attempts.Load() }},
	{"retries", func(h *Handle, _ int64) int64 { return h.Retries.Load() }},
	{"queued/messages", func(h *Handle, _ int64) int64 { return h.Figures.Queued.Load() }},
	{"queued/bytes", func(h *Handle, _ int64) int64 { return h.Figures.QueuedBytes.Load() }},
	{"queued/age", age},
	{"spooled/messages", func(h *Handle, _ int64) int64 { return h.Figures.Spooled.Load() }},
	{"inflight", func(h *Handle, _ int64) int64 { return h.Figures.Inflight.Load() }},
	{"strained", strained},
	{"forwarded", func(h *Handle, _ int64) int64 { return h.Figures.Forwarded.Load() }},
	{"resent", func(h *Handle, _ int64) int64 { return h.Figures.Resent.Load() }},
	{"received", func(h *Handle, _ int64) int64 { return h.Figures.Received.Load() }},
	{"bytes/out", func(h *Handle, _ int64) int64 { return h.Figures.BytesOut.Load() }},
	{"bytes/in", func(h *Handle, _ int64) int64 { return h.Figures.BytesIn.Load() }},
	{"dropped/full", func(h *Handle, _ int64) int64 { return h.Figures.DroppedFull.Load() }},
	{"dropped/expired", func(h *Handle, _ int64) int64 { return h.Figures.DroppedExpired.Load() }},
	{"dropped/aged", func(h *Handle, _ int64) int64 { return h.Figures.DroppedAged.Load() }},
	{"dropped/too_large", func(h *Handle, _ int64) int64 { return h.Figures.DroppedTooLarge.Load() }},
	{"dropped/offline", func(h *Handle, _ int64) int64 { return h.Figures.DroppedOffline.Load() }},
	{"dropped/congested", func(h *Handle, _ int64) int64 { return h.Figures.DroppedCongested.Load() }},
	{"dropped/switch", func(h *Handle, _ int64) int64 { return h.Figures.DroppedSwitch.Load() }},
	{"dropped/loop", func(h *Handle, _ int64) int64 { return h.Figures.DroppedLoop.Load() }},
	{"dropped/refused", func(h *Handle, _ int64) int64 { return h.Figures.DroppedRefused.Load() }},
}

// age is how long the oldest message has waited, in seconds.
func age(h *Handle, now int64) int64 {
	if at := h.Figures.OldestAt.Load(); at > 0 {
		return max(now-at, 0) / 1000
	}
	return 0
}

func strained(h *Handle, _ int64) int64 {
	if h.Figures.Strained.Load() {
		return 1
	}
	return 0
}

func connectionTopic(clientID string) string {
	return "$SYS/broker/connection/" + clientID + "/state"
}

// state publishes what has changed of the state. It is little, so that it does not wait for those who cannot keep up.
func (t *told) state(b *Bridge, s *Status) {
	for _, f := range states {
		t.publish(b, b.topic(f.topic), f.value(s))
	}
	connected := "0"
	if s.Connected() {
		connected = "1"
	}
	t.publish(b, connectionTopic(b.settings.ClientID), connected)
	if topic := b.settings.Config.StateTopic; topic != "" {
		t.publish(b, topic, connected)
	}
}

// figures publishes what has changed of the figures, and comes again.
func (b *Bridge) figures() {
	if b.o.Interval == 0 {
		return
	}
	t := &b.told
	t.publisher.Recheck()
	if !t.publisher.Blocked() { // what nobody keeps up with can wait
		for _, f := range figures {
			t.publish(b, b.topic(f.topic), strconv.FormatInt(f.value(b.o.Handle, b.now()), 10))
		}
	}
	b.o.Loop.Start(b.clock, b.now()+b.o.Interval)
}

// moved takes back what was published under names that are not used any more.
func (t *told) moved(clientID, newClientID, stateTopic, newStateTopic string, b *Bridge) {
	if clientID != newClientID {
		t.forget(b, connectionTopic(clientID))
	}
	if stateTopic != "" && stateTopic != newStateTopic {
		t.forget(b, stateTopic)
	}
}

// clear takes back all that was published.
func (t *told) clear(b *Bridge) {
	for topic := range t.last {
		t.forget(b, topic)
	}
}

func (t *told) forget(b *Bridge, topic string) {
	t.publish(b, topic, "")
	delete(t.last, topic)
}

func (b *Bridge) topic(below string) string {
	return "$SYS/broker/bridge/" + b.settings.Config.Name + "/" + below
}

// publish publishes what differs from what was published before. An empty value takes a retained one back.
func (t *told) publish(b *Bridge, topic, value string) {
	if last, ok := t.last[topic]; t.silent || ok && last == value {
		return
	}
	t.last[topic] = value
	run := packet.NewRun(&packet.Publish{Retain: true, Topic: []byte(topic), Payload: []byte(value)}, packet.V311)
	t.codes = t.publisher.Publish([]*packet.Run{run}, b.now(), t.codes[:0])
	t.publisher.Ticket().Release()
}
