package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eclipse/paho.golang/paho"
	keeper "github.com/eclipse/paho.golang/paho/session/state"
)

// listen makes both Sessions, with a subscription each.
func (w *world) listen(ctx context.Context) error {
	for id, l := range map[string]*listener{"growth-always": &w.always, "growth-sometimes": &w.sometimes} {
		l.id, l.state = id, keeper.NewInMemory()
		if err := w.enter(ctx, l); err != nil {
			return err
		}
		_, err := l.client.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: traffic, QoS: 1}}})
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *world) enter(ctx context.Context, l *listener) (err error) {
	l.client, err = w.connect(ctx, l.id, l.state, func() { l.received.Add(1) })
	return err
}

// comeAndGo leaves one Session alone and comes back to it, in turn.
func (w *world) comeAndGo(ctx context.Context) error {
	tick := time.NewTicker(w.away)
	defer tick.Stop()
	for there := true; ; there = !there {
		select {
		case <-ctx.Done():
			if !there {
				return w.enter(context.WithoutCancel(ctx), &w.sometimes)
			}
			return nil
		case <-tick.C:
		}
		var err error
		if there {
			err = w.sometimes.client.Disconnect(&paho.Disconnect{})
		} else {
			err = w.enter(ctx, &w.sometimes)
		}
		if err != nil {
			return err
		}
	}
}

// finish waits until both Sessions got everything, looks whether all is retained,
// and measures once more. What did not come is a violation.
func (w *world) finish(ctx context.Context) (whole bool, end measurement, err error) {
	whole = true
	for _, l := range []*listener{&w.always, &w.sometimes} {
		if !until(ctx, func() bool { return l.received.Load() >= w.said.Load() }) {
			fmt.Fprintf(w.out, "VIOLATION %s got %d of %d messages that were acknowledged\n", l.id, l.received.Load(), w.said.Load())
			whole = false
		}
		if err := l.client.Disconnect(&paho.Disconnect{}); err != nil {
			return false, end, err
		}
	}
	reader := &listener{id: "growth-reader"}
	if err := w.enter(ctx, reader); err != nil {
		return false, end, err
	}
	_, err = reader.client.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "growth/retained/+", QoS: 1}}})
	if err != nil {
		return false, end, err
	}
	if !until(ctx, func() bool { return reader.received.Load() >= int64(w.topics) }) {
		fmt.Fprintf(w.out, "VIOLATION %d of %d messages are retained\n", reader.received.Load(), w.topics)
		whole = false
	}
	if end, err = w.measure(); err != nil {
		return false, end, err
	}
	fmt.Fprintln(w.out, end)
	return whole, end, errors.Join(reader.client.Disconnect(&paho.Disconnect{}), ctx.Err())
}

// until looks again and again until something is so, within patience.
func until(ctx context.Context, is func() bool) bool {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-timer.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}
