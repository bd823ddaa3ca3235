package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// bridgeFamilies are what there is of bridges.
var bridgeFamilies = []family{
	ofBridge("bridge_up", prometheus.GaugeValue, "bridge/<name>/state", "1 while a link of the bridge carries messages.", func(b *Bridge) float64 { return truth(b.Upstream != "") }),
	ofBridge("bridge_paused", prometheus.GaugeValue, "bridge/<name>/state", "1 while the bridge is paused, since somebody had it paused or drained.", func(b *Bridge) float64 { return truth(b.Paused) }),
	{name: "bridge_upstream_used", topic: "bridge/<name>/upstream", help: "1 for the upstream that a bridge uses, 0 for its others, by their URIs without credentials.", kind: prometheus.GaugeValue,
		labels: []string{"bridge", "upstream"}, collect: func(r *Reading, emit emit) {
			for _, b := range r.Bridges {
				for i, upstream := range b.Upstreams {
					if !slices.Contains(b.Upstreams[:i], upstream) { // one may be in the list twice
						emit(truth(upstream == b.Upstream), valid(b.Name), valid(upstream))
					}
				}
			}
		}},
	ofBridge("bridge_switches_total", prometheus.CounterValue, "bridge/<name>/switches", "Changes of a bridge from one upstream to another.", func(b *Bridge) float64 { return float64(b.Switches) }),
	ofBridge("bridge_attempts_total", prometheus.CounterValue, "bridge/<name>/attempts", "Connections to upstreams that were begun, without those that only try a better one.", func(b *Bridge) float64 { return float64(b.Attempts) }),
	ofBridge("bridge_retries_total", prometheus.CounterValue, "bridge/<name>/retries", "Of the attempts, those while no link carried messages, after one had failed or was lost.", func(b *Bridge) float64 { return float64(b.Retries) }),
	ofBridge("bridge_queued_messages", prometheus.GaugeValue, "bridge/<name>/queued/messages", "Messages that wait for an upstream.", func(b *Bridge) float64 { return float64(b.Queued) }),
	ofBridge("bridge_queued_bytes", prometheus.GaugeValue, "bridge/<name>/queued/bytes", "Bytes of the messages that wait for an upstream.", func(b *Bridge) float64 { return float64(b.QueuedBytes) }),
	ofBridge("bridge_queued_age_seconds", prometheus.GaugeValue, "bridge/<name>/queued/age", "For how long the oldest message has waited for an upstream; 0: none waits.", func(b *Bridge) float64 { return b.QueuedAge.Seconds() }),
	ofBridge("bridge_spooled_messages", prometheus.GaugeValue, "bridge/<name>/spooled/messages", "Of the messages that wait for an upstream, those that are on disk alone.", func(b *Bridge) float64 { return float64(b.Spooled) }),
	ofBridge("bridge_inflight_messages", prometheus.GaugeValue, "bridge/<name>/inflight", "Messages that the upstream has not finally acknowledged.", func(b *Bridge) float64 { return float64(b.Inflight) }),
	ofBridge("bridge_strained", prometheus.GaugeValue, "bridge/<name>/strained", "1 while who publishes to the bridge is slowed down.", func(b *Bridge) float64 { return truth(b.Strained) }),
	ofBridge("bridge_messages_forwarded_total", prometheus.CounterValue, "bridge/<name>/forwarded", "Messages that were sent to upstreams, repeated ones not counted.", func(b *Bridge) float64 { return float64(b.Forwarded) }),
	ofBridge("bridge_messages_resent_total", prometheus.CounterValue, "bridge/<name>/resent", "Messages that were sent to upstreams again.", func(b *Bridge) float64 { return float64(b.Resent) }),
	ofBridge("bridge_messages_received_total", prometheus.CounterValue, "bridge/<name>/received", "Messages that came from upstreams.", func(b *Bridge) float64 { return float64(b.Received) }),
	ofBridge("bridge_sent_bytes_total", prometheus.CounterValue, "bridge/<name>/bytes/out", "Bytes that were sent to upstreams.", func(b *Bridge) float64 { return float64(b.BytesOut) }),
	ofBridge("bridge_received_bytes_total", prometheus.CounterValue, "bridge/<name>/bytes/in", "Bytes that came from upstreams.", func(b *Bridge) float64 { return float64(b.BytesIn) }),
	{name: "bridge_messages_dropped_total", topic: "bridge/<name>/dropped/{full,expired,aged,too_large,offline,congested,switch,loop,refused}",
		help: "Messages of a bridge that were dropped, by the reason.", kind: prometheus.CounterValue,
		labels: []string{"bridge", "reason"}, collect: func(r *Reading, emit emit) {
			for _, b := range r.Bridges {
				for reason, n := range b.Dropped {
					emit(float64(n), valid(b.Name), reason)
				}
			}
		}},
}

func ofBridge(name string, kind prometheus.ValueType, topic, help string, value func(*Bridge) float64) family {
	return family{name: name, topic: topic, help: help, kind: kind, labels: []string{"bridge"}, collect: func(r *Reading, emit emit) {
		for i := range r.Bridges {
			emit(value(&r.Bridges[i]), valid(r.Bridges[i].Name))
		}
	}}
}
