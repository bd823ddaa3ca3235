package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/troupemq/troupe/bench"
	"github.com/troupemq/troupe/protocol/packet"
)

// overrides are what flags change of the workloads. Of a workload with several traffics they change the first, which is the one
// that is measured.
type overrides struct {
	clients, publishers, subscribers int
	connections, count, payload      int
	window                           int
	rate                             float64
	qos, publishQoS, subscribeQoS    uint8
	version                          string
	publishVersion, subscribeVersion string
	duration, warmUp                 time.Duration
}

func (o *overrides) addFlags(f *pflag.FlagSet) {
	f.IntVar(&o.clients, "clients", 0, "this many publishers and as many subscribers, or connections")
	f.IntVar(&o.publishers, "publishers", 0, "this many publishers")
	f.IntVar(&o.subscribers, "subscribers", 0, "this many subscribers")
	f.IntVar(&o.connections, "connections", 0, "this many connections, of workloads that are about connections or sessions")
	f.IntVar(&o.count, "count", 0, "this many messages, of workloads that retain or queue them")
	f.IntVar(&o.payload, "payload", 0, "`bytes` of a message; below 24 only the number of messages can be checked")
	f.IntVar(&o.window, "window", 0, "messages on the way per publisher, in a closed loop or of QoS 1 to be acknowledged")
	f.Float64Var(&o.rate, "rate", 0, "messages per second of all publishers together, in an open loop")
	f.Uint8Var(&o.qos, "qos", 0, "QoS of publishers and subscribers: 0, 1 or 2")
	f.Uint8Var(&o.publishQoS, "publish-qos", 0, "QoS of publishers alone")
	f.Uint8Var(&o.subscribeQoS, "subscribe-qos", 0, "QoS of subscribers alone")
	f.StringVar(&o.version, "version", "", "MQTT `version` of publishers and subscribers: 3.1.1 or 5")
	f.StringVar(&o.publishVersion, "publish-version", "", "MQTT `version` of publishers alone")
	f.StringVar(&o.subscribeVersion, "subscribe-version", "", "MQTT `version` of subscribers alone")
	f.DurationVar(&o.duration, "duration", 0, "what is counted of each run, as 5s or 1m")
	f.DurationVar(&o.warmUp, "warm-up", 0, "what runs before anything is counted, as 1s")
}

// load reads the workloads that the arguments name, all of them for "all", and changes them.
func (o *overrides) load(flags *pflag.FlagSet, args []string) ([]bench.Workload, error) {
	if len(args) == 0 {
		return nil, usageError{fmt.Errorf("no workload is named; there are %s, and all, or give the path of a file that ends with .yaml",
			strings.Join(workloadNames(), ", "))}
	}
	if len(args) == 1 && args[0] == "all" {
		args = workloadNames()
	}
	var workloads []bench.Workload
	for _, name := range args {
		w, err := bench.LoadWorkload(name)
		if err != nil {
			return nil, usageError{err}
		}
		if slices.ContainsFunc(workloads, func(other bench.Workload) bool { return other.Name == w.Name }) {
			return nil, usageError{fmt.Errorf("workload %s is named twice", w.Name)}
		}
		workloads = append(workloads, w)
	}
	if err := o.apply(flags, workloads); err != nil {
		return nil, usageError{err}
	}
	for _, w := range workloads {
		if err := w.Validate(); err != nil {
			return nil, usageError{err}
		}
	}
	return workloads, nil
}

// change is what one flag does to a workload; it tells whether that has anything which could change.
type change struct {
	flag string
	do   func(*bench.Workload) bool
}

// apply changes the workloads in place. A flag that means nothing to any of them is refused; of several workloads it changes
// those that it means something to.
func (o *overrides) apply(flags *pflag.FlagSet, workloads []bench.Workload) error {
	changes, err := o.changes(flags)
	if err != nil {
		return err
	}
	for i := range workloads { // its traffic is that of the library
		workloads[i].Traffic = slices.Clone(workloads[i].Traffic)
	}
	for _, c := range changes {
		if !flags.Changed(c.flag) {
			continue
		}
		meant := false
		for i := range workloads {
			if c.do(&workloads[i]) {
				meant = true
				retitle(&workloads[i], c.flag, flags.Lookup(c.flag).Value.String())
			}
		}
		if !meant {
			return fmt.Errorf("--%s means nothing to %s", c.flag, kindsOf(workloads))
		}
	}
	return nil
}

// retitle says in the title what a flag changed, since that tells what the file says.
func retitle(w *bench.Workload, flag, value string) {
	if flag == "duration" || flag == "warm-up" {
		return // of which titles say nothing
	}
	if !strings.Contains(w.Title, "; changed: ") {
		w.Title += "; changed: "
	} else {
		w.Title += ", "
	}
	w.Title += flag + " " + value
}

