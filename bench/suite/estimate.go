package suite

import (
	"time"

	"github.com/troupemq/troupe/bench"
)

// estimates are how long steps take: what those of the same workload and broker took, else of the same workload, else a guess.
type estimates struct {
	took map[[2]string]time.Duration // by workload and broker; the broker is empty for the last of all
}

func (e *estimates) add(s step, took time.Duration) {
	if e.took == nil {
		e.took = make(map[[2]string]time.Duration)
	}
	e.took[[2]string{s.workload.Name, s.broker.Name}] = took
	e.took[[2]string{s.workload.Name, ""}] = took
}

func (e *estimates) of(s step) time.Duration {
	for _, broker := range []string{s.broker.Name, ""} {
		if took, ok := e.took[[2]string{s.workload.Name, broker}]; ok {
			return took
		}
	}
	return guess(s.workload)
}

// remaining is for the steps ahead, of the first of which so much is spent.
func (e *estimates) remaining(ahead []step, spent time.Duration) (sum time.Duration) {
	for i, s := range ahead {
		left := e.of(s)
		if i == 0 {
			left = max(0, left-spent)
		}
		sum += left
	}
	return sum
}

// guess is for a workload that was not run yet.
func guess(w bench.Workload) time.Duration {
	const around = 2 * time.Second // start and stop of the broker, connections and draining
	const connectsPerSecond, messagesPerSecond = 5_000, 20_000
	connecting := time.Duration(w.Connections) * time.Second / connectsPerSecond
	filling := time.Duration(w.Count*max(1, w.Connections)) * time.Second / messagesPerSecond
	return around + w.WarmUp + w.Duration + connecting + filling
}
