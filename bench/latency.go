package bench

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// recorders is how many histograms the subscribers share, so that they seldom wait for one another.
const recorders = 4

// latencyLimit is the longest latency that a histogram holds; longer ones count as that.
const latencyLimit = 10 * time.Minute

// recorder gathers latencies of messages that were due in the counted span.
type recorder struct {
	from, to int64 // stamps; set before the first message
	shares   [recorders]share
}

type share struct {
	mu        sync.Mutex
	histogram *hdrhistogram.Histogram
}

func newRecorder() *recorder {
	r := new(recorder)
	for i := range r.shares {
		r.shares[i].histogram = hdrhistogram.New(1000, int64(latencyLimit), 3)
	}
	return r
}

// record notes that count messages stamped due were read at now, by subscriber j.
func (r *recorder) record(j int, due, now, count int64) {
	if due < r.from || due >= r.to {
		return
	}
	s := &r.shares[j%recorders]
	s.mu.Lock()
	_ = s.histogram.RecordValues(min(max(now-due, 0), int64(latencyLimit)), count)
	s.mu.Unlock()
}

// latency sums up; nil if nothing was recorded.
func (r *recorder) latency() *Latency {
	all := r.shares[0].histogram
	for i := 1; i < recorders; i++ {
		all.Merge(r.shares[i].histogram)
	}
	if all.TotalCount() == 0 {
		return nil
	}
	at := func(percent float64) time.Duration { return time.Duration(all.ValueAtQuantile(percent)) }
	l := &Latency{Count: all.TotalCount(), P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: time.Duration(all.Max())}
	if text, err := all.Encode(hdrhistogram.V2CompressedEncodingCookieBase); err == nil {
		l.Histogram = string(text)
	}
	return l
}
