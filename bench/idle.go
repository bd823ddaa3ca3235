package bench

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/troupemq/troupe/bench/internal/client"
	"github.com/troupemq/troupe/protocol/packet"
)

// idle makes connections that say nothing and looks at what the broker needs for them. Then each has to answer once more.
func (r *run) idle(ctx context.Context) error {
	w := r.workload
	clients := make([]*client.Client, w.Connections)
	defer func() {
		for _, c := range clients {
			if c != nil {
				c.Close()
			}
		}
	}()
	before, err := r.settled(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	err = r.each(ctx, Connecting, w.Connections, func(ctx context.Context, i int) error {
		o := client.Options{ID: fmt.Sprintf("%s-%d", w.Name, i), Version: packet.V311, ReadSize: small}
		c, err := r.dial(ctx, i, o)
		if err != nil {
			return err
		}
		clients[i] = c
		if i < w.Subscriptions {
			return c.Subscribe(packet.QoS0, fmt.Sprintf("%s/%d/state", w.Name, i))
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.result.Took = time.Since(began)
	of := "connection"
	if w.Subscriptions == w.Connections {
		of = "connection with a subscription"
	} else if w.Subscriptions > 0 {
		of = fmt.Sprintf("connection, %d of them with a subscription", w.Subscriptions)
	}
	if err := r.noteMemory(ctx, of, w.Connections, before); err != nil {
		return err
	}
	var gone atomic.Int64
	err = r.each(ctx, Draining, w.Connections, func(ctx context.Context, i int) error {
		if clients[i].Ping() != nil {
			gone.Add(1)
		}
		return nil
	})
	n := int64(w.Connections)
	r.result.Connects = &Churn{Count: n, Failed: gone.Load(), PerSecond: float64(n) / r.result.Took.Seconds()}
	return err
}
