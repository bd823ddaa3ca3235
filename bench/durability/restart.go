package main

import (
	"context"

	"github.com/troupemq/troupe/bench/internal/disk"
)

// restart fills a broker step by step, looks after each at what it takes in memory, as it is and when the broker was started
// anew, and then at how long a start with everything takes: after an end in good order, and after SIGKILL.
//
// A process that has just done a lot of work holds memory for that; one that was started anew holds what it needs, and what
// it needed to read.
func restart(ctx context.Context, b *subject, c *column) error {
	if _, err := b.start(ctx); err != nil {
		return err
	}
	before := b.settled(ctx)
	c.set("resident, empty", before.show())

	took, err := b.leave(ctx)
	if err != nil {
		return err
	}
	c.set("sessions made within", seconds(took))
	c.set("resident per session that is away", b.settled(ctx).per(before, b.sessions))
	sessions, err := b.anew(ctx)
	if err != nil {
		return err
	}
	c.set("resident per session, started anew", sessions.per(before, b.sessions))

	if took, err = b.enqueue(ctx); err != nil {
		return err
	}
	c.set("queued messages acknowledged within", seconds(took))
	c.set("resident per queued message", b.settled(ctx).per(sessions, b.queued))
	queued, err := b.anew(ctx)
	if err != nil {
		return err
	}
	c.set("resident per queued message, started anew", queued.per(sessions, b.queued))

	if took, err = b.retain(ctx); err != nil {
		return err
	}
	c.set("retained messages acknowledged within", seconds(took))
	retained := b.settled(ctx)
	c.set("resident per retained message", retained.per(queued, b.retained))
	if err := b.whole(ctx, c); err != nil {
		return err
	}
	f, err := b.count(ctx)
	if err != nil {
		return err
	}
	c.lost(b, f)
	return nil
}

// anew stops the broker in good order, starts it again, and looks at its memory.
func (b *subject) anew(ctx context.Context) (memory, error) {
	if err := b.stop(); err != nil {
		return memory{}, err
	}
	if _, err := b.start(ctx); err != nil {
		return memory{}, err
	}
	return b.settled(ctx), nil
}

// whole measures starts with everything there is.
func (b *subject) whole(ctx context.Context, c *column) error {
	for _, end := range []struct {
		how string
		do  func() error
	}{{"stop", b.stop}, {"kill -9", b.crash}} {
		if err := end.do(); err != nil {
			return err
		}
		if bytes, err := disk.Usage(b.dir); err == nil {
			c.set("directory after "+end.how, size(bytes))
		}
		answered, err := b.start(ctx)
		if err != nil {
			return err
		}
		c.set("after "+end.how+", start to CONNACK", seconds(answered))
		c.set("after "+end.how+", resident", b.settled(ctx).show())
	}
	return nil
}
