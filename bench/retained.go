package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/troupemq/troupe/bench/internal/client"
	"github.com/troupemq/troupe/protocol/packet"
)

// cleanUp is how long a run may take, after its end, to remove what it left in the broker.
const cleanUp = 30 * time.Second

// retained leaves Retained Messages, looks at what the broker needs for them, fetches them all with one subscription to `#`,
// and removes them.
func (r *run) retained(ctx context.Context) (err error) {
	w := r.workload
	before, err := r.settled(ctx)
	if err != nil {
		return err
	}
	publisher, err := r.dial(ctx, 0, client.Options{ID: w.Name + "-pub-0", Version: packet.V311})
	if err != nil {
		return err
	}
	defer publisher.Close()
	body := bytes.Repeat([]byte("r"), w.Payload)
	message := func(i int) packet.Publish {
		return packet.Publish{Retain: true, Topic: fmt.Appendf(nil, "%s/%d/%d", w.Name, i/1000, i), Payload: body}
	}
	defer func() { err = errors.Join(err, r.forget(ctx, publisher, message)) }()
	if err := r.fill(ctx, publisher, w.Count, message); err != nil {
		return err
	}
	if err := r.noteMemory(ctx, "retained message", w.Count, before); err != nil {
		return err
	}
	subscriber, err := r.dial(ctx, 1, client.Options{ID: w.Name + "-sub-0", Version: packet.V311})
	if err != nil {
		return err
	}
	defer subscriber.Close()
	return r.replaying(func() (int64, error) { return r.replay(ctx, subscriber) })
}

// replay subscribes to all Retained Messages and waits for those of the run.
func (r *run) replay(ctx context.Context, subscriber *client.Client) (int64, error) {
	w := r.workload
	prefix, seen := []byte(w.Name+"/"), make([]bool, w.Count)
	began := time.Now()
	if _, err := subscriber.Write(subscriber.AppendSubscribe(nil, packet.QoS1, "#")); err != nil {
		return 0, fmt.Errorf("%s: %w", subscriber.ID, err)
	}
	got, err := r.collect(ctx, subscriber, w.Count, func(topic, _ []byte) verdict {
		i, ok := retainedNumber(topic, prefix)
		switch {
		case !ok || i >= w.Count:
			return foreign // what others have left in this broker
		case seen[i]:
			return again
		}
		seen[i] = true
		return wanted
	})
	r.result.Took = got.last.Sub(began)
	r.result.Replay = &Replay{Expected: int64(w.Count), Received: got.received, Duplicated: got.repeated, Took: r.result.Took}
	if got.received > 0 {
		r.result.Replay.First = got.first.Sub(began)
	}
	return got.received, err
}

// forget removes the Retained Messages, also after a run that was cut short.
func (r *run) forget(ctx context.Context, c *client.Client, message func(int) packet.Publish) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	err := r.fill(ctx, c, r.workload.Count, func(i int) packet.Publish {
		p := message(i)
		p.Payload = nil
		return p
	})
	if err != nil {
		return fmt.Errorf("the %d retained messages of the run could not be removed: %w", r.workload.Count, err)
	}
	return nil
}

// retainedNumber reads the last level of a Topic Name of ours.
func retainedNumber(topic, prefix []byte) (int, bool) {
	rest, ok := bytes.CutPrefix(topic, prefix)
	_, last, more := bytes.Cut(rest, []byte("/"))
	n, err := strconv.Atoi(string(last))
	return n, ok && more && err == nil && n >= 0
}
