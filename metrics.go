package troupe

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/bridge"
	"github.com/troupemq/troupe/internal/httpserver"
	"github.com/troupemq/troupe/internal/metrics"
)

// At the address of the metrics whoever takes longer, and the connections beyond
// so many, are turned away.
const (
	scrapeMost        = 30 * time.Second
	scrapeConnections = 16
)

// metering is what tells Prometheus of an instance.
type metering struct {
	collector *metrics.Collector
	tree      atomic.Pointer[tree] // nil: the instance does not run
	began     time.Time            // before there is a tree
	socket    net.Listener         // nil: there is no address
	server    *httpserver.Server   // on socket; nil: not yet
}

// Metrics collects what the instance counts, for a registry of the program:
//
//	registry.MustRegister(broker.Metrics())
//
// docs/metrics.md lists what there is, and [configs.Metrics] has the instance answer
// Prometheus itself. Each sample has the label broker with the name of the
// instance, so that any number of Brokers can be in one registry, as long as their
// names differ; to put one in the place of another of the same name, Unregister that. All
// calls return the same Collector. It costs nothing until a registry asks it, and
// waits for nothing then. Before Start and after Shutdown all it says is that
// the instance is not up.
func (b *Broker) Metrics() prometheus.Collector {
	if b.none() {
		return prometheus.NewRegistry() // which collects nothing
	}
	return b.metrics.collector
}

// metricsOfAll are those of all instances of the process, as far as whoever looks
// after them has them, or of this one.
func (b *Broker) metricsOfAll() prometheus.Collector {
	if all, ok := b.instances.(interface{ Metrics() prometheus.Collector }); ok {
		return all.Metrics()
	}
	return b.Metrics()
}

// reading is how the instance is now.
func (b *Broker) reading() metrics.Reading {
	t := b.metrics.tree.Load()
	if t == nil {
		return metrics.Reading{}
	}
	r := metrics.Reading{
		Counters: t.counters, Began: b.metrics.began, Version: Version(), Rate: t.rate.Figures(time.Now().UnixMilli()), Disk: -1,
		Bridges: t.measureBridges(time.Now()),
	}
	if s, ok := t.storage.bounded(); ok {
		r.Disk = s.Taken()
	}
	for _, s := range t.shares {
		measured := metrics.Share{Key: s.key, Used: -1, Limit: s.limit()}
		if s.used != nil {
			measured.Used = max(0, s.used())
		}
		r.Shares = append(r.Shares, measured)
	}
	return r
}

// measureBridges is how the bridges are now.
func (t *tree) measureBridges(now time.Time) []metrics.Bridge {
	t.bridges.mu.Lock()
	defer t.bridges.mu.Unlock()
	all := make([]metrics.Bridge, 0, len(t.bridges.names))
	for _, name := range t.bridges.names {
		running := t.bridges.running[name]
		if running == nil {
			continue
		}
		s := statusOf(running.handle, now)
		m := metrics.Bridge{
			Name: s.Name, Upstream: s.Upstream, Paused: s.State == string(bridge.Paused), Strained: s.Strained,
			Switches: s.Switches, Attempts: running.handle.Attempts.Load(), Retries: s.Retries,
			Queued: s.Queued, QueuedBytes: s.QueuedBytes, Spooled: s.Spooled, QueuedAge: s.QueuedAge,
			Inflight: s.Inflight, Forwarded: s.Forwarded, Resent: s.Resent, Received: s.Received, BytesOut: s.BytesOut, BytesIn: s.BytesIn,
			Dropped: s.Dropped,
		}
		for _, u := range s.Upstreams {
			m.Upstreams = append(m.Upstreams, u.Name)
		}
		all = append(all, m)
	}
	return all
}

// openMetrics opens the address of the metrics, if there is one.
func (b *Broker) openMetrics(ctx context.Context) (err error) {
	if address := b.config.Metrics.Address; address != "" {
		b.metrics.socket, err = open(ctx, "metrics", address)
	}
	return err
}

// measure begins to tell of the instance, and to answer at the address of the metrics.
func (b *Broker) measure(t *tree) {
	m := &b.metrics
	m.began = time.Now()
	m.tree.Store(t)
	if m.socket == nil {
		return
	}
	handler := metrics.Only(metrics.Handler(m.collector, b.log))
	m.server = httpserver.Serve(m.socket, handler, httpserver.Options{
		Name: "the address of the metrics", Log: b.log, Exchange: scrapeMost, Connections: scrapeConnections,
	})
	b.log.Info("metrics", zap.Stringer("address", m.socket.Addr()))
}

// close tells of the instance no more. It may be called more than once.
func (m *metering) close() error {
	m.tree.Store(nil)
	switch {
	case m.server != nil:
		return m.server.Close()
	case m.socket != nil:
		_ = m.socket.Close()
	}
	return nil
}
