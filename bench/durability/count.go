package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/troupemq/troupe/bench/internal/client"
	"github.com/troupemq/troupe/bench/internal/message"
	"github.com/troupemq/troupe/protocol/packet"
)

// found is what is there of what was acknowledged.
type found struct {
	sessions, queued, retained int       // each counted once
	last                       time.Time // when the last message came
}

// count comes back for everything: first for the Sessions and what waits for them, then for the Retained Messages.
func (b *subject) count(ctx context.Context) (found, error) {
	var f found
	if _, err := b.together(ctx, "counting queued messages", dialers, b.sessions, b.takeUp(&f)); err != nil {
		return f, err
	}
	_, err := b.together(ctx, "counting retained messages", 1, 1, func(ctx context.Context, _ int) error { return b.replay(ctx, &f) })
	return f, err
}

// takeUp comes back to a Session and takes what waits there.
func (b *subject) takeUp(f *found) func(context.Context, int) error {
	var mu sync.Mutex
	return func(ctx context.Context, j int) error {
		c, err := b.dial(ctx, j, sessionID(j), true)
		if err != nil {
			return err
		}
		defer c.Close()
		if !c.SessionPresent {
			return nil // it is lost, with all that waited
		}
		var seen message.Set
		n, most, last := 0, b.queued/b.sessions, time.Time{}
		err = b.receive(ctx, c, func(_, payload []byte) bool {
			if len(payload) < client.Stamp {
				return false
			}
			session, number, _ := client.ReadStamp(payload)
			if session != uint32(j) || number >= uint64(most) || seen.Has(int(number)) {
				return false
			}
			seen.Add(int(number))
			n, last = n+1, time.Now()
			return n == most
		})
		mu.Lock()
		defer mu.Unlock()
		f.sessions++
		f.queued += n
		if last.After(f.last) {
			f.last = last
		}
		return err
	}
}

// replay subscribes to all Retained Messages.
func (b *subject) replay(ctx context.Context, f *found) error {
	c, err := b.dial(ctx, 0, "durability-replay", false)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Write(c.AppendSubscribe(nil, packet.QoS1, "durability/retained/#")); err != nil {
		return err
	}
	var seen message.Set
	return b.receive(ctx, c, func(topic, payload []byte) bool {
		if len(payload) < client.Stamp {
			return false
		}
		_, number, _ := client.ReadStamp(payload)
		if number >= uint64(b.retained) || seen.Has(int(number)) || string(topic) != fmt.Sprintf("durability/retained/%d/%d", number/1000, number) {
			return false
		}
		seen.Add(int(number))
		f.retained++
		f.last = time.Now()
		return f.retained == b.retained
	})
}
