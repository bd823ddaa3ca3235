package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupemq/troupe/bench/internal/client"
	"github.com/troupemq/troupe/protocol/packet"
)

// ackPatience is how long nothing may be acknowledged until a publisher gives up, and nothing come afterwards until the rest is
// lost: a broker that writes all it has after each change takes its time, and so does one that has acknowledged faster than it
// writes.
const ackPatience = 30 * time.Second

// returning is how many come back at once, so that many to whom something is missing are not waited for one after another.
const returning = 512

// depositor publishes with QoS 1 for one Session whose Client is away. Its goroutine alone writes and reads; the counters are
// for who measures.
type depositor struct {
	client *client.Client
	burst  *client.Burst
	sent   int64 // for the others once it has ended
	acked  atomic.Int64
}

// acknowledged makes Sessions, leaves, has a publisher for each send with QoS 1 as fast as the broker acknowledges, counts the
// acknowledgements of the measured time, comes back for everything, and ends the Sessions.
func (r *run) acknowledged(ctx context.Context) (err error) {
	w := r.workload
	defer func() {
		err = errors.Join(err, r.endSessions(ctx, func(j int) client.Options { return r.away(j, false) }))
	}()
	if err := r.leaveSessions(ctx); err != nil {
		return err
	}
	all := make([]*depositor, w.Connections)
	defer func() {
		for _, d := range all {
			if d != nil {
				d.client.Close()
			}
		}
	}()
	err = r.each(ctx, Connecting, w.Connections, func(ctx context.Context, j int) error {
		c, err := r.dial(ctx, w.Connections+j, client.Options{ID: fmt.Sprintf("%s-pub-%d", w.Name, j), Version: packet.V311})
		if err != nil {
			return err
		}
		burst := client.NewBurst(packet.V311, packet.QoS1, []string{fmt.Sprintf("%s/%d", w.Name, j)}, uint32(j), w.Payload, w.Window)
		all[j] = &depositor{client: c, burst: burst}
		return nil
	})
	if err != nil {
		return err
	}
	rate, err := r.deposit(ctx, all)
	if err != nil {
		return err
	}
	r.result.Delivery = &Delivery{Traffic: w.Name, Rate: rate}
	return r.withdraw(ctx, all)
}

// deposit has all publish for the warm-up and the measured time, and returns how many messages were acknowledged per second of
// the latter.
func (r *run) deposit(ctx context.Context, all []*depositor) (rate float64, err error) {
	sum := func() (n int64) {
		for _, d := range all {
			n += d.acked.Load()
		}
		return n
	}
	var busy sync.WaitGroup
	var stopping atomic.Bool
	began := clock{began: time.Now()}
	for _, d := range all {
		busy.Go(func() {
			defer r.bound(ctx, d.client)()
			if err := d.run(began, r.workload.Window, &stopping); err != nil {
				r.cancel(r.broken(ctx, d.client, err))
			}
		})
	}
	defer busy.Wait()
	defer stopping.Store(true)
	if err := r.watch(ctx, Warming, began, 0, r.workload.WarmUp, sum); err != nil {
		return 0, err
	}
	r.resetPeak()
	before, since := sum(), time.Now()
	used, err := r.used()
	if err != nil {
		return 0, err
	}
	err = r.watch(ctx, Measuring, began, r.workload.WarmUp, r.workload.Duration, sum)
	acked := sum() - before
	r.result.Took = time.Since(since)
	err = errors.Join(err, r.account(used, acked))
	r.notePeak()
	return float64(acked) / r.result.Took.Seconds(), err
}

// run keeps a window of messages on the way until it is to stop, and then waits for what is owed.
func (d *depositor) run(c clock, most int, stopping *atomic.Bool) error {
	window := int64(most)
	least := max(1, window/4) // ever smaller writes would measure system calls
	for {
		open := d.sent - d.acked.Load()
		if stopping.Load() {
			if open == 0 {
				return nil
			}
		} else if free := window - open; free >= least {
			b, n := d.burst.Take(int(free), c.now())
			if _, err := d.client.Write(b); err != nil {
				return err
			}
			d.sent += int64(n)
			continue
		}
		_ = d.client.SetReadDeadline(time.Now().Add(ackPatience))
		b, err := d.client.Read()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil // what is owed is seen to be unacknowledged
		}
		if err != nil {
			return err
		}
		if err := d.take(b); err != nil {
			return err
		}
	}
}

// take counts the acknowledgements in what was read.
func (d *depositor) take(b []byte) error {
	at := 0
	for {
		n, err := client.FrameSize(b[at:])
		if err != nil {
			return err
		}
		if n == 0 || at+n > len(b) {
			break
		}
		if packet.Type(b[at]>>4) == packet.TypePuback {
			d.acked.Add(1)
		}
		at += n
	}
	d.client.Consume(at)
	return nil
}

// withdraw comes back for all messages, and tells of those that were acknowledged how many are there.
func (r *run) withdraw(ctx context.Context, all []*depositor) error {
	d := r.result.Delivery
	for _, from := range all {
		d.Sent += from.sent
		d.Expected += from.acked.Load()
	}
	d.Unacknowledged = d.Sent - d.Expected
	var mu sync.Mutex
	err := r.together(ctx, Draining, returning, len(all), func(ctx context.Context, j int) error {
		got, err := r.takeUp(ctx, j, int(all[j].sent))
		mu.Lock()
		defer mu.Unlock()
		acked := all[j].acked.Load()
		d.Delivered += min(got.received, acked) // what came without having been acknowledged does not make up for others
		d.Duplicated += got.repeated
		d.Reordered += got.disordered
		d.Misrouted += got.foreign
		d.Lost += max(0, acked-got.received)
		return err
	})
	return err
}
