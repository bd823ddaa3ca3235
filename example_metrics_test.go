package troupe_test

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupemq/troupe"
)

// Two brokers in the registry of the program, which keeps them apart by the label
// broker. promhttp.HandlerFor answers Prometheus with it.
func ExampleBroker_Metrics() {
	ctx := context.Background()
	broker := func(name string) *troupe.Broker {
		b, err := troupe.New(troupe.WithName(name), troupe.WithDataDir(""), troupe.WithoutListeners())
		if err != nil {
			panic(err)
		}
		if err := b.Start(ctx); err != nil {
			panic(err)
		}
		return b
	}
	lines, offices := broker("lines"), broker("offices")
	defer lines.Shutdown(ctx)

	registry := prometheus.NewRegistry()
	registry.MustRegister(lines.Metrics(), offices.Metrics())

	_ = offices.Shutdown(ctx)
	families, err := registry.Gather()
	if err != nil {
		panic(err)
	}
	for _, f := range families {
		if f.GetName() == "troupe_up" {
			for _, m := range f.GetMetric() {
				fmt.Println(f.GetName(), m.GetLabel()[0].GetValue(), m.GetGauge().GetValue())
			}
		}
	}
	// Output:
	// troupe_up lines 1
	// troupe_up offices 0
}
