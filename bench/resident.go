package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/troupemq/troupe/bench/internal/process"
)

// A broker's memory has settled when it has not moved by more than settledBy bytes, or a thousandth, for settledFor; who has
// not settled within settledLimit is taken as he is.
const (
	settledBy    = 128 << 10
	settledFor   = time.Second
	settledLimit = 10 * time.Second
)

// settled is the broker's resident memory once it has stopped to change. 0 if its process is not known.
func (r *run) settled(ctx context.Context) (int64, error) {
	if r.target.PID == 0 {
		return 0, nil
	}
	const often = 100 * time.Millisecond
	var low, high int64
	began := time.Now()
	since := began
	for {
		now, err := process.Resident(r.target.PID)
		if err != nil {
			return 0, fmt.Errorf("memory of the broker: %w", err)
		}
		low, high = min(low, now), max(high, now)
		if high-low > max(settledBy, now/1000) {
			low, high, since = now, now, time.Now()
		}
		if time.Since(since) >= settledFor || time.Since(began) >= settledLimit {
			return now, nil
		}
		select {
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		case <-time.After(often):
		}
	}
}

// noteMemory puts into the result what each of count things has added since before.
func (r *run) noteMemory(ctx context.Context, of string, count int, before int64) error {
	if r.target.PID == 0 {
		return nil
	}
	after, err := r.settled(ctx)
	if err != nil {
		return err
	}
	r.result.Memory = &Memory{Of: of, Count: int64(count), Each: float64(after-before) / float64(count)}
	return nil
}
