package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/troupemq/troupe/bench"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// Describe says in a line what the clients of a Workload do.
func Describe(w bench.Workload) string {
	var parts []string
	switch w.Kind {
	case bench.Connects:
		parts = append(parts, fmt.Sprintf("%s at a time, made and closed", plural(int64(w.Connections), "connection", "connections")))
	case bench.Idle:
		parts = append(parts, plural(int64(w.Connections), "idle connection", "idle connections"))
		if w.Subscriptions > 0 {
			parts = append(parts, plural(int64(w.Subscriptions), "subscription", "subscriptions"))
		}
	case bench.Retained:
		parts = append(parts, fmt.Sprintf("%s of %s", plural(int64(w.Count), "retained message", "retained messages"), plural(int64(w.Payload), "byte", "bytes")))
	case bench.Queued:
		parts = append(parts, fmt.Sprintf("%s of %s queued for each of %s", plural(int64(w.Count), "message", "messages"),
			plural(int64(w.Payload), "byte", "bytes"), plural(int64(w.Connections), "session", "sessions")))
	case bench.Acknowledged:
		parts = append(parts, fmt.Sprintf("%s, each to a session of its own that is away, QoS 1, %s, window %s", plural(int64(w.Connections), "publisher", "publishers"),
			plural(int64(w.Payload), "byte", "bytes"), count(float64(w.Window))))
	default:
		for i, t := range w.Traffic {
			text := traffic(t)
			if i > 0 {
				text = "beside it: " + text
			}
			parts = append(parts, text)
		}
	}
	if w.Duration > 0 {
		parts = append(parts, fmt.Sprintf("%s after %s of warm-up", whole(w.Duration), whole(w.WarmUp)))
	}
	return strings.Join(parts, "; ")
}

func traffic(t bench.Traffic) string {
	s := fmt.Sprintf("%s to %s, ", plural(int64(t.Publishers), "publisher", "publishers"), plural(int64(t.Subscribers), "subscriber", "subscribers"))
	if t.Filters > 0 {
		s += plural(int64(t.Filters), "wildcard filter", "wildcard filters") + " each, "
	}
	s += fmt.Sprintf("QoS %d", t.PublishQoS)
	if t.SubscribeQoS != t.PublishQoS {
		s += fmt.Sprintf(" to QoS %d", t.SubscribeQoS)
	}
	s += ", " + versionOf(byte(t.PublishVersion))
	if a, b := versionOf(byte(t.PublishVersion)), versionOf(byte(t.SubscribeVersion)); a != b {
		s += " to " + b
	}
	s += ", " + plural(int64(t.Payload), "byte", "bytes") + ", "
	switch {
	case t.Press:
		s += "as fast as the broker reads"
	case t.Loop == bench.Open:
		s += "open loop, " + count(t.Rate) + "/s in all"
	default:
		s += fmt.Sprintf("closed loop, window %s", count(float64(t.Window)))
	}
	if t.ReadRate > 0 {
		s += fmt.Sprintf(", each subscriber takes %s/s", count(t.ReadRate))
	}
	return s
}

func versionOf(v byte) string {
	if v == 5 {
		return "MQTT 5"
	}
	return "MQTT 3.1.1"
}
