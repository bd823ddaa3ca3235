package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupemq/troupe/bench/internal/client"
	"github.com/troupemq/troupe/protocol/packet"
)

const (
	// window is how many messages each publisher has on the way.
	window = 100
	// dialers is how many Sessions are made, or come back, at once.
	dialers = 32
	// silence is how long a broker may take to acknowledge anything.
	silence = time.Minute
	// portsEach is how many connections come from one local address, so that those in TIME_WAIT do not fill its ports.
	portsEach = 8_000
)

func (b *subject) dial(ctx context.Context, n int, id string, keep bool) (*client.Client, error) {
	o := client.Options{Endpoint: b.address, ID: id, Version: packet.V311, Keep: keep, ReadSize: 16 << 10}
	if n /= portsEach; n > 0 && runtime.GOOS == "linux" {
		o.Source = net.IPv4(127, 0, byte(n>>8), byte(n)+1)
	}
	return client.Dial(ctx, o)
}

func sessionID(j int) string { return fmt.Sprintf("durability-%d", j) }

// together has some workers do what is numbered from 0 to n-1, within the time for it.
func (b *subject) together(ctx context.Context, what string, workers, n int, do func(ctx context.Context, i int) error) (time.Duration, error) {
	began := time.Now()
	bounded, cancel := context.WithTimeoutCause(ctx, b.within, fmt.Errorf("%s did not end within %s", what, b.within))
	defer cancel()
	bounded, fail := context.WithCancelCause(bounded)
	defer fail(nil)
	var next atomic.Int64
	var busy sync.WaitGroup
	for range min(workers, n) {
		busy.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && bounded.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := do(bounded, i); err != nil {
					fail(err) // the first is the cause
				}
			}
		})
	}
	busy.Wait()
	took := time.Since(began)
	if err := context.Cause(bounded); err != nil {
		return took, fmt.Errorf("%s: %s: %w", b.peer.Definition.Name, what, err)
	}
	b.say("%s took %s", what, took.Round(time.Millisecond))
	return took, nil
}

// leave makes the Sessions, each with a Subscription, and leaves them.
func (b *subject) leave(ctx context.Context) (time.Duration, error) {
	return b.together(ctx, "making sessions", dialers, b.sessions, func(ctx context.Context, j int) error {
		c, err := b.dial(ctx, j, sessionID(j), true)
		if err != nil {
			return err
		}
		defer c.Close()
		return c.Subscribe(packet.QoS1, fmt.Sprintf("durability/queued/%d", j))
	})
}

// enqueue publishes for the Sessions in turn, and returns when all is acknowledged. The messages for each are numbered.
func (b *subject) enqueue(ctx context.Context) (time.Duration, error) {
	return b.publish(ctx, "queueing", b.queued, func(i int, p *packet.Publish) {
		j := i % b.sessions
		client.PutStamp(p.Payload, uint32(j), uint64(i/b.sessions), 0)
		p.Topic = fmt.Appendf(p.Topic[:0], "durability/queued/%d", j)
	})
}

// retain publishes the Retained Messages, and returns when all are acknowledged.
func (b *subject) retain(ctx context.Context) (time.Duration, error) {
	return b.publish(ctx, "retaining", b.retained, func(i int, p *packet.Publish) {
		client.PutStamp(p.Payload, 0, uint64(i), 0)
		p.Topic = fmt.Appendf(p.Topic[:0], "durability/retained/%d/%d", i/1000, i)
		p.Retain = true
	})
}

// publish sends n messages with QoS 1, over all publishers, and returns when all are acknowledged.
func (b *subject) publish(ctx context.Context, what string, n int, message func(i int, p *packet.Publish)) (time.Duration, error) {
	return b.together(ctx, what, b.publishers, b.publishers, func(ctx context.Context, worker int) error {
		c, err := b.dial(ctx, 0, fmt.Sprintf("durability-%s-%d", what, worker), false)
		if err != nil {
			return err
		}
		defer c.Close()
		defer context.AfterFunc(ctx, c.Cut)()
		own := (n - worker + b.publishers - 1) / b.publishers
		sent, acked := 0, 0
		p := packet.Publish{QoS: packet.QoS1, Payload: make([]byte, b.payload)}
		var out []byte
		for acked < own {
			for out = out[:0]; sent < own && sent-acked < window; sent++ {
				message(worker+sent*b.publishers, &p)
				p.PacketID = uint16(sent%window + 1)
				out = p.Append(out, c.Version)
			}
			if _, err := c.Write(out); err != nil {
				return err
			}
			_ = c.SetReadDeadline(time.Now().Add(silence))
			if _, err := each(c, func(frame []byte) {
				if packet.Type(frame[0]>>4) == packet.TypePuback {
					acked++
				}
			}); err != nil {
				return fmt.Errorf("after %d of %d acknowledgements: %w", acked, own, err)
			}
		}
		return nil
	})
}

// each reads, and visits all packets that have come whole.
func each(c *client.Client, visit func(frame []byte)) (n int, err error) {
	b, err := c.Read()
	if err != nil {
		return 0, err
	}
	at := 0
	for {
		size, err := client.FrameSize(b[at:])
		if err != nil {
			return n, err
		}
		if size == 0 || at+size > len(b) {
			c.Consume(at)
			return n, nil
		}
		visit(b[at : at+size])
		at += size
		n++
	}
}

// receive acknowledges and visits messages until it says that there is enough, or nothing has come for long.
func (b *subject) receive(ctx context.Context, c *client.Client, visit func(topic, payload []byte) (enough bool)) error {
	defer context.AfterFunc(ctx, c.Cut)()
	var replies []byte
	for enough := false; !enough; {
		_ = c.SetReadDeadline(time.Now().Add(b.patience))
		_, err := each(c, func(frame []byte) {
			if packet.Type(frame[0]>>4) != packet.TypePublish {
				return
			}
			l := packet.LayoutOf(frame, c.Version)
			if l.ID > 0 {
				replies = append(replies, byte(packet.TypePuback)<<4, 2, frame[l.ID], frame[l.ID+1])
			}
			enough = visit(frame[l.Topic:l.TopicEnd], frame[l.Payload:]) || enough
		})
		if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil {
			return nil
		}
		if err == nil {
			_, err = c.Write(replies)
			replies = replies[:0]
		}
		if err != nil {
			return err
		}
	}
	return nil
}
