package bench

import (
	"errors"
	"fmt"
	"time"

	"github.com/troupemq/troupe/bench/internal/client"
	"github.com/troupemq/troupe/protocol/packet"
)

// payloadLimit is what fits into a packet with any of our Topic Names.
const payloadLimit = 268_000_000

// burstLimit bounds the memory of ready-made packets of one traffic.
const burstLimit = 4 << 30

// withDefaults fills in what was left out.
func (w Workload) withDefaults() Workload {
	w.Traffic = append([]Traffic(nil), w.Traffic...)
	for i := range w.Traffic {
		t := &w.Traffic[i]
		if t.Name == "" {
			t.Name = "bench"
		}
		if t.Topics == 0 {
			t.Topics = 1
			if t.Filters > 0 && t.Publishers > 0 {
				t.Topics = max(1, t.Subscribers*t.Filters/t.Publishers)
			}
		}
		if t.PublishVersion == 0 {
			t.PublishVersion = packet.V311
		}
		if t.SubscribeVersion == 0 {
			t.SubscribeVersion = packet.V311
		}
		if t.Loop == "" {
			t.Loop = Closed
		}
		if t.Press && t.Window == 0 {
			t.Window = 1000
		}
	}
	return w
}

// Validate tells what is wrong with the workload, all of it, by the keys of a workload file.
func (w Workload) Validate() error {
	w = w.withDefaults()
	p := &problems{workload: w.Name}
	p.unless(w.Name != "", "name", "is missing")
	needs := func(key string, value int, for_ ...Kind) {
		for _, k := range for_ {
			if k == w.Kind {
				p.unless(value > 0, key, "%d; kind %s needs at least 1", value, k)
				return
			}
		}
		p.unless(value == 0, key, "has no meaning for kind %s", w.Kind)
	}
	switch w.Kind {
	case Messages, Connects, Idle, Retained, Queued, Acknowledged:
		needs("connections", w.Connections, Connects, Idle, Queued, Acknowledged)
		needs("window", w.Window, Acknowledged)
		p.unless(w.Window <= 65535, "window", "%d; Packet Identifiers allow 65535", w.Window)
		needs("count", w.Count, Retained, Queued)
		p.unless(w.Subscriptions == 0 || w.Kind == Idle, "subscriptions", "have no meaning for kind %s", w.Kind)
		p.unless(w.Subscriptions >= 0 && w.Subscriptions <= w.Connections || w.Kind != Idle,
			"subscriptions", "%d; at most one for each of %d connections", w.Subscriptions, w.Connections)
		p.unless(w.Payload == 0 || w.Kind == Retained || w.Kind == Queued || w.Kind == Acknowledged, "payload", "has no meaning for kind %s", w.Kind)
		p.unless(w.Payload >= 0 && w.Payload <= payloadLimit, "payload", "%d; 0 to %d bytes", w.Payload, payloadLimit)
		timed := w.Kind == Messages || w.Kind == Connects || w.Kind == Acknowledged
		p.unless(!timed || w.Duration > 0, "duration", "%s; kind %s needs one above 0", w.Duration, w.Kind)
		p.unless(timed || w.Duration == 0 && w.WarmUp == 0, "duration and warm_up", "have no meaning for kind %s", w.Kind)
		p.unless(w.WarmUp >= 0, "warm_up", "%s is below 0", w.WarmUp)
		p.unless(w.Duration <= 24*time.Hour && w.WarmUp <= 24*time.Hour, "duration and warm_up", "are at most 24h")
	default:
		p.unless(false, "kind", "%q is none of messages, connects, idle, retained, queued, acknowledged", w.Kind)
	}
	p.unless((len(w.Traffic) > 0) == (w.Kind == Messages), "traffic", "is for kind messages, which needs at least one")
	names := make(map[string]bool)
	for i, t := range w.Traffic {
		key := fmt.Sprintf("traffic[%d].", i)
		p.unless(!names[t.Name], key+"name", "%q is there twice", t.Name)
		names[t.Name] = true
		t.validate(key, p)
	}
	return errors.Join(p.found...)
}

func (t Traffic) validate(key string, p *problems) {
	for _, c := range t.Name {
		p.unless(c > ' ' && c < 0x7f && c != '/' && c != '+' && c != '#' && c != '$', key+"name",
			"%q: %q does not go into Topic Names and Client Identifiers", t.Name, c)
	}
	p.unless(t.Publishers > 0, key+"publishers", "%d; at least 1", t.Publishers)
	p.unless(t.Subscribers > 0, key+"subscribers", "%d; at least 1", t.Subscribers)
	p.unless(t.Topics > 0, key+"topics", "%d; at least 1", t.Topics)
	p.unless(t.Filters >= 0, key+"filters", "%d; at least 0", t.Filters)
	p.unless(t.PublishQoS <= packet.QoS2, key+"publish_qos", "%d; 0, 1 or 2", t.PublishQoS)
	p.unless(t.SubscribeQoS <= packet.QoS2, key+"subscribe_qos", "%d; 0, 1 or 2", t.SubscribeQoS)
	p.unless(t.PublishVersion == 4 || t.PublishVersion == 5, key+"publish_version", "%d; 4 (MQTT 3.1.1) or 5", byte(t.PublishVersion))
	p.unless(t.SubscribeVersion == 4 || t.SubscribeVersion == 5, key+"subscribe_version", "%d; 4 (MQTT 3.1.1) or 5", byte(t.SubscribeVersion))
	p.unless(t.Payload >= 0 && t.Payload <= payloadLimit, key+"payload", "%d; 0 to %d bytes", t.Payload, payloadLimit)
	p.unless(t.ReadRate >= 0, key+"read_rate", "%g; 0 (what comes) or above", t.ReadRate)
	switch t.Loop {
	case Closed:
		p.unless(t.Window > 0, key+"window", "%d; a closed loop needs at least 1", t.Window)
		p.unless(t.Rate == 0, key+"rate", "has no meaning in a closed loop")
	case Open:
		p.unless(t.Rate > 0, key+"rate", "%g; an open loop needs one above 0", t.Rate)
		p.unless(t.Window == 0, key+"window", "has no meaning in an open loop")
		p.unless(!t.Press, key+"press", "has no meaning in an open loop")
		p.unless(t.Payload >= client.Stamp, key+"payload", "%d; an open loop needs %d bytes for the time", t.Payload, client.Stamp)
	default:
		p.unless(false, key+"loop", "%q is neither closed nor open", t.Loop)
	}
	if t.Publishers <= 0 || t.Subscribers <= 0 || t.Topics <= 0 {
		return
	}
	flows, filters := t.Publishers*t.Topics, t.Subscribers*t.Filters
	p.unless(t.Filters == 0 || flows <= filters, key+"topics", "%d publishers with %d each are more than the %d filters",
		t.Publishers, t.Topics, filters)
	p.unless(flows <= 100_000_000, key+"topics", "%d publishers with %d each are more than 100,000,000", t.Publishers, t.Topics)
	memory := flows * (t.Payload + 64)
	p.unless(memory <= burstLimit, key+"topics", "%d packets of %d bytes, made ready before, would take %d MiB; at most %d MiB",
		flows, t.Payload, memory>>20, burstLimit>>20)
}

// problems gathers what is wrong.
type problems struct {
	workload string
	found    []error
}

func (p *problems) unless(right bool, key, format string, args ...any) {
	if !right {
		p.found = append(p.found, fmt.Errorf("workload %s: %s: %s", p.workload, key, fmt.Sprintf(format, args...)))
	}
}
