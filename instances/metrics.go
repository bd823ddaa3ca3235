package instances

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupemq/troupe/internal/metrics"
)

// Metrics collects what all instances count, for a registry of the program: of
// each what [troupe.Broker.Metrics] does, of those that do not run that they are
// not up. Instances may come and go meanwhile, so the registry cannot know the metrics
// before it asks: it takes the Collector each time that it is registered, which has to be
// once, and cannot unregister it.
func (s *Supervisor) Metrics() prometheus.Collector { return gathering{&s.table} }

type gathering struct{ table *table }

// Describe implements prometheus.Collector.
func (gathering) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (g gathering) Collect(out chan<- prometheus.Metric) {
	for _, i := range g.table.seen.Load().all {
		if measured, ok := i.broker.(interface{ Metrics() prometheus.Collector }); ok {
			measured.Metrics().Collect(out)
			continue
		}
		metrics.Down(i.definition.Config.Name).Collect(out)
	}
}
