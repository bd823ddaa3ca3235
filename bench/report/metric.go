package report

import "github.com/troupemq/troupe/bench"

// metric is one figure of a Result.
type metric struct {
	key   string // as verdicts and the documentation call it
	title string // with its unit, if the values do not carry theirs
	axis  string // the unit of a chart's axis
	scale float64
	write func(float64) string // in a table
	short func(float64) string // of the ends, in as little room as can be
	more  bool                 // more of it is better
	value func(bench.Result) (float64, bool)
}

// metrics are all, in the order in which tables have them.
func metrics() []metric {
	latency := func(key, title string, of func(bench.Latency) float64) metric {
		return metric{key: key, title: title, axis: "ms", scale: 1e-6, write: span, short: span,
			value: func(r bench.Result) (float64, bool) {
				if r.Latency == nil || r.Latency.Count == 0 {
					return 0, false
				}
				return of(*r.Latency), true
			}}
	}
	return []metric{
		{key: "rate", title: "messages/s", axis: "messages/s", scale: 1, write: count, short: short, more: true,
			value: func(r bench.Result) (float64, bool) {
				if r.Delivery == nil {
					return 0, false
				}
				return r.Delivery.Rate, true
			}},
		{key: "connects", title: "connects/s", axis: "connects/s", scale: 1, write: count, short: short, more: true,
			value: func(r bench.Result) (float64, bool) {
				if r.Connects == nil {
					return 0, false
				}
				return r.Connects.PerSecond, true
			}},
		{key: "memory", title: "resident each", axis: "bytes", scale: 1, write: size, short: size,
			value: func(r bench.Result) (float64, bool) {
				if r.Memory == nil {
					return 0, false
				}
				return r.Memory.Each, true
			}},
		{key: "first", title: "first", axis: "ms", scale: 1e-6, write: span, short: span,
			value: func(r bench.Result) (float64, bool) {
				if r.Replay == nil || r.Replay.First == 0 {
					return 0, false
				}
				return float64(r.Replay.First), true
			}},
		{key: "replay", title: "replay", axis: "ms", scale: 1e-6, write: span, short: span,
			value: func(r bench.Result) (float64, bool) {
				if r.Replay == nil {
					return 0, false
				}
				return float64(r.Replay.Took), true
			}},
		{key: "cpu", title: "CPU s/M", axis: "CPU seconds per million", scale: 1, write: digits, short: digits,
			value: func(r bench.Result) (float64, bool) {
				if r.Usage == nil || r.Usage.CPUPerMillion == 0 {
					return 0, false
				}
				return r.Usage.CPUPerMillion, true
			}},
		latency("p50", "p50", func(l bench.Latency) float64 { return float64(l.P50) }),
		latency("p90", "p90", func(l bench.Latency) float64 { return float64(l.P90) }),
		latency("p99", "p99", func(l bench.Latency) float64 { return float64(l.P99) }),
		latency("p99.9", "p99.9", func(l bench.Latency) float64 { return float64(l.P999) }),
		latency("max", "max", func(l bench.Latency) float64 { return float64(l.Max) }),
		{key: "switches", title: "switches/1,000", axis: "context switches per 1,000 messages", scale: 1, write: digits, short: digits,
			value: switches},
		{key: "peak", title: "peak resident", axis: "MiB", scale: 1. / (1 << 20), write: size, short: size,
			value: func(r bench.Result) (float64, bool) {
				if r.Usage == nil || r.Usage.PeakResident == 0 {
					return 0, false
				}
				return float64(r.Usage.PeakResident), true
			}},
	}
}

// switches is context switches per thousand messages delivered, or connects made.
func switches(r bench.Result) (float64, bool) {
	if r.Usage == nil {
		return 0, false
	}
	n := 0.0
	switch {
	case r.Delivery != nil:
		n = r.Delivery.Rate * r.Took.Seconds()
	case r.Connects != nil:
		n = float64(r.Connects.Count)
	}
	if n == 0 {
		return 0, false
	}
	return 1000 * float64(r.Usage.Voluntary+r.Usage.Involuntary) / n, true
}

func metricOf(key string) metric {
	for _, m := range metrics() {
		if m.key == key {
			return m
		}
	}
	return metric{}
}

// open tells whether latency is what a Workload asks for. In a closed loop it follows from the window and the rate.
func open(w bench.Workload) bool {
	return w.Kind == bench.Messages && len(w.Traffic) > 0 && w.Traffic[0].Loop == bench.Open
}

// headline are the figures that a Workload is run for.
func headline(w bench.Workload) []metric {
	switch {
	case w.Kind == bench.Connects:
		return []metric{metricOf("connects"), metricOf("cpu")}
	case w.Kind == bench.Idle:
		return []metric{metricOf("memory")}
	case w.Kind == bench.Queued:
		return []metric{metricOf("memory"), metricOf("first"), metricOf("replay")}
	case w.Kind == bench.Retained:
		return []metric{metricOf("memory"), metricOf("replay")}
	case open(w):
		return []metric{metricOf("p50"), metricOf("p99"), metricOf("p99.9"), metricOf("cpu")}
	default:
		return []metric{metricOf("rate"), metricOf("cpu")}
	}
}
