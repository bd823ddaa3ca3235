package main

import "context"

// loss has everything acknowledged, kills the broker at once, starts it again where it was, and counts what is left.
func loss(ctx context.Context, b *subject, c *column) error {
	if _, err := b.start(ctx); err != nil {
		return err
	}
	if _, err := b.leave(ctx); err != nil {
		return err
	}
	queued, err := b.enqueue(ctx)
	if err != nil {
		return err
	}
	retained, err := b.retain(ctx)
	if err != nil {
		return err
	}
	if err := b.crash(); err != nil {
		return err
	}
	c.set("queued messages acknowledged within", seconds(queued))
	c.set("retained messages acknowledged within", seconds(retained))
	answered, err := b.start(ctx)
	if err != nil {
		return err
	}
	c.set("after kill -9, start to CONNACK", seconds(answered))
	f, err := b.count(ctx)
	if err != nil {
		return err
	}
	c.lost(b, f)
	if !f.last.IsZero() {
		c.set("start until the last message came", seconds(f.last.Sub(b.began)))
	}
	return nil
}
