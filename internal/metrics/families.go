package metrics

import (
	"slices"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupemq/troupe/internal/telemetry"
)

// family is one metric: the samples under one name.
type family struct {
	name    string // without prefix
	topic   string // of the same below $SYS/broker/, written as in docs/operating.md; empty: there is none
	help    string
	kind    prometheus.ValueType
	labels  []string // besides Label
	always  bool     // there is a sample of an instance that does not run too
	collect func(r *Reading, emit emit)
}

// emit takes a sample, with the values of its labels.
type emit func(value float64, labels ...string)

// one is one of the counters.
type one func(c *telemetry.Counters) *atomic.Int64

// families are what there is, in the order in which docs/metrics.md has it.
var families = slices.Concat([]family{
	{name: "up", help: "1 while the instance runs, otherwise 0, and there are no other samples of it.", kind: prometheus.GaugeValue, always: true,
		collect: func(r *Reading, emit emit) { emit(truth(r.Counters != nil)) }},
	{name: "build_info", topic: "version", help: "Always 1, with the version of troupe.", kind: prometheus.GaugeValue, labels: []string{"version"},
		collect: func(r *Reading, emit emit) { emit(1, valid(r.Version)) }},
	{name: "start_time_seconds", topic: "uptime", help: "When the instance was started, in seconds since 1970.", kind: prometheus.GaugeValue,
		collect: func(r *Reading, emit emit) { emit(float64(r.Began.UnixMilli()) / 1000) }},

	gauge("connections", "connections/open", "Network connections that are open.", func(c *telemetry.Counters) *atomic.Int64 { return &c.ConnectionsOpen }),
	counter("connections_accepted_total", "connections/accepted", "Network connections that were accepted.", func(c *telemetry.Counters) *atomic.Int64 { return &c.ConnectionsAccepted }),
	counter("connections_refused_total", "connections/refused", "Network connections that were refused: over the limit, no CONNECT in time or in order, or not let in.", func(c *telemetry.Counters) *atomic.Int64 { return &c.ConnectionsRefused }),
	gauge("clients_connected", "clients/{connected,active}", "Clients that are connected.", func(c *telemetry.Counters) *atomic.Int64 { return &c.ClientsConnected }),
	gauge("clients_connected_maximum", "clients/maximum", "Most Clients that were connected at once.", func(c *telemetry.Counters) *atomic.Int64 { return &c.ClientsMaximum }),
	gauge("clients_strained", "clients/strained", "Connected Clients that are so far behind that who publishes to them is slowed down.", func(c *telemetry.Counters) *atomic.Int64 { return &c.ClientsStrained }),
	counter("clients_revoked_total", "clients/revoked", "Clients that a reload disconnected, since what let them in holds no more.", func(c *telemetry.Counters) *atomic.Int64 { return &c.ClientsRevoked }),
	gauge("sessions", "clients/total", "Sessions, connected or not.", func(c *telemetry.Counters) *atomic.Int64 { return &c.Sessions }),
	counter("sessions_expired_total", "clients/expired", "Sessions that ended by their Session Expiry Interval.", func(c *telemetry.Counters) *atomic.Int64 { return &c.ClientsExpired }),
	gauge("subscriptions", "subscriptions/count", "Subscriptions, those of the embedding program included.", func(c *telemetry.Counters) *atomic.Int64 { return &c.Subscriptions }),
	gauge("shared_subscriptions", "shared_subscriptions/count", "Of the subscriptions, the shared ones.", func(c *telemetry.Counters) *atomic.Int64 { return &c.SharedSubscriptions }),

	counter("received_bytes_total", "bytes/received", "Bytes of all packets that came in.", func(c *telemetry.Counters) *atomic.Int64 { return &c.BytesReceived }),
	counter("sent_bytes_total", "bytes/sent", "Bytes of all packets that were sent.", func(c *telemetry.Counters) *atomic.Int64 { return &c.BytesSent }),
	counter("packets_received_total", "messages/received", "MQTT packets of all types that came in.", func(c *telemetry.Counters) *atomic.Int64 { return &c.PacketsReceived }),
	counter("packets_sent_total", "messages/sent", "MQTT packets of all types that were sent.", func(c *telemetry.Counters) *atomic.Int64 { return &c.PacketsSent }),
	counter("messages_received_total", "publish/messages/received", "PUBLISH packets that came in.", func(c *telemetry.Counters) *atomic.Int64 { return &c.PublishReceived }),
	counter("messages_sent_total", "publish/messages/sent", "PUBLISH packets that were sent.", func(c *telemetry.Counters) *atomic.Int64 { return &c.PublishSent }),
	counter("messages_received_bytes_total", "publish/bytes/received", "Bytes of the PUBLISH packets that came in.", func(c *telemetry.Counters) *atomic.Int64 { return &c.PublishBytesIn }),
	counter("messages_sent_bytes_total", "publish/bytes/sent", "Bytes of the PUBLISH packets that were sent.", func(c *telemetry.Counters) *atomic.Int64 { return &c.PublishBytesOut }),
	counters("messages_dropped_total", "reason", "dropped/{congested,offline,queue_full,expired,too_large,invalid,broken,unread,retained,switch,loop}",
		"Messages that were dropped, by the reason. Of offline, invalid and loop nothing is lost that anybody was promised.", map[string]one{
			"congested":  func(c *telemetry.Counters) *atomic.Int64 { return &c.DroppedCongested },
			"offline":    func(c *telemetry.Counters) *atomic.Int64 { return &c.DroppedOffline },
			"queue_full": func(c *telemetry.Counters) *atomic.Int64 { return &c.DroppedQueueFull },
			"expired":    func(c *telemetry.Counters) *atomic.Int64 { return &c.DroppedExpired },
			"too_large":  func(c *telemetry.Counters) *atomic.Int64 { return &c.DroppedTooLarge },
			"invalid":    func(c *telemetry.Counters) *atomic.Int64 { return &c.DroppedInvalid },
			"broken":     func(c *telemetry.Counters) *atomic.Int64 { return &c.DroppedBroken },
			"unread":     func(c *telemetry.Counters) *atomic.Int64 { return &c.DroppedUnread },
			"retained":   func(c *telemetry.Counters) *atomic.Int64 { return &c.DroppedRetained },
			"switch":     func(c *telemetry.Counters) *atomic.Int64 { return &c.DroppedSwitch },
			"loop":       func(c *telemetry.Counters) *atomic.Int64 { return &c.DroppedLoop },
		}),
	counters("refused_total", "reason", "refused/{denied,quota,peer}",
		"What was refused. denied: publishes and Topic Filters that a Client had no right to; quota: publishes, with 0x97; peer: messages that a Client or an upstream answered with an error.", map[string]one{
			"denied": func(c *telemetry.Counters) *atomic.Int64 { return &c.Denied },
			"quota":  func(c *telemetry.Counters) *atomic.Int64 { return &c.RefusedQuota },
			"peer":   func(c *telemetry.Counters) *atomic.Int64 { return &c.RefusedByPeer },
		}),

	gauge("queued_messages", "", "Messages that wait in Sessions.", func(c *telemetry.Counters) *atomic.Int64 { return &c.MessagesQueued }),
	gauge("queued_bytes", "", "Bytes of the messages that wait in Sessions.", func(c *telemetry.Counters) *atomic.Int64 { return &c.BytesQueued }),
	gauge("queued_memory_bytes", "store/messages/resident", "Of the bytes that wait in Sessions, those in memory; the rest is on disk alone.", func(c *telemetry.Counters) *atomic.Int64 { return &c.BytesResident }),
	gauge("retained_messages", "retained messages/count", "Retained Messages.", func(c *telemetry.Counters) *atomic.Int64 { return &c.RetainedMessages }),
	gauge("retained_bytes", "", "Bytes of the Retained Messages.", func(c *telemetry.Counters) *atomic.Int64 { return &c.RetainedBytes }),
	gauge("retained_own_messages", "retained messages/own", "Of the Retained Messages, those of the broker itself, below $SYS/, which no bound holds.", func(c *telemetry.Counters) *atomic.Int64 { return &c.RetainedOwn }),
	gauge("retained_own_bytes", "retained messages/own bytes", "Bytes of them.", func(c *telemetry.Counters) *atomic.Int64 { return &c.RetainedOwnBytes }),
	gauge("retained_memory_bytes", "retained messages/resident", "Of the bytes of Retained Messages, those in memory; the rest is on disk alone.", func(c *telemetry.Counters) *atomic.Int64 { return &c.RetainedResident }),

	{name: "store_bytes", topic: "storage/bytes", help: "Bytes that the data directory takes, about, without files of a merge that is under way.", kind: prometheus.GaugeValue,
		collect: func(r *Reading, emit emit) {
			if r.Disk >= 0 {
				emit(float64(r.Disk))
			}
		}},
	counter("store_commits_total", "storage/groups", "Groups of changes that were committed to the store.", func(c *telemetry.Counters) *atomic.Int64 { return &c.StoreGroups }),
	gauge("store_stalled", "storage/stalled", "1 while nothing can be written; the log says why.", func(c *telemetry.Counters) *atomic.Int64 { return &c.StoreStalled }),
	gauge("store_tight", "storage/tight", "1 while messages wait since the data directory takes almost persistence.max_disk.", func(c *telemetry.Counters) *atomic.Int64 { return &c.StoreTight }),
	counter("store_full_total", "storage/full", "Attempts to write that found too little room.", func(c *telemetry.Counters) *atomic.Int64 { return &c.StoreFull }),
	counter("store_failures_total", "storage/failed", "Errors of the disk after which nothing was written any more.", func(c *telemetry.Counters) *atomic.Int64 { return &c.StoreFailed }),

	counters("actors_failed_total", "kind", "actors/failed/{connection,session,registry,shard,retained,listener,bridge,other}",
		"Failures of the broker's parts, by their kind; above 0 is worth a report.", map[string]one{
			"connection": func(c *telemetry.Counters) *atomic.Int64 { return &c.FailedConnection },
			"session":    func(c *telemetry.Counters) *atomic.Int64 { return &c.FailedSession },
			"registry":   func(c *telemetry.Counters) *atomic.Int64 { return &c.FailedRegistry },
			"shard":      func(c *telemetry.Counters) *atomic.Int64 { return &c.FailedShard },
			"retained":   func(c *telemetry.Counters) *atomic.Int64 { return &c.FailedRetained },
			"listener":   func(c *telemetry.Counters) *atomic.Int64 { return &c.FailedListener },
			"bridge":     func(c *telemetry.Counters) *atomic.Int64 { return &c.FailedBridge },
			"other":      func(c *telemetry.Counters) *atomic.Int64 { return &c.FailedOther },
		}),
	counter("hooks_failed_total", "hooks/failed", "Calls of a function of the embedding program that panicked; logged with their stack.", func(c *telemetry.Counters) *atomic.Int64 { return &c.HooksFailed }),

	{name: "share_used", help: "What is used of what the configuration bounds, in its unit, by the key of the bound. Of a rate there is none: it is the rate of messages_received_total or received_bytes_total.",
		kind: prometheus.GaugeValue, labels: []string{"share"}, collect: func(r *Reading, emit emit) {
			for _, s := range r.Shares {
				if s.Used >= 0 {
					emit(float64(s.Used), s.Key)
				}
			}
		}},
	{name: "share_limit", topic: "limits/{connections,rate/messages,rate/bytes,queued/messages,queued/bytes,queued/memory,retained/messages,retained/bytes,retained/memory,disk}",
		help: "The most that may be used of it. Without a bound there is no sample.",
		kind: prometheus.GaugeValue, labels: []string{"share"}, collect: func(r *Reading, emit emit) {
			for _, s := range r.Shares {
				if s.Limit > 0 {
					emit(float64(s.Limit), s.Key)
				}
			}
		}},
	{name: "slowed_connections", topic: "slowed/waiting", help: "Connections that are not read from now, since limits.rate is used up.", kind: prometheus.GaugeValue,
		collect: func(r *Reading, emit emit) { emit(float64(r.Rate.Waiting)) }},
	{name: "slowed_total", topic: "slowed/count", help: "How often limits.rate was used up.", kind: prometheus.CounterValue,
		collect: func(r *Reading, emit emit) { emit(float64(r.Rate.Episodes)) }},
	{name: "slowed_seconds_total", topic: "slowed/milliseconds", help: "For how long somebody had to wait since limits.rate was used up, in all.", kind: prometheus.CounterValue,
		collect: func(r *Reading, emit emit) { emit(r.Rate.Time.Seconds()) }},
}, bridgeFamilies)

func gauge(name, topic, help string, of one) family {
	return family{name: name, topic: topic, help: help, kind: prometheus.GaugeValue, collect: func(r *Reading, emit emit) { emit(float64(of(r.Counters).Load())) }}
}

func counter(name, topic, help string, of one) family {
	f := gauge(name, topic, help, of)
	f.kind = prometheus.CounterValue
	return f
}

// counters are a family with a label that tells them apart.
func counters(name, label, topic, help string, of map[string]one) family {
	return family{name: name, topic: topic, help: help, kind: prometheus.CounterValue, labels: []string{label}, collect: func(r *Reading, emit emit) {
		for value, of := range of {
			emit(float64(of(r.Counters).Load()), value)
		}
	}}
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// valid is what a label may be.
func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
