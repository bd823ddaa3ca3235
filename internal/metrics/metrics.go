// Package metrics tells Prometheus what an instance counts. A [Collector] is
// asked at each scrape and holds nothing between two of them; [Handler] answers
// over HTTP. What there is stands in families.go, and in docs/metrics.md. The
// package has no registry and uses none that is global.
package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupemq/troupe/internal/rate"
	"github.com/troupemq/troupe/internal/telemetry"
)

// Label is the label with the name of the instance, which each sample has. It is not
// called instance: by that name Prometheus has the address that it scraped, and
// would rename ours.
const Label = "broker"

// prefix of all names.
const prefix = "troupe_"

// Reading is what is known of an instance at one moment.
type Reading struct {
	// Counters of the instance; nil: it does not run, and of all else here nothing is known.
	Counters *telemetry.Counters
	// Began is when it was started.
	Began time.Time
	// Version of the program.
	Version string
	// Rate is what limits.rate has held up.
	Rate rate.Figures
	// Disk is how many bytes the data directory takes; negative: it is not known, or there is none.
	Disk int64
	// Shares of the instance.
	Shares []Share
	// Bridges of the instance, by names that differ.
	Bridges []Bridge
}

// Share is one thing that an instance may use so much of.
type Share struct {
	// Key of the configuration that bounds it, which differs from that of the others.
	Key string
	// Used now; negative: of a rate, which is for who asks to make of counters.
	Used int64
	// Limit is the most that may be used; 0: there is no bound.
	Limit int64
}

// Bridge is how a bridge is.
type Bridge struct {
	Name      string
	Upstream  string   // that is in use; empty: none
	Upstreams []string // all of them
	Paused    bool
	Strained  bool

	Switches, Attempts, Retries           int64
	Queued, QueuedBytes, Spooled          int64
	QueuedAge                             time.Duration
	Inflight, Forwarded, Resent, Received int64
	BytesOut, BytesIn                     int64
	Dropped                               map[string]int64 // by reason
}

// Collector is a [prometheus.Collector] of one instance. Those of instances with
// different names can be in one registry.
type Collector struct {
	read  func() Reading
	descs func() []*prometheus.Desc // as in families
}

// New makes the Collector of an instance. read is called at each scrape, on any
// goroutine, several at a time; it must not wait for anything.
func New(name string, read func() Reading) *Collector {
	return &Collector{read, sync.OnceValue(func() []*prometheus.Desc {
		own := prometheus.Labels{Label: name}
		descs := make([]*prometheus.Desc, len(families))
		for i, f := range families {
			descs[i] = prometheus.NewDesc(prefix+f.name, f.help, f.labels, own)
		}
		return descs
	})}
}

// Down is the Collector of an instance that does not run.
func Down(name string) *Collector { return New(name, func() Reading { return Reading{} }) }

// Describe implements prometheus.Collector.
func (c *Collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.descs() {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(out chan<- prometheus.Metric) {
	r, descs := c.read(), c.descs()
	for i, f := range families {
		if r.Counters == nil && !f.always {
			continue
		}
		f.collect(&r, func(value float64, labels ...string) {
			m, err := prometheus.NewConstMetric(descs[i], f.kind, value, labels...)
			if err != nil { // a label that is no text
				m = prometheus.NewInvalidMetric(descs[i], err)
			}
			out <- m
		})
	}
}
