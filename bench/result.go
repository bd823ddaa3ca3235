package bench

import "time"

// Result is what one run of a Workload against a Target came to. Its JSON form is part of the reports' schema
// (docs/benchmarks.md): times are in nanoseconds, sizes in bytes.
type Result struct {
	Workload string        `json:"workload"`
	Target   string        `json:"target"`
	Started  time.Time     `json:"started"`
	Took     time.Duration `json:"took"` // the part that was counted

	// Partial says why the run ended before its time, with what was measured until then; empty if it did not.
	Partial string `json:"partial,omitempty"`

	Delivery *Delivery `json:"delivery,omitempty"`
	Latency  *Latency  `json:"latency,omitempty"`
	Usage    *Usage    `json:"usage,omitempty"`
	Memory   *Memory   `json:"memory,omitempty"`
	Connects *Churn    `json:"connects,omitempty"`
	Replay   *Replay   `json:"replay,omitempty"`

	// Beside is how the traffic fared that ran beside the one measured.
	Beside []Delivery `json:"beside,omitempty"`
}

// Delivery compares what was sent with what came, over the whole run, warm-up included; Rate alone is of the counted part.
// Of kind Acknowledged messages come when all have been sent: expected are those that were acknowledged, and Rate is of the
// acknowledgements.
type Delivery struct {
	Traffic    string  `json:"traffic"`
	Sent       int64   `json:"sent"`      // messages published
	Expected   int64   `json:"expected"`  // copies that subscribers should have got of them
	Delivered  int64   `json:"delivered"` // of them, each counted once
	Lost       int64   `json:"lost"`      // the rest
	Duplicated int64   `json:"duplicated"`
	Reordered  int64   `json:"reordered"`           // came after a later one of the same publisher and Topic Name
	Misrouted  int64   `json:"misrouted,omitempty"` // came to a subscriber that had not asked for it
	Rate       float64 `json:"rate"`                // copies delivered per second

	// Refused messages were acknowledged with a Reason Code of 0x80 or above (MQTT 5); nobody should have got them.
	Refused int64 `json:"refused,omitempty"`
	// Unacknowledged messages of QoS 1 and 2 never got their PUBACK or PUBCOMP.
	Unacknowledged int64 `json:"unacknowledged,omitempty"`
}

// Latency is from the time at which a message was due (open loop) or was written (closed loop) until its subscriber read it.
type Latency struct {
	Count int64         `json:"count"`
	P50   time.Duration `json:"p50"`
	P90   time.Duration `json:"p90"`
	P99   time.Duration `json:"p99"`
	P999  time.Duration `json:"p999"`
	Max   time.Duration `json:"max"`
	// Histogram is HdrHistogram's compressed and Base64-encoded form (V2), in nanoseconds.
	Histogram string `json:"histogram,omitempty"`
}

// Usage is what the broker's process used meanwhile, as the kernel tells.
type Usage struct {
	CPU           time.Duration `json:"cpu"`             // user and system
	CPUPerMillion float64       `json:"cpu_per_million"` // seconds per million copies delivered, acknowledgements, or connects
	Voluntary     int64         `json:"voluntary_switches"`
	Involuntary   int64         `json:"involuntary_switches"`
	PeakResident  int64         `json:"peak_resident"`
}

// Memory is resident memory, of the broker's process, that each of a number of things added.
type Memory struct {
	Of    string  `json:"of"` // "connection", "connection with a subscription", "retained message", "queued message"
	Count int64   `json:"count"`
	Each  float64 `json:"each"`
}

// Churn is how fast connections were made and closed.
type Churn struct {
	Count     int64   `json:"count"`
	Failed    int64   `json:"failed"` // or, of those that should stay, were gone
	PerSecond float64 `json:"per_second"`
}

// Replay is how Retained Messages came to a new subscriber to `#`, or queued ones to Clients that came back.
type Replay struct {
	Expected   int64         `json:"expected"`
	Received   int64         `json:"received"` // each counted once
	Duplicated int64         `json:"duplicated,omitempty"`
	Reordered  int64         `json:"reordered,omitempty"`
	First      time.Duration `json:"first,omitempty"` // from SUBSCRIBE, or the first CONNECT, to the first
	Took       time.Duration `json:"took"`            // to the last
}
