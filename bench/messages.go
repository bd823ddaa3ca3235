package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupemq/troupe/bench/internal/client"
)

// lostAfter is how long nothing may come of what is on the way until a publisher no longer waits for it.
const lostAfter = time.Second

// drainPatience is how long nothing may come after publishing has ended until what is missing is lost.
const drainPatience = 3 * time.Second

// drainLimit ends a drain that goes on and on.
const drainLimit = 5 * time.Minute

// staleness is since when a publisher waits for the same.
type staleness struct {
	credit, acks int64
	since        time.Time
}

// messages runs all traffic of a workload of kind Messages.
func (r *run) messages(ctx context.Context) error {
	var all []*traffic
	for i := range r.workload.Traffic {
		t := &traffic{Traffic: r.workload.Traffic[i], stopped: make(chan struct{})}
		t.publishers = make([]*publisher, t.Publishers)
		t.subscribers = make([]*subscriber, t.Subscribers)
		all = append(all, t)
	}
	if all[0].Payload >= client.Stamp {
		all[0].latencies = newRecorder()
	}
	var clients sync.WaitGroup
	var closing atomic.Bool // an end of a connection is no failure any more
	end := sync.OnceFunc(func() {
		closing.Store(true)
		for _, t := range all {
			t.close()
		}
		clients.Wait()
	})
	defer end()
	if err := r.connectAll(ctx, all); err != nil {
		return err
	}

	c := clock{began: time.Now()}
	for _, t := range all {
		t.clock = c
	}
	if l := all[0].latencies; l != nil {
		l.from, l.to = int64(r.workload.WarmUp), int64(r.workload.WarmUp+r.workload.Duration)
	}
	var writing atomic.Int64 // who may still publish
	run := func(id string, do func() error) {
		clients.Go(func() {
			if err := do(); err != nil && !closing.Load() {
				r.cancel(fmt.Errorf("%s: %w", id, err))
			}
		})
	}
	for _, t := range all {
		for _, s := range t.subscribers {
			run(s.client.ID, s.receive)
		}
		for _, p := range t.publishers {
			run(p.client.ID, p.answer)
			if t.Loop == Closed {
				writing.Add(1)
				run(p.client.ID, func() error { defer writing.Add(-1); return p.closed() })
			}
		}
		if t.Loop == Open {
			writing.Add(1)
			run(t.Name+"'s publishers", func() error { defer writing.Add(-1); return t.pace() })
		}
	}
	rates, err := r.measure(ctx, c, all)
	for _, t := range all {
		t.stop()
	}
	if err == nil {
		err = r.drain(ctx, all, &writing)
	}
	r.notePeak()
	end() // nobody counts any more
	for i, t := range all {
		d := t.delivery()
		d.Rate = rates[i]
		if i == 0 {
			r.result.Delivery = &d
			continue
		}
		r.result.Beside = append(r.result.Beside, d)
	}
	if l := all[0].latencies; l != nil {
		r.result.Latency = l.latency()
	}
	return err
}

// connectAll brings up all clients: subscribers before publishers.
func (r *run) connectAll(ctx context.Context, all []*traffic) error {
	number := 0
	for _, part := range []bool{true, false} {
		for _, t := range all {
			from, n := 0, t.Subscribers
			if !part {
				from, n = t.Subscribers, t.Publishers
			}
			first := number
			number += n
			err := r.each(ctx, Connecting, n, func(ctx context.Context, i int) error {
				return t.connect(from+i, func(o client.Options) (*client.Client, error) { return r.dial(ctx, first+i, o) })
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// measure waits for the warm-up and for what is counted, and returns the copies per second of each traffic.
func (r *run) measure(ctx context.Context, c clock, all []*traffic) (rates []float64, err error) {
	rates = make([]float64, len(all))
	look := func() (copies int64) {
		for _, t := range all {
			copies += t.arrived()
			for _, p := range t.publishers {
				p.oversee()
			}
		}
		return copies
	}
	if err := r.watch(ctx, Warming, c, 0, r.workload.WarmUp, look); err != nil {
		return rates, err
	}
	r.resetPeak()
	began, before := time.Now(), make([]int64, len(all))
	for i, t := range all {
		before[i] = t.arrived()
	}
	used, err := r.used()
	if err != nil {
		return rates, err
	}
	err = r.watch(ctx, Measuring, c, r.workload.WarmUp, r.workload.Duration, look)
	r.result.Took = time.Since(began)
	copies := int64(0)
	for i, t := range all {
		n := t.arrived() - before[i]
		copies += n
		rates[i] = float64(n) / r.result.Took.Seconds()
	}
	return rates, errors.Join(err, r.account(used, copies))
}

// oversee has the publisher go on that has waited for long without a sign of what it waits for: the broker has dropped it.
func (p *publisher) oversee() {
	seen := staleness{p.credit.count.Load(), p.acks.count.Load(), time.Now()}
	switch {
	case !p.waiting.Load() || seen.credit != p.stale.credit || seen.acks != p.stale.acks:
		p.stale = seen
	case seen.since.Sub(p.stale.since) >= lostAfter:
		p.stale = seen
		p.forgive.Store(true)
		p.nudge()
	}
}

// drain waits until nobody is writing and nothing is on the way any more.
func (r *run) drain(ctx context.Context, all []*traffic, writing *atomic.Int64) error {
	const often = 5 * time.Millisecond
	began := time.Now()
	var last int64
	since := began
	for n := 0; ; n++ {
		owed, signs, missing := writing.Load() > 0, int64(0), int64(0)
		for _, t := range all {
			d := t.delivery()
			owed = owed || d.Lost > 0 || d.Unacknowledged > 0
			signs += d.Delivered + d.Duplicated - d.Unacknowledged
			missing += d.Lost
		}
		now := time.Now()
		if signs != last {
			last, since = signs, now
		}
		if !owed || now.Sub(since) >= drainPatience || now.Sub(began) >= drainLimit {
			return nil
		}
		if n%20 == 19 {
			r.samplePeak()
			r.show(Draining, signs, signs+missing, signs)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(often):
		}
	}
}