func (o *overrides) changes(flags *pflag.FlagSet) ([]change, error) {
	versions := map[string]packet.Version{"": 0, "3.1.1": packet.V311, "4": packet.V311, "5": packet.V5, "5.0": packet.V5}
	for name, v := range map[string]string{"version": o.version, "publish-version": o.publishVersion, "subscribe-version": o.subscribeVersion} {
		if _, ok := versions[v]; !ok || v == "" && flags.Changed(name) {
			return nil, fmt.Errorf("--%s: %q is not allowed; allowed: 3.1.1, 5", name, v)
		}
	}
	traffic := func(do func(*bench.Traffic)) func(*bench.Workload) bool {
		return func(w *bench.Workload) bool {
			if len(w.Traffic) > 0 {
				do(&w.Traffic[0])
			}
			return len(w.Traffic) > 0
		}
	}
	loop := func(l bench.Loop, do func(*bench.Traffic)) func(*bench.Workload) bool {
		return func(w *bench.Workload) bool {
			if len(w.Traffic) == 0 || cmp.Or(w.Traffic[0].Loop, bench.Closed) != l {
				return false
			}
			do(&w.Traffic[0])
			return true
		}
	}
	connections := func(n int) func(*bench.Workload) bool {
		return func(w *bench.Workload) bool {
			if w.Connections == 0 {
				return false
			}
			w.Connections, w.Subscriptions = n, min(w.Subscriptions, n)
			return true
		}
	}
	timed := func(do func(*bench.Workload)) func(*bench.Workload) bool {
		return func(w *bench.Workload) bool {
			if w.Duration == 0 {
				return false
			}
			do(w)
			return true
		}
	}
	return []change{
		{"clients", func(w *bench.Workload) bool {
			return traffic(func(t *bench.Traffic) { t.Publishers, t.Subscribers = o.clients, o.clients })(w) || connections(o.clients)(w)
		}},
		{"publishers", traffic(func(t *bench.Traffic) { t.Publishers = o.publishers })},
		{"subscribers", traffic(func(t *bench.Traffic) { t.Subscribers = o.subscribers })},
		{"connections", connections(o.connections)},
		{"count", func(w *bench.Workload) bool {
			if w.Count == 0 {
				return false
			}
			w.Count = o.count
			return true
		}},
		{"payload", func(w *bench.Workload) bool {
			own := w.Count > 0 || w.Kind == bench.Acknowledged
			if own {
				w.Payload = o.payload
			}
			return traffic(func(t *bench.Traffic) { t.Payload = o.payload })(w) || own
		}},
		{"window", func(w *bench.Workload) bool {
			if w.Window > 0 {
				w.Window = o.window
			}
			return loop(bench.Closed, func(t *bench.Traffic) { t.Window = o.window })(w) || w.Window > 0
		}},
		{"rate", loop(bench.Open, func(t *bench.Traffic) { t.Rate = o.rate })},
		{"qos", traffic(func(t *bench.Traffic) { t.PublishQoS, t.SubscribeQoS = packet.QoS(o.qos), packet.QoS(o.qos) })},
		{"publish-qos", traffic(func(t *bench.Traffic) { t.PublishQoS = packet.QoS(o.publishQoS) })},
		{"subscribe-qos", traffic(func(t *bench.Traffic) { t.SubscribeQoS = packet.QoS(o.subscribeQoS) })},
		{"version", traffic(func(t *bench.Traffic) {
			t.PublishVersion, t.SubscribeVersion = versions[o.version], versions[o.version]
		})},
		{"publish-version", traffic(func(t *bench.Traffic) { t.PublishVersion = versions[o.publishVersion] })},
		{"subscribe-version", traffic(func(t *bench.Traffic) { t.SubscribeVersion = versions[o.subscribeVersion] })},
		{"duration", timed(func(w *bench.Workload) { w.Duration = o.duration })},
		{"warm-up", timed(func(w *bench.Workload) { w.WarmUp = o.warmUp })},
	}, nil
}

// kindsOf names workloads by what flags can mean to them.
func kindsOf(workloads []bench.Workload) string {
	var parts []string
	for _, w := range workloads {
		text := fmt.Sprintf("workload %s (%s", w.Name, w.Kind)
		if len(w.Traffic) > 0 {
			text += fmt.Sprintf(", %s loop", cmp.Or(w.Traffic[0].Loop, bench.Closed))
		}
		parts = append(parts, text+")")
	}
	return strings.Join(parts, ", ")
}
