// Command compare runs workloads against the broker and a peer in turn, on one
// machine, and prints what each cost: pairs in a closed loop at each QoS (A, B
// and C), fan-out (D), and latency at moderate load, in an open loop (G).
//
// It starts and stops both brokers itself. The peer is Mosquitto where it is
// installed. Absolute figures are those of the machine at that moment; the
// ratios are what to read.
//
//	go run ./bench/compare -for 5s -rounds 3
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"time"
)

func main() {
	seconds := flag.Duration("for", 5*time.Second, "how `long` each workload runs against each broker")
	rounds := flag.Int("rounds", 3, "how often the brokers are measured in turn")
	only := flag.String("only", "", "run one `workload`: A, B, C, D or G")
	troupe := flag.String("troupe", "", "path of a built troupe binary; built from this tree if empty")
	alone := flag.Bool("alone", false, "measure troupe alone, for profiling")
	flag.Parse()
	// The generator must not stop for its own garbage in the middle of a
	// measurement; there is little of it.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(2 << 30)
	if err := run(*seconds, *rounds, *only, *troupe, *alone); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run(length time.Duration, rounds int, only, binary string, alone bool) error {
	dir, err := os.MkdirTemp("", "compare")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if binary == "" {
		if binary, err = build(dir); err != nil {
			return err
		}
	}
	brokers := []broker{{name: "troupe", start: troupeServe(binary)}}
	if peer, ok := mosquitto(dir); ok && !alone {
		brokers = append(brokers, peer)
	} else if !alone {
		fmt.Println("mosquitto is not installed: no peer, no ratios")
	}
	for _, w := range workloads() {
		if only != "" && only != w.name {
			continue
		}
		results := make([][]result, len(brokers))
		for round := range rounds {
			for i, b := range brokers {
				r, err := measure(b, w, length)
				if err != nil {
					return fmt.Errorf("workload %s against %s: %w", w.name, b.name, err)
				}
				fmt.Printf("%s round %d %-10s %s\n", w.name, round+1, b.name, r)
				results[i] = append(results[i], r)
			}
		}
		for i, b := range brokers {
			fmt.Printf("%s median  %-10s %s\n", w.name, b.name, medians(results[i]))
		}
		if len(brokers) == 2 {
			fmt.Printf("%s ratios  %s\n", w.name, ratios(results[0], results[1]))
		}
	}
	return nil
}

// result is one measurement.
type result struct {
	delivered int64
	lost      int64
	rate      float64 // delivered per second
	cost      float64 // broker's CPU seconds per million delivered
	p50, p99  time.Duration
	p999      time.Duration
}

func (r result) String() string {
	s := fmt.Sprintf("%9.0f msg/s  %6.3f CPU s/M  lost %d", r.rate, r.cost, r.lost)
	if r.p50 > 0 {
		s += fmt.Sprintf("  p50 %s  p99 %s  p99.9 %s", r.p50.Round(time.Microsecond), r.p99.Round(time.Microsecond), r.p999.Round(time.Microsecond))
	}
	return s
}

func median[T int64 | float64 | time.Duration](rs []result, of func(result) T) T {
	values := make([]T, len(rs))
	for i, r := range rs {
		values[i] = of(r)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func medians(rs []result) result {
	return result{
		delivered: median(rs, func(r result) int64 { return r.delivered }),
		lost:      median(rs, func(r result) int64 { return r.lost }),
		rate:      median(rs, func(r result) float64 { return r.rate }),
		cost:      median(rs, func(r result) float64 { return r.cost }),
		p50:       median(rs, func(r result) time.Duration { return r.p50 }),
		p99:       median(rs, func(r result) time.Duration { return r.p99 }),
		p999:      median(rs, func(r result) time.Duration { return r.p999 }),
	}
}

// ratios compares round by round, a to b, and takes the medians.
func ratios(a, b []result) string {
	of := func(value func(result) float64) float64 {
		var each []float64
		for i := range a {
			if d := value(b[i]); d != 0 {
				each = append(each, value(a[i])/d)
			}
		}
		slices.Sort(each)
		if len(each) == 0 {
			return 0
		}
		return each[len(each)/2]
	}
	s := fmt.Sprintf("rate %.2f  CPU per message %.3f", of(func(r result) float64 { return r.rate }), of(func(r result) float64 { return r.cost }))
	if a[0].p50 > 0 {
		s += fmt.Sprintf("  p50 %.2f  p99 %.2f  p99.9 %.2f", of(func(r result) float64 { return float64(r.p50) }),
			of(func(r result) float64 { return float64(r.p99) }), of(func(r result) float64 { return float64(r.p999) }))
	}
	return s
}
