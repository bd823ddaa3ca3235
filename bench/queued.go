package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/troupemq/troupe/bench/internal/client"
	"github.com/troupemq/troupe/protocol/packet"
)

// queued makes Sessions, leaves, has messages of QoS 1 published for them, looks at what the broker needs for those, comes
// back for them, and ends the Sessions.
func (r *run) queued(ctx context.Context) (err error) {
	w := r.workload
	defer func() {
		err = errors.Join(err, r.endSessions(ctx, func(j int) client.Options { return r.away(j, false) }))
	}()
	if err := r.leaveSessions(ctx); err != nil {
		return err
	}
	publisher, err := r.dial(ctx, w.Connections, client.Options{ID: w.Name + "-pub-0", Version: packet.V311})
	if err != nil {
		return err
	}
	defer publisher.Close()
	before, err := r.settled(ctx)
	if err != nil {
		return err
	}
	all := w.Connections * w.Count
	body := make([]byte, w.Payload)
	err = r.fill(ctx, publisher, all, func(i int) packet.Publish {
		j, n := i%w.Connections, i/w.Connections
		if len(body) >= client.Stamp {
			client.PutStamp(body, uint32(j), uint64(n), 0)
		}
		return packet.Publish{Topic: fmt.Appendf(nil, "%s/%d", w.Name, j), Payload: body}
	})
	if err != nil {
		return err
	}
	if err := r.noteMemory(ctx, "queued message", all, before); err != nil {
		return err
	}
	return r.replaying(r.fetch(ctx))
}

// away are the options of Session j.
func (r *run) away(j int, keep bool) client.Options {
	return client.Options{ID: fmt.Sprintf("%s-sub-%d", r.workload.Name, j), Version: packet.V311, Keep: keep}
}

// leaveSessions makes the Sessions, each with a Subscription of QoS 1 to a Topic Name of its own, and leaves them.
func (r *run) leaveSessions(ctx context.Context) error {
	w := r.workload
	return r.each(ctx, Connecting, w.Connections, func(ctx context.Context, j int) error {
		c, err := r.dial(ctx, j, r.away(j, true))
		if err != nil {
			return err
		}
		defer c.Close()
		return c.Subscribe(packet.QoS1, fmt.Sprintf("%s/%d", w.Name, j))
	})
}

// fetch comes back for all messages.
func (r *run) fetch(ctx context.Context) func() (int64, error) {
	return func() (int64, error) {
		w := r.workload
		began := time.Now()
		var mu sync.Mutex
		sum, first, last := Replay{Expected: int64(w.Connections * w.Count)}, time.Time{}, began
		err := r.each(ctx, Draining, w.Connections, func(ctx context.Context, j int) error {
			got, err := r.takeUp(ctx, j, w.Count)
			mu.Lock()
			defer mu.Unlock()
			sum.Received += got.received
			sum.Duplicated += got.repeated
			sum.Reordered += got.disordered
			if got.received > 0 && (first.IsZero() || got.first.Before(first)) {
				first = got.first
			}
			if got.last.After(last) {
				last = got.last
			}
			return err
		})
		sum.Took = last.Sub(began)
		if !first.IsZero() {
			sum.First = first.Sub(began)
		}
		r.result.Took = sum.Took
		r.result.Replay = &sum
		return sum.Received, err
	}
}

// takeUp comes back to Session j for up to n messages, which have been numbered from 0.
func (r *run) takeUp(ctx context.Context, j, n int) (collected, error) {
	c, err := r.dial(ctx, j, r.away(j, true))
	if err != nil {
		return collected{}, err
	}
	defer c.Close()
	if !c.SessionPresent {
		return collected{}, fmt.Errorf("%s: the broker has forgotten the Session", c.ID)
	}
	var s sequence
	return r.collect(ctx, c, n, func(_, payload []byte) verdict {
		if len(payload) < client.Stamp {
			return wanted
		}
		flow, number, _ := client.ReadStamp(payload)
		if flow != uint32(j) {
			return foreign
		}
		switch a, _ := s.arrive(number); a {
		case duplicate:
			return again
		case late:
			return disordered
		}
		return wanted
	})
}

// endSessions ends the Sessions, also after a run that was cut short.
func (r *run) endSessions(ctx context.Context, options func(j int) client.Options) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	err := r.each(ctx, Draining, r.workload.Connections, func(ctx context.Context, j int) error {
		c, err := r.dial(ctx, j, options(j))
		if err == nil {
			c.Close()
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("the %d sessions of the run could not be ended: %w", r.workload.Connections, err)
	}
	return nil
}
