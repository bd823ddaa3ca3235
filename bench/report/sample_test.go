package report

import (
	"time"

	"github.com/troupemq/troupe/bench"
)

// sample is a made-up comparison in which everything happens that can: loss, a missing broker, runs that failed or ended
// early, figures that are not known, and an end before its time.
func sample() *Report {
	r := &Report{
		Schema:  Schema,
		Command: "troupe bench A G H I J overload --peer troupe,mosquitto,mochi,nanomq",
		Started: time.Date(2026, 11, 21, 16, 30, 0, 0, time.UTC),
		Machine: Machine{System: "Linux 6.18.0", CPU: "AMD EPYC", Cores: 2, Memory: 8 << 30, Go: "go1.26.8"},
		Rounds:  3,
		Workloads: []bench.Workload{
			{Name: "A", Title: "Pairs, QoS 0", Kind: bench.Messages, WarmUp: time.Second, Duration: 5 * time.Second,
				Traffic: []bench.Traffic{{Publishers: 50, Subscribers: 50, Payload: 128, Loop: bench.Closed, Window: 1000}}},
			{Name: "G", Title: "Latency at moderate load, QoS 1", Kind: bench.Messages, WarmUp: time.Second, Duration: 5 * time.Second,
				Traffic: []bench.Traffic{{Publishers: 50, Subscribers: 50, PublishQoS: 1, SubscribeQoS: 1, Payload: 128, Loop: bench.Open, Rate: 10_000}}},
			{Name: "H", Title: "Connect and disconnect", Kind: bench.Connects, Connections: 20, WarmUp: time.Second, Duration: 5 * time.Second},
			{Name: "I", Title: "Idle connections", Kind: bench.Idle, Connections: 15_000, Subscriptions: 15_000},
			{Name: "J", Title: "Retained messages", Kind: bench.Retained, Count: 100_000, Payload: 128},
			{Name: "overload", Title: "Calm clients beside a flood", Kind: bench.Messages, WarmUp: time.Second, Duration: time.Minute,
				Traffic: []bench.Traffic{
					{Name: "calm", Publishers: 5, Subscribers: 5, PublishQoS: 1, SubscribeQoS: 1, PublishVersion: 5, Payload: 128, Loop: bench.Open, Rate: 5_000},
					{Name: "flood", Publishers: 20, Subscribers: 1, Payload: 1024, Press: true, ReadRate: 100},
				}},
		},
		Brokers: []Broker{
			{Name: "troupe", Version: "1.0.0"},
			{Name: "mosquitto", Version: "2.0.11", Notes: "no persistence, no bounds that would drop, TCP_NODELAY"},
			{Name: "mochi", Version: "v2.7.9"},
			{Name: "nanomq", Missing: "no nanomq on PATH, nor at /usr/local/bin/nanomq; get it from https://nanomq.io/downloads or name it with --binary nanomq=PATH"},
			{Name: "null", Version: "1.0.0", Notes: "forwards frames between fixed pairs with no protocol state, the ceiling of this machine", Null: true},
		},
		Ended: "interrupted in workload overload, round 2, against mosquitto",
	}
	scale := map[string]float64{"troupe": 1, "mosquitto": 0.02, "mochi": 0.05, "null": 2}
	for _, w := range r.Workloads {
		for round := 1; round <= 3; round++ {
			for _, b := range r.Brokers {
				if b.Missing != "" || w.Name == "overload" && (round > 2 || round == 2 && b.Name != "troupe" && b.Name != "mosquitto") {
					continue
				}
				r.Runs = append(r.Runs, made(w, b, round, scale[b.Name]))
			}
		}
	}
	return r
}

// made is one run of the sample.
func made(w bench.Workload, b Broker, round int, speed float64) Run {
	wobble := 1 + 0.02*float64(round-2)
	run := Run{Round: round, Result: bench.Result{Workload: w.Name, Target: b.Name, Took: w.Duration,
		Started: time.Date(2026, 11, 21, 16, 30, 10*round, 0, time.UTC)}}
	res := &run.Result
	switch w.Kind {
	case bench.Messages:
		rate := 5_005_004 * speed * wobble
		if open(w) {
			rate = w.Traffic[0].Rate
		}
		sent := int64(rate * 6)
		res.Delivery = &bench.Delivery{Traffic: w.Traffic[0].Name, Sent: sent, Expected: sent, Delivered: sent, Rate: rate}
		at := func(us float64) time.Duration { return time.Duration(us * wobble / speed * 1000) }
		res.Latency = &bench.Latency{Count: sent, P50: at(13), P90: at(25), P99: at(180), P999: at(1630), Max: at(4011)}
		res.Usage = &bench.Usage{CPU: time.Second, CPUPerMillion: 0.19 * wobble / speed, Voluntary: 1000, Involuntary: 2000, PeakResident: int64(20 << 20 * wobble)}
		if len(w.Traffic) > 1 {
			res.Beside = []bench.Delivery{{Traffic: "flood", Sent: 1_000_000, Expected: 1_000_000, Delivered: 6000, Lost: 994_000, Rate: 100}}
		}
	case bench.Connects:
		res.Connects = &bench.Churn{Count: int64(150_000 * speed), PerSecond: 30_000 * speed * wobble}
		res.Usage = &bench.Usage{CPU: time.Second, CPUPerMillion: 20 * wobble / speed, Voluntary: 100, PeakResident: 10 << 20}
	case bench.Idle:
		res.Memory = &bench.Memory{Of: "connection with a subscription", Count: 15_000, Each: 1800 / speed * wobble}
	case bench.Retained:
		res.Memory = &bench.Memory{Of: "retained message", Count: 100_000, Each: 480 / speed * wobble}
		res.Replay = &bench.Replay{Expected: 100_000, Received: 100_000, Took: time.Duration(float64(140*time.Millisecond) / speed * wobble)}
	}
	switch {
	case b.Null && w.Kind != bench.Messages: // it has neither state nor a process of its own
		run.Failed = "the null broker forwards messages between pairs and nothing else"
		run.Result = bench.Result{Workload: w.Name, Target: b.Name}
	case b.Null:
		res.Usage = nil
	case b.Name == "mochi" && w.Name == "A":
		d := res.Delivery
		d.Lost, d.Duplicated, d.Reordered = d.Expected/100, 3, 2
		d.Delivered -= d.Lost
	case b.Name == "mochi" && w.Name == "J":
		res.Replay.Received = 8192
	case b.Name == "mosquitto" && w.Name == "G" && round == 2:
		run.Failed = "mosquitto ended in the middle: exit status 139"
		run.Result = bench.Result{Workload: w.Name, Target: b.Name}
	case b.Name == "mosquitto" && w.Name == "overload" && round == 2:
		res.Took, res.Partial = 12*time.Second, "interrupted"
	case b.Name == "mochi" && w.Name == "H":
		res.Connects.Failed = 7
	}
	return run
}
