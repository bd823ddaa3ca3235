package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/troupemq/troupe/bench/internal/client"
	"github.com/troupemq/troupe/protocol/packet"
)

// fillWindow is how many messages are on the way to be acknowledged while a broker is filled.
const fillWindow = 1000

// fillBytes is how much is written at once then.
const fillBytes = 64 << 10

// silence is how long a broker may take to say anything that is due.
const silence = 10 * time.Second

// fill publishes n messages with QoS 1 and waits until all are acknowledged.
func (r *run) fill(ctx context.Context, c *client.Client, n int, message func(i int) packet.Publish) error {
	defer r.bound(ctx, c)()
	window := min(fillWindow, c.ReceiveMaximum)
	sent, acked, shown := 0, 0, time.Now()
	var out []byte
	for acked < n {
		for sent < n && sent-acked < window && len(out) < fillBytes {
			p := message(sent)
			p.QoS, p.PacketID = packet.QoS1, uint16(sent%fillWindow+1)
			out = p.Append(out, c.Version)
			sent++
		}
		if len(out) > 0 {
			if _, err := c.Write(out); err != nil {
				return r.broken(ctx, c, err)
			}
			out = out[:0]
			if sent < n && sent-acked < window {
				continue
			}
		}
		_ = c.SetReadDeadline(time.Now().Add(silence))
		frame, err := c.Frame()
		if err != nil {
			return r.broken(ctx, c, err)
		}
		switch packet.Type(frame[0] >> 4) {
		case packet.TypePuback:
			acked++
		case packet.TypeDisconnect:
			return r.broken(ctx, c, client.Disconnected(frame, c.Version))
		}
		if time.Since(shown) >= 100*time.Millisecond {
			shown = time.Now()
			r.show(Filling, int64(acked), int64(n), int64(acked))
		}
	}
	return nil
}

// verdict is what a message is that a subscriber got.
type verdict int

const (
	wanted verdict = iota
	disordered
	again
	foreign
)

// collected is what came.
type collected struct {
	received, disordered, repeated int64
	foreign                        int64     // of no interest, and not counted as received
	first, last                    time.Time // when the first and the last of them did
}

// collect acknowledges and judges messages until n of them have come, or nothing more comes, which is no error.
func (r *run) collect(ctx context.Context, c *client.Client, n int, judge func(topic, payload []byte) verdict) (collected, error) {
	defer r.bound(ctx, c)()
	got := collected{last: time.Now()}
	var replies []byte
	for got.received < int64(n) {
		_ = c.SetReadDeadline(time.Now().Add(r.patience))
		b, err := c.Read()
		if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil {
			return got, nil
		}
		if err != nil {
			return got, r.broken(ctx, c, err)
		}
		at, before := 0, got.received
		for {
			size, err := client.FrameSize(b[at:])
			if err != nil {
				return got, r.broken(ctx, c, err)
			}
			if size == 0 || at+size > len(b) {
				break
			}
			frame := b[at : at+size]
			at += size
			switch packet.Type(frame[0] >> 4) {
			case packet.TypeSuback:
				if err := c.Granted(frame, packet.QoS1); err != nil {
					return got, err
				}
			case packet.TypeDisconnect:
				return got, r.broken(ctx, c, client.Disconnected(frame, c.Version))
			case packet.TypePublish:
				l := packet.LayoutOf(frame, c.Version)
				if l.ID > 0 {
					replies = append(replies, byte(packet.TypePuback)<<4, 2, frame[l.ID], frame[l.ID+1])
				}
				got.count(judge(frame[l.Topic:l.TopicEnd], frame[l.Payload:]))
			}
		}
		c.Consume(at)
		if got.received > before {
			if got.last = time.Now(); before == 0 {
				got.first = got.last
			}
		}
		if _, err := c.Write(replies); err != nil {
			return got, r.broken(ctx, c, err)
		}
		replies = replies[:0]
	}
	return got, nil
}

func (g *collected) count(v verdict) {
	switch v {
	case disordered:
		g.disordered++
		g.received++
	case wanted:
		g.received++
	case again:
		g.repeated++
	case foreign:
		g.foreign++
	}
}

// bound has reads and writes of the client end with ctx.
func (r *run) bound(ctx context.Context, c *client.Client) (release func()) {
	stop := context.AfterFunc(ctx, c.Cut)
	return func() { stop() }
}

// broken words an error of a connection.
func (r *run) broken(ctx context.Context, c *client.Client, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("%s: %w", c.ID, err)
}
