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
	options := func(j int, keep bool) client.Options {
		return client.Options{ID: fmt.Sprintf("%s-sub-%d", w.Name, j), Version: packet.V311, Keep: keep}
	}
	defer func() {
		err = errors.Join(err, r.endSessions(ctx, func(j int) client.Options { return options(j, false) }))
	}()
	err = r.each(ctx, Connecting, w.Connections, func(ctx context.Context, j int) error {
		c, err := r.dial(ctx, j, options(j, true))
		if err != nil {
			return err
		}
		defer c.Close()
		return c.Subscribe(packet.QoS1, fmt.Sprintf("%s/%d", w.Name, j))
	})
	if err != nil {
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
	return r.fetch(ctx, func(j int) client.Options { return options(j, true) })
}

// fetch comes back for all messages.
func (r *run) fetch(ctx context.Context, options func(j int) client.Options) error {
	w := r.workload
	began := time.Now()
	var mu sync.Mutex
	sum, last := Replay{Expected: int64(w.Connections * w.Count)}, began
	err := r.each(ctx, Draining, w.Connections, func(ctx context.Context, j int) error {
		c, err := r.dial(ctx, j, options(j))
		if err != nil {
			return err
		}
		defer c.Close()
		if !c.SessionPresent {
			return fmt.Errorf("%s: the broker has forgotten the Session", c.ID)
		}
		var s sequence
		got, err := r.collect(ctx, c, w.Count, func(_, payload []byte) verdict {
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
		mu.Lock()
		defer mu.Unlock()
		sum.Received += got.received
		sum.Duplicated += got.repeated
		sum.Reordered += got.disordered
		if got.last.After(last) {
			last = got.last
		}
		return err
	})
	sum.Took = last.Sub(began)
	r.result.Took = sum.Took
	r.result.Replay = &sum
	return err
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
